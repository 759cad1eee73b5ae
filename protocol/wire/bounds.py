"""Bounds of what a body or message may hold: checked before, or while, its values are made.

An empty list is one byte in MessagePack and 64 bytes in memory, and looking at it takes a
microsecond: 16 MiB of them held a gateway up for a minute. Arrays and bytes don't count, as they
take no more memory than they have bytes. Written by hand, as neither msgpack nor orjson has a limit
of all containers together.
"""

from __future__ import annotations

import re
from typing import Any

import msgpack

from protocol.errors import ProtocolError, RequestTooLarge, TooManyValues

#: Most bytes one message may have, all frames together.
SIZE_LIMIT_BYTES = 8 * 2**30
#: Most frames one message may have.
FRAME_LIMIT = 65_536
#: Most lists, dicts and objects in one body or message: the positions of a million nodes.
CONTAINER_LIMIT = 1 << 20
#: Most values in all lists and dicts together.
ELEMENT_LIMIT = 1 << 24

_ADVICE = "; send columns of numbers as MessagePack arrays, or make several requests"
_CONTAINERS = f"more than {CONTAINER_LIMIT} lists, objects or keys, the limit of one{_ADVICE}"
_ELEMENTS = f"more than {ELEMENT_LIMIT} values in lists and objects, the limit of one{_ADVICE}"

#: Content of texts, of which escaped quotes have been removed.
_TEXTS = re.compile(rb'"[^"]*"')


class Bounds:
    """Count of what is made of one MessagePack message.

    What has no more bytes than there may be containers is made without counting, as every container
    has a byte.
    """

    def __init__(self) -> None:
        self._containers = 0
        self._elements = 0
        self._uncounted_bytes = 0

    def count(self, made: Any) -> Any:
        """Count a container that was made, and return it.

        Raises
        ------
        TooManyValues
            If there are more than may be.
        """
        self._containers += 1
        self._elements += len(made)
        if self._containers > CONTAINER_LIMIT:
            raise TooManyValues(_CONTAINERS)
        if self._elements > ELEMENT_LIMIT:
            raise TooManyValues(_ELEMENTS)
        return made

    def options(self, size_bytes: int) -> dict[str, Any]:
        """Return the options with which msgpack reads the next ``size_bytes``."""
        self._uncounted_bytes += size_bytes
        if self._uncounted_bytes <= CONTAINER_LIMIT:
            return {}
        return {**_LENGTHS, "list_hook": self.count, "object_hook": self.count}


_LENGTHS = {"max_array_len": ELEMENT_LIMIT, "max_map_len": CONTAINER_LIMIT}


def check_claims(source: Any, size_bytes: int) -> None:
    """Refuse msgpack whose lists claim more values than there are, before any list is made.

    Memory is taken for as many values as a list claims, at each level of nesting.

    Parameters
    ----------
    source : file of the msgpack, of which the first value is read
    size_bytes : of the file

    Raises
    ------
    ValueError, msgpack.UnpackException
        If the msgpack is none, or incomplete.
    """
    read_bytes = min(READ_BYTES, size_bytes)
    msgpack.Unpacker(source, read_size=read_bytes, max_buffer_size=size_bytes).skip()


#: Bytes that msgpack reads at a time, which are copied for each list that it reads.
READ_BYTES = 1 << 16


def problem_of(error: Exception) -> ProtocolError:
    """Return the error for what msgpack has raised."""
    # Where msgpack names another limit, that is the size of data which are incomplete.
    if f"max_array_len({ELEMENT_LIMIT})" in str(error):
        return TooManyValues(_ELEMENTS)
    if f"max_map_len({CONTAINER_LIMIT})" in str(error):
        return TooManyValues(_CONTAINERS)
    return ProtocolError(f"not msgpack: {type(error).__name__} {error}"[:200])


def check_json(text: bytes) -> None:
    """Refuse JSON that has too many containers or values, before any is made.

    Raises
    ------
    RequestTooLarge
        Naming the limit.
    """
    if len(text) <= CONTAINER_LIMIT:
        return
    problem = _problem(text)
    if problem and b'"' in text:
        # Brackets and commas within texts don't count.
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        # Each text is a value or a key.
        many_texts = text.count(b'"') > 2 * (ELEMENT_LIMIT + CONTAINER_LIMIT)
        problem = _ELEMENTS if many_texts else _problem(_TEXTS.sub(b"", text))
    if problem:
        raise RequestTooLarge(f"the body has {problem}")


def _problem(text: bytes) -> str | None:
    if text.count(b"[") + text.count(b"{") > CONTAINER_LIMIT or text.count(b":") > CONTAINER_LIMIT:
        return _CONTAINERS
    return _ELEMENTS if text.count(b",") > ELEMENT_LIMIT else None
