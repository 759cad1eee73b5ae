"""The error for arguments that are larger than what a server takes in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nest_remote.errors import NESTServerError
from protocol.wire.messages import Operation
from protocol.wire.values import Buffer, Expression

STATUS = 413
#: Bytes of a number in a list, about.
_NUMBER_BYTES = 9


def too_large(asked: Sequence[Operation], body: list[Buffer], said: str) -> NESTServerError:
    """Return the error that names the argument that takes most of a body.

    Parameters
    ----------
    asked : what the body asks for
    body : in pieces
    said : of the server
    """
    call = asked[0].call if len(asked) == 1 else "batch"
    arguments = [
        argument
        for operation in asked
        for number, value in enumerate(operation.args, 1)
        for argument in _sizes(f"argument {number}", value)
    ] + [
        argument
        for operation in asked
        for name, value in operation.kwargs.items()
        for argument in _sizes(name, value)
    ]
    mib = sum(map(len, body)) / 2**20
    most = ""
    if arguments:
        size, name, value = max(arguments, key=lambda argument: argument[0])
        shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else ""
        kind = f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
        most = f", of which {name}, a {kind}{shape}, takes {size / 2**20:.0f} MiB"
    return NESTServerError(
        f"{call}: its arguments take {mib:.0f} MiB{most}. {said[:1].upper()}{said[1:]}; "
        "or make several calls, each with a part of it",
        "RequestTooLarge",
        STATUS,
    )


def _sizes(name: str, value: Any) -> Iterator[tuple[int, str, Any]]:
    """Yield size in bytes, name and value of what ``value`` holds, largest containers last."""
    if isinstance(value, np.ndarray):
        yield value.nbytes, name, value
    elif isinstance(value, (str, bytes)):
        yield len(value), name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _sizes(f"{name}[{key!r}]", item)
    elif isinstance(value, Expression):
        for number, item in enumerate(value.args):
            yield from _sizes(f"{name}'s argument {number + 1}", item)
    elif isinstance(value, (list, tuple)):
        yield _count(value) * _NUMBER_BYTES, name, value


def _count(values: Any) -> int:
    """Return the number of values in lists of lists; the first of them tells what they are."""
    if values and isinstance(values[0], (list, tuple)):
        return sum(map(_count, values))
    if values and isinstance(values[0], np.ndarray):
        return sum(int(np.size(item)) for item in values)
    return len(values)
