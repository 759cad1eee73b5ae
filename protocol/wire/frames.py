"""The one file that owns the wire between our processes.

A message is a ZeroMQ multipart message::

    +-------------------+----------------------+----------+----------+--
    | b"NESTD" version  | msgpack: the message | buffer 0 | buffer 1 | …
    +-------------------+----------------------+----------+----------+--
      6 bytes             [type, field, …]       data of the arrays in it

The first frame never changes its form, so peers of different versions can tell each other
so. Arrays lie in frames of their own: sending costs no copy, receiving shares the memory of
the frame. Nothing here does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgpack

from protocol.errors import (
    NestdError,
    ProtocolError,
    VersionMismatch,
    error_from_facts,
    facts_of,
)
from protocol.logging.context import REQUEST_ID, RequestContext
from protocol.wire.messages import (
    BETWEEN_RANKS,
    Action,
    Answered,
    Batch,
    Cancel,
    Command,
    EndScript,
    Event,
    Execute,
    Executed,
    Failure,
    ListRecorders,
    Message,
    Operation,
    PackedArguments,
    Result,
    Script,
    Submit,
    Task,
    Watch,
)
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import Buffer, Reference, Value

MAGIC = b"NESTD"
#: Raised whenever an old peer could misread a new message.
VERSION = 5

#: Most bytes one message may have, all frames together.
SIZE_LIMIT_BYTES = 8 * 2**30
#: Most frames one message may have.
FRAME_LIMIT = 65_536

#: Headers of commands from this size on go to the ranks as they came; others are packed faster.
FORWARD_FROM_BYTES = 4096

_PREAMBLE = MAGIC + bytes([VERSION])


def encode(message: Message, convert: Callable[[Any], Value] | None = None) -> list[Buffer]:
    """The frames of ``message``.

    Parameters
    ----------
    message : to encode
    convert : gives a value for an object in it that is none, or raises ``TypeError``

    Raises
    ------
    ProtocolError
        If the message holds a value that has no form on the wire, or is over a limit.
    """
    frames = _forwarded(message) if isinstance(message, Execute) else None
    if frames is None:
        buffers: list[Buffer] = []
        header = Packer(buffers, tuples=True, convert=convert).pack(_fields(message))
        frames = [_PREAMBLE, header, *buffers]
    _check_limits(frames)
    return frames


def _forwarded(execute: Execute) -> list[Buffer] | None:
    """Return the frames of ``execute`` with the arguments as their command brought them.

    ``None`` if they are no longer the arguments of that command, or if its sender packs other than
    we do, so that they can't be found in its header.
    """
    operation = execute.operation
    packed = operation.packed
    if packed is None:
        return None
    before, after = packed.fields[:4], packed.fields[6:]
    if packed.fields[4] is not operation.args or packed.fields[5] is not operation.kwargs:
        return None
    arguments = _between(packed.frames[1], len(packed.fields), before, after)
    if arguments is None:
        return None
    fields = _fields(execute)
    head, tail = _ends(len(fields), fields[:4], fields[6:])
    return [_PREAMBLE, b"".join([head, arguments, tail]), *packed.frames[2:]]


def _between(
    header: Buffer, count: int, before: list[Value], after: list[Value]
) -> memoryview | None:
    """Return what is in a header of ``count`` fields between the first and the last ones.

    ``None`` if these are not packed in their shortest form.
    """
    view = memoryview(header)
    head, tail = _ends(count, before, after)
    if view[: len(head)] != head or view[len(view) - len(tail) :] != tail:
        return None
    return view[len(head) : len(view) - len(tail)]


def _ends(count: int, before: list[Value], after: list[Value]) -> tuple[bytes, bytes]:
    pack = Packer(tuples=True).pack
    # The heads of lists that are as short as these have one byte.
    head: bytes = msgpack.Packer().pack_array_header(count) + pack(before)[1:]
    return head, pack(after)[1:]


def digest(task: Task, frames: Sequence[Buffer]) -> str:
    """Return what tells ``task`` from others, whatever its id and the HTTP request it is for.

    Parameters
    ----------
    task : to tell from others
    frames : of it, as :func:`encode` gives them
    """
    fields = _fields(task)
    content = _between(frames[1], len(fields), fields[:2], fields[-2:])
    assert content is not None, "frames that this module has not made"
    found = hashlib.sha256(fields[0].encode())
    for part in (content, *frames[2:]):
        found.update(part)
    return found.hexdigest()


def decode(
    frames: Sequence[Buffer],
    reference: Callable[[Reference], Any] | None = None,
    writable: bool = False,
) -> Message:
    """The message in ``frames``.

    Parameters
    ----------
    frames : of one message
    reference : gives what stands in the message for a reference
    writable : whether arrays get memory of their own where they would share read-only memory

    Raises
    ------
    VersionMismatch
        If the sender speaks another version of the protocol.
    ProtocolError
        If the frames are no message, whatever else they are.
    """
    _check_limits(frames)
    if not frames:
        raise ProtocolError("a message without frames")
    preamble = bytes(frames[0])
    if len(preamble) != len(_PREAMBLE) or not preamble.startswith(MAGIC):
        raise ProtocolError("not a message of nestd's protocol")
    if preamble[-1] != VERSION:
        raise VersionMismatch(
            f"the peer speaks version {preamble[-1]} of nestd's protocol and this process "
            f"version {VERSION}: install the same nestd for gateway and kernel"
        )
    if len(frames) < 2:
        raise ProtocolError("a message without header")
    unpacker = Unpacker(list(frames[2:]), reference=reference, writable=writable)
    # Read-only: arrays are not moved in a header that may be sent on.
    fields = unpacker.unpack(memoryview(frames[1]).toreadonly())
    if not isinstance(fields, list) or not fields or not isinstance(fields[0], str):
        raise ProtocolError("a header that is no list beginning with a type")
    parse = _PARSERS.get(fields[0])
    if parse is None:
        raise ProtocolError(f"unknown message type {fields[0]!r:.80}")
    message = parse(fields[1:])
    if isinstance(message, Command) and len(frames[1]) >= FORWARD_FROM_BYTES:
        packed = PackedArguments(frames, fields)
        return replace(message, operation=replace(message.operation, packed=packed))
    return message


def _check_limits(frames: Sequence[Buffer]) -> None:
    if len(frames) > FRAME_LIMIT:
        raise ProtocolError(f"{len(frames)} frames, the limit is {FRAME_LIMIT}")
    size = sum(len(frame) for frame in frames)
    if size > SIZE_LIMIT_BYTES:
        raise ProtocolError(f"{size} bytes in one message, the limit is {SIZE_LIMIT_BYTES}")


def _fields(message: Message) -> list[Any]:
    match message:
        case Command(id, operation, references, unmerged, context, delivery_id):
            fields = [*_operation_fields(operation), references, unmerged]
            return ["command", id, *fields, delivery_id, *_context_fields(context)]
        case Batch(id, operations, references, context, delivery_id):
            fields = [_operation_fields(operation) for operation in operations]
            return ["batch", id, fields, references, delivery_id, *_context_fields(context)]
        case Script(id, source, returns, context, delivery_id):
            return ["script", id, source, returns, delivery_id, *_context_fields(context)]
        case EndScript(id):
            return ["end_script", id]
        case Submit(id):
            return ["submit", id]
        case Cancel(id, target, reason):
            return ["cancel", id, target, reason]
        case Watch(id, recorders, anew):
            return ["watch", id, recorders, anew]
        case ListRecorders(id):
            return ["list_recorders", id]
        case Event(kind, facts):
            return ["event", kind, facts]
        case Result(id, generation, value):
            return ["result", id, generation, value]
        case Failure(id, generation, error):
            return ["failure", id, generation, facts_of(error)]
        case Execute(number, operation, references, context):
            fields = _operation_fields(operation)
            return [
                "execute",
                number,
                *fields,
                references,
                operation.budget,
                operation.min_delay_ms,
                *_context_fields(context),
            ]
        case Executed(number, rank, value, error):
            return ["executed", number, rank, value, facts_of(error) if error else None]
        case Answered(number):
            return ["answered", number]


def _operation_fields(operation: Operation) -> list[Any]:
    return [operation.action.value, operation.call, operation.args, operation.kwargs]


def _context_fields(context: RequestContext) -> list[Any]:
    return [context.request, context.traced]


def _context(fields: list[Any]) -> RequestContext:
    """Of the last two fields of a message."""
    request, traced = fields[-2:]
    # It goes into lines of logs, where nothing else may look like one.
    if request and not REQUEST_ID.fullmatch(request):
        raise ProtocolError("a request named by what is no name")
    return RequestContext(request, traced)


def _expect(fields: list[Any], *types: type | tuple[type, ...]) -> None:
    if len(fields) != len(types) or not all(
        isinstance(value, wanted) for value, wanted in zip(fields, types, strict=True)
    ):
        raise ProtocolError("a message with missing, superfluous or mistyped fields")


def _open_operation(fields: list[Any]) -> Operation:
    operation = _operation(fields)
    if operation.action in BETWEEN_RANKS:
        raise ProtocolError(f"a command to {operation.action.value}, which is between ranks only")
    return operation


def _parse_command(fields: list[Any]) -> Command:
    _expect(fields, str, str, str, list, dict, bool, bool, str, str, bool)
    references, unmerged, delivery_id = fields[5:8]
    operation = _open_operation(fields[1:5])
    return Command(fields[0], operation, references, unmerged, _context(fields), delivery_id)


def _parse_batch(fields: list[Any]) -> Batch:
    _expect(fields, str, list, bool, str, str, bool)
    for one in fields[1]:
        if not isinstance(one, list):
            raise ProtocolError("a batch of what are no operations")
        _expect(one, str, str, list, dict)
    operations = [_open_operation(one) for one in fields[1]]
    return Batch(fields[0], operations, fields[2], _context(fields), fields[3])


def _parse_script(fields: list[Any]) -> Script:
    _expect(fields, str, str, (str, list, type(None)), str, str, bool)
    if isinstance(fields[2], list) and not all(isinstance(name, str) for name in fields[2]):
        raise ProtocolError("a script that returns what are no names")
    return Script(fields[0], fields[1], fields[2], _context(fields), fields[3])


def _parse_end_script(fields: list[Any]) -> EndScript:
    _expect(fields, str)
    return EndScript(*fields)


def _parse_submit(fields: list[Any]) -> Submit:
    _expect(fields, str)
    return Submit(*fields)


def _parse_cancel(fields: list[Any]) -> Cancel:
    _expect(fields, str, str, str)
    return Cancel(*fields)


def _parse_watch(fields: list[Any]) -> Watch:
    _expect(fields, str, list, bool)
    if not all(type(recorder) is int for recorder in fields[1]):
        raise ProtocolError("a watch over what are no nodes")
    return Watch(*fields)


def _parse_list_recorders(fields: list[Any]) -> ListRecorders:
    _expect(fields, str)
    return ListRecorders(*fields)


def _parse_event(fields: list[Any]) -> Event:
    _expect(fields, str, dict)
    return Event(*fields)


def _operation(fields: list[Any]) -> Operation:
    action, call, args, kwargs = fields
    try:
        return Operation(Action(action), call, args, kwargs)
    except ValueError as error:
        raise ProtocolError(f"unknown action {action!r:.80}") from error


def _parse_execute(fields: list[Any]) -> Execute:
    budget, delay = (int, type(None)), (float, type(None))
    _expect(fields, int, str, str, list, dict, bool, budget, delay, str, bool)
    operation = replace(_operation(fields[1:5]), budget=fields[6], min_delay_ms=fields[7])
    return Execute(fields[0], operation, fields[5], _context(fields))


def _parse_executed(fields: list[Any]) -> Executed:
    _expect(fields, int, int, object, (dict, type(None)))
    number, rank, value, facts = fields
    return Executed(number, rank, value, None if facts is None else error_from_facts(facts))


def _parse_answered(fields: list[Any]) -> Answered:
    _expect(fields, int)
    return Answered(*fields)


def _parse_result(fields: list[Any]) -> Result:
    _expect(fields, str, str, object)
    return Result(*fields)


def _parse_failure(fields: list[Any]) -> Failure:
    _expect(fields, str, str, dict)
    id, generation, facts = fields
    error: NestdError = error_from_facts(facts)
    return Failure(id, generation, error)


_PARSERS: dict[str, Callable[[list[Any]], Message]] = {
    "command": _parse_command,
    "batch": _parse_batch,
    "script": _parse_script,
    "end_script": _parse_end_script,
    "submit": _parse_submit,
    "cancel": _parse_cancel,
    "watch": _parse_watch,
    "list_recorders": _parse_list_recorders,
    "event": _parse_event,
    "result": _parse_result,
    "failure": _parse_failure,
    "execute": _parse_execute,
    "executed": _parse_executed,
    "answered": _parse_answered,
}
