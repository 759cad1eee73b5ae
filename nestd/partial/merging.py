"""Makes one answer of what all ranks answered; needs no NEST."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from nestd.confinement.memory import limit
from nestd.partial.answers import PartialAnswer
from nestd.partial.connections import ConnectionChange
from nestd.partial.policies import identical
from protocol.errors import InternalError, NestdError
from protocol.wire.messages import Action, Executed, Operation
from protocol.wire.values import Value

#: A message as pairs of text and the number that follows it.
_NUMBERED = re.compile(r"(\D*)(\d{0,18})")


def merge(operation: Operation, answers: Sequence[Executed]) -> Value:
    """Return the answer of the whole network to ``operation``.

    Raises
    ------
    NestdError
        What ranks raised; the error names the ranks if others did not raise.
    InternalError
        If the answers differ where every rank has to say the same.
    """
    failed = [answer for answer in answers if answer.error is not None]
    if failed:
        error = _first_error([answer.error for answer in failed if answer.error is not None])
        if len(failed) < len(answers):
            error.ranks = tuple(answer.rank for answer in failed)
        raise error
    values = [answer.value for answer in answers]
    family = type(values[0])
    if not issubclass(family, PartialAnswer) or any(type(value) is not family for value in values):
        return identical(operation.call, None, values)
    try:
        return family.merge(operation.call, values)
    except MemoryError as error:
        raise limit.refusal(operation.call, error) from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise InternalError(
            f"the ranks' answers to {operation.call} can't be merged: {error}", call=operation.call
        ) from error


def _first_error(errors: Sequence[NestdError]) -> NestdError:
    """Return the error about the lowest node ids, which one process would have raised.

    NEST says in its messages which node or connection they are about.
    """

    def numbers(error: NestdError) -> list[tuple[str, int]]:
        return [(text, int(part or 0)) for text, part in _NUMBERED.findall(error.message)]

    return min(errors, key=numbers)


def deferred(operation: Operation, answers: Sequence[Executed]) -> Operation | None:
    """Return the operation with which ranks make the change that all have deferred, if they have.

    Raises
    ------
    NestdError
        If the change can't be made, as a row is missing on all ranks.
    """
    if operation.action is not Action.CALL_JSON or any(answer.error for answer in answers):
        return None
    values = [answer.value for answer in answers]
    if not all(isinstance(value, ConnectionChange) and value.is_deferred for value in values):
        return None
    merge(operation, answers)
    return replace(operation, action=Action.COMMIT)
