"""Memory that is missing on ranks: an answer of its own, and what it means for the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nestd.call_traits import traits_of
from nestd.confinement.memory import limit
from protocol.errors import Diverged, NestdError
from protocol.wire import frames
from protocol.wire.messages import Executed, Operation
from protocol.wire.values import Buffer


def with_value(answer: Executed, convert: Callable[[Any], Any], operation: Operation) -> Executed:
    """Return ``answer`` with its value converted, or with the error that there is no memory."""
    try:
        return replace(answer, value=convert(answer.value))
    except MemoryError as error:
        return replace(answer, value=None, error=limit.refusal(operation.call, error))


def encoded_answer(answer: Executed, operation: Operation) -> list[Buffer]:
    """Return the frames of ``answer``, or of the error that there is no memory for them."""
    try:
        return list(frames.encode(answer))
    except MemoryError as error:
        refused = replace(answer, value=None, error=limit.refusal(operation.call, error))
        return list(frames.encode(refused))


def check_memory(answers: Sequence[Executed], operation: Operation) -> None:
    """Raise if a call that builds found too little memory on some ranks, and not on others.

    Raises
    ------
    Diverged
        As ranks have different networks then, which would wait for each other for ever.
    """
    failed = [answer for answer in answers if answer.error and is_out_of_memory(answer.error)]
    if failed and len(failed) < len(answers) and traits_of(operation).builds:
        error = failed[0].error
        assert error is not None
        raise Diverged(
            f"{error} (on rank {failed[0].rank} only; the ranks have different networks now, so "
            "the kernel is restarted and the network is lost)",
            error_name=error.error_name,
            call=error.call,
            module=error.module,
            ranks=tuple(answer.rank for answer in failed),
        )


def is_out_of_memory(error: NestdError) -> bool:
    """Return whether ``error`` says that memory is missing."""
    return error.error_name == "MemoryError"
