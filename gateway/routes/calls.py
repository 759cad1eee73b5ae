"""The addresses of the server and what each does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, current_app, request

from gateway.http.arguments import (
    BATCH_LIMIT,
    CallArguments,
    read_arguments,
    read_batch,
    read_body,
    read_job_name,
    read_operations,
    read_script,
    wants_async,
)
from gateway.http.deadline import ClientDisconnect
from gateway.http.errors import facts_reply
from gateway.http.metrics import Metrics
from gateway.http.replies import AS_EXACT, AS_JSON, accepted_form, answer_reply, json_reply
from gateway.jobs.jobs import Jobs
from gateway.kernel.client import KernelClient
from gateway.openapi.decorate import HTML, JSON, MSGPACK, an_object, described, or_null
from gateway.routes.pages import page, wants_page
from protocol.errors import MalformedRequest, NestdError, Refused
from protocol.logging import context
from protocol.runtime.connection_file import ConnectionInfo
from protocol.version import SERVER_VERSION
from protocol.wire.messages import OPEN_ACTIONS, Action, Batch, Command, Failure, Operation, Task
from protocol.wire.values import Reference, Text

routes = Blueprint("routes", __name__)

#: The route that all calls of PyNEST share; each has a path of its own in the document.
CALL_RULE = "/api/<call>"

#: Statuses of what the kernel is asked for.
_OF_KERNEL = (400, 413, 503)
_TEXT = {"type": "string"}
_NAMES = {"type": "array", "items": _TEXT}
_OPERATION: dict[str, Any] = {
    "type": "array",
    "prefixItems": [
        {"enum": sorted(action.value for action in OPEN_ACTIONS)},
        _TEXT,
        {"type": "array"},
        {"type": "object"},
    ],
    "minItems": 4,
    "maxItems": 4,
}
_ONE_OR_MORE = {"anyOf": [_TEXT, _NAMES, {"type": "null"}]}


def connection() -> KernelClient:
    """The application's connection to the kernel."""
    found: KernelClient = current_app.extensions["nestd"]
    return found


@routes.get("/")
@described(
    "Server",
    reply={
        JSON: an_object(
            {
                "nest": or_null("string"),
                "mpi": {"type": "boolean"},
                "server": _TEXT,
                "state": {"enum": ["starting", "idle", "busy", "stopping"]},
                "waiting": {"type": "integer", "minimum": 0},
                "awaited": {
                    "type": "array",
                    "items": an_object(
                        {
                            "rank": {"type": "integer"},
                            "since": {"type": "string", "format": "date-time"},
                            "stopped": {"type": "boolean"},
                        }
                    ),
                },
                "ranks": or_null("integer"),
                "generation": or_null("string"),
                "started": or_null("string"),
                "scripts": or_null("string"),
                "refused_connections": {"type": "integer", "minimum": 0},
                "desktop": {"type": "boolean"},
            }
        ),
        HTML: {"type": "string"},
    },
    errors=(503,),
)
def index() -> Response:
    """What runs here: for people a page, for programs JSON.

    Needs no answer of the kernel, so it is fast also during a run.
    """
    if wants_page():
        return page()
    info = connection().info()
    under_way = connection().under_way
    awaited = connection().awaited()
    state = "starting" if info is None else "busy" if under_way or awaited else "idle"
    if connection().status().stopping:
        state = "stopping"
    body: dict[str, Any] = {
        "nest": info.nest if info else None,
        "mpi": info.mpi if info else False,
        "server": SERVER_VERSION,
        "state": state,
        "waiting": under_way,
        "awaited": awaited,
        "ranks": info.ranks if info else None,
        "generation": info.generation if info else None,
        "started": info.started if info else None,
        "scripts": _scripts(info),
        "refused_connections": connection().refusals().total,
        "desktop": current_app.extensions["desktop"] is not None,
    }
    return json_reply(body)


def _scripts(info: ConnectionInfo | None) -> str | None:
    """How scripts are confined, for a person."""
    refused: str | None = current_app.extensions["scripts_refused"]
    return f"off: {refused}" if refused else info.scripts if info else None


@routes.get("/healthz")
@described("Server", reply={JSON: an_object({"alive": {"const": True}})}, open_to_all=True)
def healthz() -> Response:
    """The gateway is alive."""
    return json_reply({"alive": True})


@routes.get("/readyz")
@described(
    "Server",
    reply={JSON: an_object({"ready": {"const": True}, "generation": _TEXT})},
    errors=(503,),
)
def readyz() -> Response:
    """There is a kernel that takes commands, now or after what it computes."""
    info = connection().check()
    connection().refuse_if_stopping()
    return json_reply({"ready": True, "generation": info.generation})


@routes.get("/metrics")
@described("Server", reply={"text/plain": _TEXT, "application/openmetrics-text": _TEXT})
def metrics() -> Response:
    """Measurements for Prometheus."""
    measured: Metrics = current_app.extensions["metrics"]
    text, media_type = measured.text(request.headers.get("Accept", ""))
    return Response(text, content_type=media_type)


@routes.get("/api")
@described("Calls", reply={JSON: _NAMES}, errors=(503,))
def names() -> Response:
    """Sorted names of everything that can be called or read."""
    return json_reply(connection().names())


@routes.route(CALL_RULE, methods=["GET", "POST"])
@described(
    "Calls",
    reply={JSON: {}, MSGPACK: {}},
    body={JSON: {}, MSGPACK: {}},
    path={"call": "a name that GET /api lists"},
    errors=(*_OF_KERNEL, 404),
    as_job=True,
)
def api(call: str) -> Response:
    """Call a PyNEST function, or read a kernel attribute.

    Each of them has a path of its own here.
    """
    if request.method == "HEAD":
        # HEAD promises to change nothing; calls can.
        return Response(status=405, headers={"Allow": "GET, POST, OPTIONS"})
    arguments = read_arguments(request)
    wanted = arguments.kwargs.pop("inspect", None)
    if wanted is None:
        operation = Operation(Action.CALL_JSON, call, arguments.args, arguments.kwargs)
        return _execute(operation, _wants_all_ranks(arguments))
    label = wanted.values[0] if isinstance(wanted, Text) else wanted
    value = connection().execute(Operation(Action.INSPECT, call, [label]), False).value
    return json_reply({"data": value})


@routes.post("/batch")
@described(
    "Calls",
    reply={JSON: {"type": "array"}, MSGPACK: {"type": "array"}},
    body={
        JSON: {
            "type": "array",
            "items": an_object(
                {"call": _TEXT}, {"args": {"type": "array"}, "kwargs": {"type": "object"}}
            )
            | {"additionalProperties": False},
            "minItems": 1,
            "maxItems": BATCH_LIMIT,
        },
        MSGPACK: {"type": "array"},
    },
    errors=(*_OF_KERNEL, 404),
    as_job=True,
)
def batch() -> Response:
    """Execute several calls in their order, nothing of others in between.

    The answer is the list of their results. The first that fails ends it: the error has its
    `index`, from 0, and the `results` of those before it.
    """
    form = accepted_form(request)
    return _answer_batch(read_batch(request), form, form != AS_JSON)


@routes.route("/exec", methods=["GET", "POST"])
@described(
    "Scripts",
    reply={JSON: {"type": "object", "properties": {"data": {}, "stdout": _TEXT}}, MSGPACK: {}},
    body={JSON: an_object({"source": _TEXT}, {"return": _ONE_OR_MORE})},
    query={"source": _TEXT, "return": _TEXT},
    errors=_OF_KERNEL,
    as_job=True,
)
def run_script() -> Response:
    """Run a script of PyNEST.

    The answer has `data` if there is a `return`: the value of the variable that it names, or
    an object of the values of several. It has `stdout` if anything was printed.
    """
    if request.method == "HEAD":
        return Response(status=405, headers={"Allow": "GET, POST, DELETE, OPTIONS"})
    refusal: str | None = current_app.extensions["scripts_refused"]
    script = read_script(request)
    if refusal is not None:
        raise Refused(refusal)
    return _answer(
        lambda id: replace(script, id=id, context=context.current_request()),
        "script",
        accepted_form(request),
    )


@routes.delete("/exec")
@described("Scripts", reply={JSON: an_object({"ended": {"type": "boolean"}})}, errors=(503,))
def end_script() -> Response:
    """End the script that runs now; whether one did."""
    return json_reply({"ended": connection().end_script()})


@routes.post("/operation")
@described(
    "Our own clients",
    reply={MSGPACK: {}},
    body={
        MSGPACK: {
            "anyOf": [
                _OPERATION,
                {"type": "array", "items": _OPERATION, "minItems": 1, "maxItems": BATCH_LIMIT},
            ]
        }
    },
    errors=(*_OF_KERNEL, 404),
    errors_as=MSGPACK,
    as_job=True,
)
def operate() -> Response:
    """Execute an operation as this project's own clients send it; MessagePack both ways.

    An operation is a list: action, name of the call, list of arguments, arguments by name. A list
    of operations is executed as `/batch` does.
    """
    try:
        asked = read_operations(request)
        if isinstance(asked, list):
            return _answer_batch(asked, AS_EXACT, references=True)
        return _answer_operation(asked, AS_EXACT, references=True)
    except NestdError as error:
        return facts_reply(error)


@routes.post("/release")
@described(
    "Our own clients",
    reply={JSON: {"type": "null"}, MSGPACK: {}},
    body={
        JSON: {"type": "array", "items": {"$ref": "#/components/schemas/Reference"}},
        MSGPACK: {"type": "array"},
    },
    errors=_OF_KERNEL,
    as_job=True,
)
def release() -> Response:
    """Drop kernel objects that the caller held references to: a list of references."""
    references = read_body(request)
    if not isinstance(references, list) or not all(
        isinstance(item, Reference) for item in references
    ):
        raise MalformedRequest("the body must be a list of references")
    return _execute(Operation(Action.RELEASE, args=references))


def _execute(operation: Operation, unmerged: bool = False) -> Response:
    form = accepted_form(request)
    return _answer_operation(operation, form, form != AS_JSON, unmerged)


def _answer_operation(
    operation: Operation, form: str, references: bool, unmerged: bool = False
) -> Response:
    origin = context.current_request()
    label = operation.call or operation.action.value
    return _answer(lambda id: Command(id, operation, references, unmerged, origin), label, form)


def _answer_batch(operations: list[Operation], form: str, references: bool) -> Response:
    origin = context.current_request()
    return _answer(lambda id: Batch(id, operations, references, origin), "batch", form)


def _answer(make: Callable[[str], Task], label: str, form: str) -> Response:
    """The reply to what is asked for: what came of it, or where that will be."""
    key = request.headers.get("Idempotency-Key")
    is_async = wants_async(request)
    name = read_job_name(request)
    jobs: Jobs = current_app.extensions["jobs"]
    if key is None and not is_async:
        if name is not None:
            jobs.refuse_kept(name)
        return answer_reply(connection().ask(make, label, _caller(), name), form)
    job = jobs.submit(make, label, form, key)
    if is_async:
        reply = json_reply(jobs.one(job.id), 202)
        reply.headers["Location"] = f"/jobs/{job.id}"
        reply.headers["Preference-Applied"] = "respond-async"
        return reply
    answer = jobs.wait(job)
    if isinstance(answer, Failure):
        raise answer.error
    return answer_reply(answer, form)


def _caller() -> ClientDisconnect | None:
    """Who waits for the answer, if their connection tells and it matters."""
    grace_s: float | None = current_app.extensions["hangup_s"]
    found = request.environ.get("gunicorn.socket")
    return None if grace_s is None or found is None else ClientDisconnect(found, grace_s)


def _wants_all_ranks(arguments: CallArguments) -> bool:
    """Whether ``?ranks=all`` asks for every rank's own answer; takes it out of the arguments."""
    if "ranks" not in request.args:
        return False
    wanted = arguments.kwargs.pop("ranks")
    if wanted != Text(("all",)):
        raise MalformedRequest("ranks can only be all")
    return True
