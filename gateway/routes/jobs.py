"""The addresses of jobs and of what happens."""

from __future__ import annotations

import signal
from typing import Any

from flask import Blueprint, Response, current_app, request

from gateway.events.hub import Events
from gateway.http.errors import error_reply, facts_reply
from gateway.http.replies import AS_EXACT, GENERATION_HEADER, answer_reply, json_reply
from gateway.jobs.jobs import Jobs
from gateway.kernel.client import KernelClient
from gateway.openapi.decorate import JOB, JSON, MSGPACK, an_object, described
from protocol.errors import KernelUnavailable, MalformedRequest, QueueFull, Refused
from protocol.process.identity import signal_process
from protocol.process.polling import poll_until
from protocol.wire.messages import FINAL_STATES, Failure

job_routes = Blueprint("jobs", __name__)

_ID = {"id": "of a job"}

#: How long a kernel that is to be restarted may take to end by itself.
_KERNEL_GRACE_S = 2.0
_KERNEL_END_S = 10.0
#: Readers of events; each keeps a thread.
READERS = 32


def jobs() -> Jobs:
    """The application's jobs."""
    found: Jobs = current_app.extensions["jobs"]
    return found


@job_routes.get("/jobs")
@described("Jobs", reply={JSON: {"type": "array", "items": JOB}})
def all_jobs() -> Response:
    """All jobs that are kept, and requests whose callers wait, in the order of their arrival."""
    return json_reply(jobs().all())


@job_routes.get("/jobs/<id>")
@described("Jobs", reply={JSON: JOB}, path=_ID, errors=(404,))
def one_job(id: str) -> Response:
    """One job: its state, its place in the queue, how far it is."""
    return json_reply(jobs().one(id))


@job_routes.get("/jobs/<id>/result")
@described(
    "Jobs",
    reply={JSON: {}, MSGPACK: {}},
    accepted={JSON: JOB},
    path=_ID,
    errors=(400, 404, 503),
)
def result(id: str) -> Response:
    """What came of a job, as its caller would have got it; 202 and the job while it goes on."""
    facts, answer = jobs().answer(id)
    if answer is None:
        reply = json_reply(jobs().one(id), 202)
        reply.headers["Retry-After"] = "1"
        return reply
    if isinstance(answer, Failure):
        tell = facts_reply if facts.accepts == AS_EXACT else error_reply
        reply = tell(answer.error)
        reply.headers[GENERATION_HEADER] = answer.generation or facts.generation
        return reply
    return answer_reply(answer, facts.accepts)


@job_routes.get("/jobs/<id>/output")
@described("Jobs", reply={"text/plain": {"type": "string"}}, path=_ID, errors=(404,))
def output(id: str) -> Response:
    """What a job's script has printed so far, as text."""
    return Response(jobs().output(id), mimetype="text/plain")


@job_routes.delete("/jobs/<id>")
@described("Jobs", reply={JSON: JOB}, accepted={JSON: JOB}, path=_ID, errors=(404,))
def cancel(id: str) -> Response:
    """End a job: at once if it waits, a simulation at its next slice, a script by ending its
    process. 200 if it has ended, 202 if it will."""
    view = jobs().cancel(id)
    return json_reply(view, 200 if view["state"] in FINAL_STATES else 202)


@job_routes.delete("/kernel")
@described("Server", reply={JSON: an_object({"ended": {"type": "string"}})}, errors=(503,))
def restart() -> Response:
    """End the kernel, whatever it is at; a new one with an empty network follows."""
    connection: KernelClient = current_app.extensions["nestd"]
    info = connection.info()
    if info is not None and not info.is_local:
        raise Refused(
            f"the kernel runs on another host, {info.host}, as a job of its own: end that job there"
        )
    if info is None or not info.process.is_running():
        raise KernelUnavailable("there is no kernel to end; one is starting", retry_after_s=1)
    local = [one.process for one in info.processes if one.host == info.host]

    def has_ended() -> bool:
        return not any(process.is_running() for process in local)

    for sig, patience_s in ((signal.SIGTERM, _KERNEL_GRACE_S), (signal.SIGKILL, _KERNEL_END_S)):
        for process in local:
            signal_process(process, sig)
        if poll_until(has_ended, patience_s):
            break
    return json_reply({"ended": info.generation})


@job_routes.get("/recorders")
@described(
    "Jobs",
    reply={
        JSON: {
            "type": "array",
            "items": an_object(
                {
                    "first": {"type": "integer"},
                    "last": {"type": "integer"},
                    "model": {"type": "string"},
                }
            ),
        }
    },
    errors=(503,),
)
def recorders() -> Response:
    """The recorders of the network, whose events can be followed: ranges of ids, and their model.

    Waits for no simulation and no script; a 503 during a call that can't be interrupted."""
    connection: KernelClient = current_app.extensions["nestd"]
    found = connection.recorders()
    names = ("first", "last", "model")
    return json_reply([dict(zip(names, one, strict=True)) for one in found])


@job_routes.get("/events")
@described(
    "Jobs",
    reply={"text/event-stream": {"type": "string"}},
    query={
        "job": {"type": "string"},
        "recorder": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "last_event_id": {"type": "string"},
    },
    errors=(400, 503),
)
def events() -> Response:
    """What happens, as server-sent events; of one job with ``?job=``, and what recorders record
    with ``?recorder=``, which may be repeated."""
    recorders = request.args.getlist("recorder")
    if not all(one.isdecimal() and 0 < int(one) < 2**31 for one in recorders):
        raise MalformedRequest("recorder must be the id of a node")
    found: Events = current_app.extensions["events"]
    readers: Any = current_app.extensions["event_readers"]
    if not readers.acquire(blocking=False):
        raise QueueFull(f"there are {READERS} readers of events already", retry_after_s=5)
    last_id = request.headers.get("Last-Event-ID") or request.args.get("last_event_id")
    stream = found.stream(request.args.get("job"), [int(one) for one in recorders], last_id)
    reply = Response(stream, mimetype="text/event-stream")
    reply.call_on_close(readers.release)
    # nginx would wait for more, otherwise.
    reply.headers["X-Accel-Buffering"] = "no"
    return reply
