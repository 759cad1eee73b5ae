"""Arguments of calls, read from the body of a request or from its query string."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Request

from gateway.http.bodies import body_of, large_body_of
from protocol.errors import (
    MalformedRequest,
    ProtocolError,
    RequestTooLarge,
    TooManyValues,
    UnknownCall,
)
from protocol.wire import json_form
from protocol.wire.fields import NAME_CHARACTERS
from protocol.wire.messages import OPEN_ACTIONS, Action, Operation
from protocol.wire.unpack import LARGE_BYTES, Unpacker
from protocol.wire.values import VALUE_NESTING_LIMIT, Buffer, Reference, Text, Value

MSGPACK_TYPES = frozenset(
    ["application/x-msgpack", "application/msgpack", "application/vnd.msgpack"]
)
_FORM = "application/x-www-form-urlencoded"
_FORM_TYPES = frozenset([_FORM, "multipart/form-data"])

#: Actions that callers may ask for, by their names.
_ACTIONS = {action.value: action for action in OPEN_ACTIONS}

#: Most calls in one request.
BATCH_LIMIT = 1000
#: Most fields in one form.
FORM_LIMIT = 100_000


@dataclass
class CallArguments:
    """Arguments of one call, as its caller gave them."""

    args: list[Value] = field(default_factory=list)
    kwargs: dict[str, Value] = field(default_factory=dict)


def read_arguments(request: Request) -> CallArguments:
    """Read the arguments of a call.

    A body that is a list has positional arguments; an object keywords, whose ``args`` are
    positional; anything else is one positional argument; null or no body means none. Query
    string and form work like an object, with :class:`Text` as values.

    Raises
    ------
    MalformedRequest
        If the body can't be understood, or an argument is in body and query string.
    RequestTooLarge
        If the body is over the limit.
    """
    arguments = _from_body(request)
    for name, values in request.args.lists():
        if name == "async":
            # This parameter is about the answer, not about the call.
            continue
        if name in arguments.kwargs or (name == "args" and arguments.args):
            raise MalformedRequest(f"{name!r:.80} is in the body and in the query string")
        _add_text(arguments, name, values)
    return arguments


def read_body(request: Request) -> Value:
    """Read the value in the body of ``request``; ``None`` without a body.

    Raises
    ------
    MalformedRequest
        If the body can't be understood.
    RequestTooLarge
        If the body is over the limit.
    """
    kind = request.mimetype
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise MalformedRequest(f"bodies in Content-Encoding {encoding:.40} are not understood")
    length = request.content_length
    if kind in MSGPACK_TYPES and length is not None and length >= LARGE_BYTES:
        body: Buffer = large_body_of(request)
    else:
        body = body_of(request)
    if kind in MSGPACK_TYPES:
        if not body:
            return None
        try:
            return Unpacker(nesting_limit=VALUE_NESTING_LIMIT, bounded=True).unpack(body)
        except TooManyValues as error:
            raise RequestTooLarge(f"the body has {error}") from error
        except ProtocolError as error:
            raise MalformedRequest(f"the body is no valid MessagePack: {error}") from error
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise MalformedRequest(f"JSON is UTF-8, not {charset:.40}")
    # Some clients send white space for "nothing".
    text = bytes(body)
    return json_form.loads(text) if text.strip() else None


def read_operations(request: Request) -> Operation | list[Operation]:
    """Read the operation in a MessagePack body, or the list of operations of a batch.

    An operation is ``[action, call, [arg, …], {name: arg, …}]``.

    Raises
    ------
    MalformedRequest
        If the body is no operation.
    RequestTooLarge
        If the body is over the limit.
    """
    value = read_body(request)
    if isinstance(value, list) and value and isinstance(value[0], list):
        return [_operation(fields) for fields in _calls_of_batch(value)]
    return _operation(value)


def read_batch(request: Request) -> list[Operation]:
    """Read the calls in a body: ``[{"call": …, "args": […], "kwargs": {…}}, …]``.

    Raises
    ------
    MalformedRequest
        If the body is no list of calls, or has too many.
    RequestTooLarge
        If the body is over the limit.
    """
    return [_call(index, item) for index, item in enumerate(_calls_of_batch(read_body(request)))]


def _calls_of_batch(value: Value) -> list[Value]:
    if not isinstance(value, list) or not 0 < len(value) <= BATCH_LIMIT:
        raise MalformedRequest(f"a batch is a list of 1 to {BATCH_LIMIT} calls")
    return value


def _call(index: int, value: Value) -> Operation:
    if isinstance(value, dict) and not value.keys() - {"call", "args", "kwargs"}:
        call, args, kwargs = value.get("call"), value.get("args", []), value.get("kwargs", {})
        if isinstance(call, str) and isinstance(args, list) and isinstance(kwargs, dict):
            check_name(call)
            return Operation(Action.CALL_JSON, call, args, kwargs)
    raise MalformedRequest(
        f"call {index} of the batch must have the form "
        '{"call": "name", "args": […], "kwargs": {…}}'
    )


def _operation(fields: Value) -> Operation:
    if (
        not isinstance(fields, list)
        or len(fields) != 4
        or not all(map(isinstance, fields, (str, str, list, dict)))
    ):
        raise MalformedRequest("an operation is [action, call, arguments, arguments by name]")
    action, call, args, kwargs = fields
    check_name(call)
    known = _ACTIONS.get(action)
    if known is None:
        raise MalformedRequest(f"there is no action {action:.40}")
    if known is Action.RELEASE and not all(isinstance(item, Reference) for item in args):
        raise MalformedRequest("only references can be released")
    return Operation(known, call, args, kwargs)


def check_name(call: str) -> None:
    """Refuse names of calls that are too long for a message.

    Raises
    ------
    UnknownCall
        If a name is longer than any of PyNEST's can be.
    """
    if len(call) > NAME_CHARACTERS:
        raise UnknownCall(
            f"PyNEST has no public name of {len(call)} characters; GET /api lists what there is"
        )


def _from_body(request: Request) -> CallArguments:
    arguments = CallArguments()
    if request.mimetype in _FORM_TYPES and not _is_json_in_disguise(request):
        # Checks the body as a whole; Flask then makes the form of it.
        if body_of(request).count(b"&") >= FORM_LIMIT and request.mimetype == _FORM:
            raise RequestTooLarge(f"the form has more than {FORM_LIMIT} fields, the limit of one")
        for name, values in request.form.lists():
            _add_text(arguments, name, values)
        return arguments
    value = read_body(request)
    if isinstance(value, list):
        arguments.args = value
    elif isinstance(value, dict):
        positional = value.pop("args", None)
        arguments.kwargs = value
        if positional is not None:
            arguments.args = positional if isinstance(positional, list) else [positional]
    elif value is not None and value != "":
        arguments.args = [value]
    return arguments


def _is_json_in_disguise(request: Request) -> bool:
    """Return whether a body marked as form is JSON: ``curl -d`` marks bodies so by default."""
    if request.mimetype == "multipart/form-data":
        return False
    body = body_of(request)
    # A form has names and values with "=" in between; text in JSON can have one too.
    return body.lstrip()[:1] in (b"{", b"[", b'"') or (body != b"" and b"=" not in body)


def _add_text(arguments: CallArguments, name: str, values: list[str]) -> None:
    if name == "args":
        arguments.args += [Text((value,)) for value in values]
    else:
        arguments.kwargs[name] = Text(tuple(values))
