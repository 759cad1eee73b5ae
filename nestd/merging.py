"""Merges what the ranks answered into the one answer of the whole network.

Pure functions over a list of answers, which need no NEST.
"""

from __future__ import annotations

from collections.abc import Sequence

from nestd.ranks import Answer
from protocol import frames
from protocol.errors import InternalError
from protocol.messages import Operation, Result
from protocol.values import Value


def merge(operation: Operation, answers: Sequence[Answer]) -> Value:
    """The global value of ``operation``.

    Raises
    ------
    NestdError
        What ranks raised; it names them if others did not.
    InternalError
        If the answers differ where every rank has to say the same.
    """
    failed = [answer for answer in answers if answer.error is not None]
    if failed:
        error = failed[0].error
        assert error is not None
        if len(failed) < len(answers):
            error.ranks = tuple(answer.rank for answer in failed)
        raise error
    return identical(operation, answers)


def identical(operation: Operation, answers: Sequence[Answer]) -> Value:
    """The value that all ranks gave.

    Raises
    ------
    InternalError
        Naming the ranks that differ from the first.
    """
    first, *others = answers
    if others:
        expected = _bytes_of(first.value)
        differing = tuple(other.rank for other in others if _bytes_of(other.value) != expected)
        if differing:
            raise InternalError(
                f"{operation.call}: the answer of rank {', '.join(map(str, differing))} differs "
                f"from that of rank {first.rank}",
                call=operation.call,
                ranks=differing,
            )
    return first.value


def _bytes_of(value: Value) -> list[bytes]:
    return [bytes(frame) for frame in frames.encode(Result("", "", value))]
