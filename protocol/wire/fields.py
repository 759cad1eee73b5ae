"""Messages as the fields of their header, and the checks that fields from outside must pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from protocol.errors import ProtocolError, error_from_facts, facts_of
from protocol.logging.context import CLIENT_ID, REQUEST_ID, RequestContext
from protocol.warned import MOST, Warned
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
    LeaseNotice,
    ListRecorders,
    Message,
    Operation,
    Result,
    Script,
    Submit,
    Watch,
)

Types: TypeAlias = "tuple[type | tuple[type, ...], ...]"


#: Ids of commands, jobs and messages: none needs escaping, and all that wait fit a status file.
_is_id = re.compile(r"[A-Za-z0-9._:=+/@~-]{0,64}").fullmatch
#: Names of clients, and of the kernel's own owners of objects between ranks.
_is_owner = re.compile(r"[A-Za-z0-9._~/-]{1,80}").fullmatch
#: Most characters of the name of a call; PyNEST's have up to 50.
NAME_CHARACTERS = 256
#: Most characters of other short texts, such as reasons and generations.
_TEXT_CHARACTERS = 1000
#: Most recorders in one message.
_RECORDERS = 10_000


def to_fields(message: Message) -> list[Any]:
    """Return the type and the fields of ``message``, in the order of its header."""
    match message:
        case Command(id, operation, references, unmerged, context, delivery_id):
            fields = [*_operation_fields(operation), references, unmerged]
            return ["command", id, *fields, delivery_id, *_context_fields(context)]
        case Batch(id, operations, references, context, delivery_id):
            fields = [_operation_fields(operation) for operation in operations]
            return ["batch", id, fields, references, delivery_id, *_context_fields(context)]
        case Script(id, source, returns, context, delivery_id, reset, name, argv, archive):
            program = [reset, name, argv, archive]
            return ["script", id, source, returns, *program, delivery_id, *_context_fields(context)]
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
        case LeaseNotice(id, renewed, ended):
            return ["leases", id, renewed, ended]
        case Event(kind, facts):
            return ["event", kind, facts]
        case Result(id, generation, value, warnings):
            return ["result", id, generation, value, [item.fields() for item in warnings]]
        case Failure(id, generation, error, warnings):
            told = [item.fields() for item in warnings]
            return ["failure", id, generation, facts_of(error), told]
        case Execute(number, operation, references, context):
            fields = [*_operation_fields(operation), references]
            fields += [operation.budget, operation.min_delay_ms]
            return ["execute", number, *fields, *_context_fields(context)]
        case Executed(number, rank, value, error, warnings):
            told = [item.fields() for item in warnings]
            return ["executed", number, rank, value, facts_of(error) if error else None, told]
        case Answered(number):
            return ["answered", number]


def from_fields(fields: Any) -> Message:
    """Return the message that the fields of a header say.

    Raises
    ------
    ProtocolError
        If they say none.
    """
    if not isinstance(fields, list) or not fields or not isinstance(fields[0], str):
        raise ProtocolError("a header that is no list beginning with a type")
    form = _FORMS.get(fields[0])
    if form is None:
        raise ProtocolError(f"unknown message type {fields[0]!r:.80}")
    types, make = form
    _check_types(fields[1:], types)
    return make(*fields[1:])


def _operation_fields(operation: Operation) -> list[Any]:
    return [operation.action.value, operation.call, operation.args, operation.kwargs]


def _context_fields(context: RequestContext) -> list[Any]:
    return [context.request, context.traced, context.client, context.direct]


def _check_types(fields: list[Any], types: Types) -> None:
    if len(fields) != len(types) or not all(
        isinstance(value, wanted) for value, wanted in zip(fields, types, strict=True)
    ):
        raise ProtocolError("a message with missing, superfluous or mistyped fields")


def _check_ids(id: str, other: str = "") -> None:
    if not _is_id(id) or not _is_id(other):
        wrong = other if _is_id(id) else id
        raise ProtocolError(f"an id that is none: {len(wrong)} characters, {wrong!r:.80}")


def _check_lengths(*texts: str) -> None:
    for text in texts:
        if len(text) > _TEXT_CHARACTERS:
            raise ProtocolError(f"a text of {len(text)} characters, {text!r:.80}")


def _context(request: str, traced: bool, client: str, direct: bool) -> RequestContext:
    # A request's name goes into lines of logs, where nothing else may look like one.
    if request and not REQUEST_ID.fullmatch(request):
        raise ProtocolError("a request named by what is no name")
    if client and not _is_owner(client):
        raise ProtocolError("a request of a client that has no name")
    return RequestContext(request, traced, client, direct)


def _any_operation(action: str, call: str, args: list[Any], kwargs: dict[str, Any]) -> Operation:
    if len(call) > NAME_CHARACTERS:
        raise ProtocolError(f"a call whose name has {len(call)} characters, {call!r:.80}")
    try:
        return Operation(Action(action), call, args, kwargs)
    except ValueError as error:
        raise ProtocolError(f"unknown action {action!r:.80}") from error


def _operation(action: str, call: str, args: list[Any], kwargs: dict[str, Any]) -> Operation:
    operation = _any_operation(action, call, args, kwargs)
    if operation.action in BETWEEN_RANKS:
        raise ProtocolError(f"a command to {operation.action.value}, which is between ranks only")
    return operation


def _command(id: str, *fields: Any) -> Command:
    references, unmerged, delivery_id = fields[4:7]
    _check_ids(id, delivery_id)
    operation, context = _operation(*fields[:4]), _context(*fields[7:])
    return Command(id, operation, references, unmerged, context, delivery_id)


def _batch(id: str, listed: list[Any], references: bool, delivery_id: str, *context: Any) -> Batch:
    _check_ids(id, delivery_id)
    for fields in listed:
        if not isinstance(fields, list):
            raise ProtocolError("a batch of what are no operations")
        _check_types(fields, _OPERATION)
    operations = [_operation(*fields) for fields in listed]
    return Batch(id, operations, references, _context(*context), delivery_id)


def _script(id: str, source: str, returns: Any, reset: bool, name: str, *fields: Any) -> Script:
    argv, archive, delivery_id = fields[:3]
    _check_ids(id, delivery_id)
    _check_lengths(name)
    if isinstance(returns, list) and not all(isinstance(item, str) for item in returns):
        raise ProtocolError("a script that returns what are no names")
    if not all(isinstance(item, str) for item in argv):
        raise ProtocolError("a script with arguments that are no texts")
    return Script(
        id, source, returns, _context(*fields[3:]), delivery_id, reset, name, argv, archive
    )


def _watch(id: str, recorders: list[int], anew: bool) -> Watch:
    _check_ids(id)
    if len(recorders) > _RECORDERS:
        raise ProtocolError(f"a watch over {len(recorders)} recorders, the limit is {_RECORDERS}")
    if not all(type(recorder) is int for recorder in recorders):
        raise ProtocolError("a watch over what are no nodes")
    return Watch(id, recorders, anew)


def _execute(number: int, *fields: Any) -> Execute:
    references, budget, min_delay_ms = fields[4:7]
    operation = replace(_any_operation(*fields[:4]), budget=budget, min_delay_ms=min_delay_ms)
    return Execute(number, operation, references, _context(*fields[7:]))


def _end_script(id: str) -> EndScript:
    _check_ids(id)
    return EndScript(id)


def _submit(id: str) -> Submit:
    _check_ids(id)
    return Submit(id)


def _cancel(id: str, target: str, reason: str) -> Cancel:
    _check_ids(id, target)
    _check_lengths(reason)
    return Cancel(id, target, reason)


def _list_recorders(id: str) -> ListRecorders:
    _check_ids(id)
    return ListRecorders(id)


def _leases(id: str, renewed: list[Any], ended: list[Any]) -> LeaseNotice:
    _check_ids(id)
    for client in (*renewed, *ended):
        if not isinstance(client, str) or not CLIENT_ID.fullmatch(client):
            raise ProtocolError(f"a lease of what is no client, {client!r:.80}")
    return LeaseNotice(id, renewed, ended)


def _event(kind: str, facts: dict[str, Any]) -> Event:
    _check_lengths(kind)
    return Event(kind, facts)


def _warnings(told: list[Any]) -> tuple[Warned, ...]:
    if len(told) > MOST:
        raise ProtocolError(f"an answer with {len(told)} warnings, the limit is {MOST}")
    for item in told:
        if not isinstance(item, list):
            raise ProtocolError("an answer with warnings that are none")
        _check_types(item, _WARNED)
        _check_lengths(*item[:2])
    return tuple(Warned(*item) for item in told)


def _result(id: str, generation: str, value: Any, told: list[Any]) -> Result:
    _check_ids(id)
    _check_lengths(generation)
    return Result(id, generation, value, _warnings(told) if told else ())


def _executed(
    number: int, rank: int, value: Any, facts: dict[str, Any] | None, told: list[Any]
) -> Executed:
    error = None if facts is None else error_from_facts(facts)
    return Executed(number, rank, value, error, _warnings(told) if told else ())


def _failure(id: str, generation: str, facts: dict[str, Any], told: list[Any]) -> Failure:
    _check_ids(id)
    _check_lengths(generation)
    return Failure(id, generation, error_from_facts(facts), _warnings(told))


_OPERATION: Types = (str, str, list, dict)
_CONTEXT: Types = (str, bool, str, bool)
_WARNED: Types = (str, str, int)
_NAMES = (str, list, type(None))
_INTEGER, _NUMBER = (int, type(None)), (float, type(None))

#: Type of a message: the types of its fields, and what makes the message of them.
_FORMS: dict[str, tuple[Types, Callable[..., Message]]] = {
    "command": ((str, *_OPERATION, bool, bool, str, *_CONTEXT), _command),
    "batch": ((str, list, bool, str, *_CONTEXT), _batch),
    "script": ((str, str, _NAMES, bool, str, list, bytes, str, *_CONTEXT), _script),
    "end_script": ((str,), _end_script),
    "submit": ((str,), _submit),
    "cancel": ((str, str, str), _cancel),
    "watch": ((str, list, bool), _watch),
    "list_recorders": ((str,), _list_recorders),
    "leases": ((str, list, list), _leases),
    "event": ((str, dict), _event),
    "result": ((str, str, object, list), _result),
    "failure": ((str, str, dict, list), _failure),
    "execute": ((int, *_OPERATION, bool, _INTEGER, _NUMBER, *_CONTEXT), _execute),
    "executed": ((int, int, object, (dict, type(None)), list), _executed),
    "answered": ((int,), Answered),
}
