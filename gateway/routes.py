"""The addresses of the server and what each does."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, request

from gateway.arguments import (
    MSGPACK_TYPES,
    CallArguments,
    read_arguments,
    read_body,
    read_operation,
    read_script,
)
from gateway.connection import Connection
from gateway.errors import facts_reply
from protocol import json_form
from protocol.connection_file import ConnectionInfo
from protocol.errors import KernelUnavailable, MalformedRequest, NestdError, Refused
from protocol.messages import Action, Operation, Result
from protocol.values import Packer, Reference, Text, Value
from protocol.version import SERVER_VERSION

routes = Blueprint("routes", __name__)

#: In every reply while there is a kernel, so that the loss of a network shows.
GENERATION_HEADER = "NEST-Kernel-Generation"


def connection() -> Connection:
    """The application's connection to the kernel."""
    found: Connection = current_app.extensions["nestd"]
    return found


@routes.get("/")
def index() -> Response:
    """What runs here. Needs no answer of the kernel, so it is fast also during a run."""
    info = connection().info()
    under_way = connection().under_way
    awaited = connection().awaited()
    state = "starting" if info is None else "busy" if under_way or awaited else "idle"
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
    }
    return _json(body)


def _scripts(info: ConnectionInfo | None) -> str | None:
    """How scripts are confined, for a person."""
    refused: str | None = current_app.extensions["scripts_refused"]
    return f"off: {refused}" if refused else info.scripts if info else None


@routes.get("/healthz")
def healthz() -> Response:
    """The gateway is alive."""
    return _json({"alive": True})


@routes.get("/readyz")
def readyz() -> Response:
    """There is a kernel that takes commands, now or after what it computes."""
    info = connection().info()
    if info is None or not info.process.is_running():
        raise KernelUnavailable("there is no kernel at the moment", retry_after_s=1)
    return _json({"ready": True, "generation": info.generation})


@routes.get("/api")
def names() -> Response:
    """Sorted names of everything that can be called or read."""
    return _json(connection().names())


@routes.route("/api/<call>", methods=["GET", "POST"])
def api(call: str) -> Response:
    """Call a PyNEST function, or read a kernel attribute."""
    if request.method == "HEAD":
        # HEAD promises to change nothing; calls can.
        return Response(status=405, headers={"Allow": "GET, POST, OPTIONS"})
    arguments = read_arguments(request)
    wanted = arguments.kwargs.pop("inspect", None)
    if wanted is None:
        operation = Operation(Action.CALL, call, arguments.args, arguments.kwargs)
        return _execute(operation, _wants_all_ranks(arguments))
    what = wanted.values[0] if isinstance(wanted, Text) else wanted
    value = connection().execute(Operation(Action.INSPECT, call, [what]), False).value
    return _json({"data": value})


@routes.route("/exec", methods=["GET", "POST"])
def run_script() -> Response:
    """Run a script: ``data`` if ``return`` is there, ``stdout`` if anything was printed."""
    if request.method == "HEAD":
        return Response(status=405, headers={"Allow": "GET, POST, DELETE, OPTIONS"})
    refusal: str | None = current_app.extensions["scripts_refused"]
    script = read_script(request)
    if refusal is not None:
        raise Refused(refusal)
    return _reply(connection().run(script))


@routes.delete("/exec")
def end_script() -> Response:
    """End the script that runs now; whether one did."""
    return _json({"ended": connection().end_script()})


@routes.post("/operation")
def operate() -> Response:
    """Execute an operation as our own clients send it; MessagePack both ways."""
    try:
        result = connection().execute(read_operation(request), True)
    except NestdError as error:
        return facts_reply(error)
    return _binary(result, tuples=True)


@routes.post("/release")
def release() -> Response:
    """Drop kernel objects that the caller held references to: a list of references."""
    references = read_body(request)
    if not isinstance(references, list) or not all(
        isinstance(item, Reference) for item in references
    ):
        raise MalformedRequest("the body must be a list of references")
    return _execute(Operation(Action.RELEASE, args=references))


def _execute(operation: Operation, unmerged: bool = False) -> Response:
    return _reply(connection().execute(operation, _accepts_binary(), unmerged))


def _accepts_binary() -> bool:
    return any(kind in MSGPACK_TYPES for kind, quality in request.accept_mimetypes if quality > 0)


def _reply(result: Result) -> Response:
    """The result in the form that the caller accepts."""
    if _accepts_binary():
        return _binary(result)
    reply = _json(result.value)
    reply.headers[GENERATION_HEADER] = result.generation
    return reply


def _binary(result: Result, tuples: bool = False) -> Response:
    body = Packer(tuples=tuples).pack(result.value)
    reply = Response(body, mimetype="application/x-msgpack")
    reply.headers[GENERATION_HEADER] = result.generation
    return reply


def _wants_all_ranks(arguments: CallArguments) -> bool:
    """Whether ``?ranks=all`` asks for every rank's own answer; takes it out of the arguments."""
    if "ranks" not in request.args:
        return False
    wanted = arguments.kwargs.pop("ranks")
    if wanted != Text(("all",)):
        raise MalformedRequest("ranks can only be all")
    return True


def _json(value: Value) -> Response:
    return Response(json_form.dumps(value), mimetype="application/json")
