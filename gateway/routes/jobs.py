"""Addresses of jobs: ``/jobs`` and below."""

from __future__ import annotations

from flask import Blueprint, Response

from gateway.http.errors import error_reply, facts_reply
from gateway.http.replies import AS_EXACT, GENERATION_HEADER, answer_reply, json_reply
from gateway.openapi.decorate import JOB, JSON, MSGPACK, described
from gateway.services import services
from protocol.wire.messages import FINAL_STATES, Failure

jobs = Blueprint("jobs", __name__)

_ID = {"id": "of a job"}


@jobs.get("/jobs")
@described("Jobs", reply={JSON: {"type": "array", "items": JOB}})
def all_jobs() -> Response:
    """List the jobs that are kept and the requests whose callers wait, in order of arrival."""
    return json_reply(services().jobs.all())


@jobs.get("/jobs/<id>")
@described("Jobs", reply={JSON: JOB}, path=_ID, errors=(404,))
def job(id: str) -> Response:
    """Show one job: its state, its place in the queue, its progress."""
    return json_reply(services().jobs.view(id))


@jobs.get("/jobs/<id>/result")
@described(
    "Jobs",
    reply={JSON: {}, MSGPACK: {}},
    accepted={JSON: JOB},
    path=_ID,
    errors=(400, 404, 503),
)
def result(id: str) -> Response:
    """Send the result of a job, as its caller would have got it; 202 and the job until it ends."""
    facts, answer = services().jobs.answer(id)
    if answer is None:
        reply = json_reply(services().jobs.view(id), 202)
        reply.headers["Retry-After"] = "1"
        return reply
    if isinstance(answer, Failure):
        to_reply = facts_reply if facts.accepts == AS_EXACT else error_reply
        answer.error.warnings = tuple(answer.warnings)
        reply = to_reply(answer.error)
        reply.headers[GENERATION_HEADER] = answer.generation or facts.generation
        return reply
    return answer_reply(answer, facts.accepts)


@jobs.get("/jobs/<id>/output")
@described("Jobs", reply={"text/plain": {"type": "string"}}, path=_ID, errors=(404,))
def output(id: str) -> Response:
    """Send what a job's script has printed so far, as text."""
    return Response(services().jobs.output(id), mimetype="text/plain")


@jobs.delete("/jobs/<id>")
@described("Jobs", reply={JSON: JOB}, accepted={JSON: JOB}, path=_ID, errors=(404,))
def cancel(id: str) -> Response:
    """Cancel a job.

    A job that waits ends at once, a simulation at its next slice, a script with its process:
    200 if the job has ended, 202 if it will.
    """
    view = services().jobs.cancel(id)
    return json_reply(view, 200 if view["state"] in FINAL_STATES else 202)
