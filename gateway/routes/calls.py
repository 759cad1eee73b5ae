"""Addresses of calls: ``/api``, ``/api/<call>``, ``/batch``, ``/operation``, ``/release``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from gateway.http.arguments import (
    BATCH_LIMIT,
    CallArguments,
    check_name,
    read_arguments,
    read_batch,
    read_body,
    read_operations,
)
from gateway.http.errors import facts_reply
from gateway.http.replies import AS_EXACT, accepted_form, answer_reply, json_reply
from gateway.openapi.decorate import JSON, MSGPACK, an_object, described
from gateway.routes.answers import KERNEL_ERRORS, answer
from gateway.services import services
from protocol.errors import MalformedRequest, NestdError
from protocol.wire.messages import OPEN_ACTIONS, Action, Operation
from protocol.wire.values import Reference, Text

calls = Blueprint("calls", __name__)

#: The route that all calls of PyNEST share; each has a path of its own in the document.
CALL_RULE = "/api/<call>"

_TEXT = {"type": "string"}
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


@calls.get("/api")
@described("Calls", reply={JSON: {"type": "array", "items": _TEXT}}, errors=(503,))
def names() -> Response:
    """List the names that can be called or read, sorted."""
    return json_reply(services().kernel.interface().names)


@calls.route(CALL_RULE, methods=["GET", "POST"])
@described(
    "Calls",
    reply={JSON: {}, MSGPACK: {}},
    body={JSON: {}, MSGPACK: {}},
    path={"call": "a name that GET /api lists"},
    errors=(*KERNEL_ERRORS, 404),
    as_job=True,
)
def api(call: str) -> Response:
    """Call a PyNEST function, or read a kernel attribute.

    Each call has a path of its own here.
    """
    if request.method == "HEAD":
        # HEAD promises to change nothing; calls can.
        return Response(status=405, headers={"Allow": "GET, POST, OPTIONS"})
    check_name(call)
    arguments = read_arguments(request)
    wanted = arguments.kwargs.pop("inspect", None)
    if wanted is None:
        operation = Operation(Action.CALL_JSON, call, arguments.args, arguments.kwargs)
        return answer(operation, accepted_form(request), _wants_all_ranks(arguments))
    label = wanted.values[0] if isinstance(wanted, Text) else wanted
    asked = Operation(Action.INSPECT, call, [label])
    result = services().kernel.known(asked) or services().kernel.execute(asked)
    return json_reply({"data": result.value})


@calls.post("/batch")
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
    errors=(*KERNEL_ERRORS, 404),
    as_job=True,
)
def batch() -> Response:
    """Execute several calls in their order, no other calls in between.

    The answer is the list of their results. The first that fails ends it: the error has its
    `index`, from 0, and the `results` of those before it.
    """
    return answer(read_batch(request), accepted_form(request))


@calls.post("/operation")
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
    errors=(*KERNEL_ERRORS, 404),
    errors_as=MSGPACK,
    as_job=True,
)
def operate() -> Response:
    """Execute an operation as this project's own clients send it, MessagePack both ways.

    An operation is a list: action, name of the call, list of arguments, arguments by name. A list
    of operations is executed as `/batch` does.
    """
    try:
        work = read_operations(request)
        known = services().kernel.known(work) if isinstance(work, Operation) else None
        return answer(work, AS_EXACT) if known is None else answer_reply(known, AS_EXACT)
    except NestdError as error:
        return facts_reply(error)


@calls.post("/release")
@described(
    "Our own clients",
    reply={JSON: {"type": "null"}, MSGPACK: {}},
    body={
        JSON: {"type": "array", "items": {"$ref": "#/components/schemas/Reference"}},
        MSGPACK: {"type": "array"},
    },
    errors=KERNEL_ERRORS,
    as_job=True,
)
def release() -> Response:
    """Release kernel objects, of which the body lists references."""
    references = read_body(request)
    if not isinstance(references, list) or not all(
        isinstance(item, Reference) for item in references
    ):
        raise MalformedRequest("the body must be a list of references")
    return answer(Operation(Action.RELEASE, args=references), accepted_form(request))


def _wants_all_ranks(arguments: CallArguments) -> bool:
    """Return whether ``?ranks=all`` asks for every rank's own answer, and drop the argument."""
    if "ranks" not in request.args:
        return False
    wanted = arguments.kwargs.pop("ranks")
    if wanted != Text(("all",)):
        raise MalformedRequest("ranks can only be all")
    return True
