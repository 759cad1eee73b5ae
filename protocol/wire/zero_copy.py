"""MessagePack without copies: made and read with the data of large arrays where they lie.

An extension type is bytes around MessagePack, so its libraries copy the content once for each level
around it, on both ends. Here only the heads are written and read. This could go if bodies carried
buffers beside a header, which would change the form that docs/http.md documents for clients.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from protocol.errors import ProtocolError
from protocol.wire.bounds import READ_BYTES, Bounds, check_claims

#: Heads of msgpack: up to how many bytes, the first byte, and the form of the length.
_BIN_HEADS = ((0xFF, 0xC4, ">B"), (0xFFFF, 0xC5, ">H"), (0xFFFF_FFFF, 0xC6, ">I"))
_EXT_HEADS = ((0xFF, 0xC7, ">B"), (0xFFFF, 0xC8, ">H"), (0xFFFF_FFFF, 0xC9, ">I"))

#: Bytes after the first byte of types that have a fixed number of them.
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}
_FIXED |= {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
#: Forms of the lengths that follow the first byte.
_COUNTED = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_MAPS, _ARRAYS = {0xDE: ">H", 0xDF: ">I"}, {0xDC: ">H", 0xDD: ">I"}
_EXTENSIONS = {first: form for _, first, form in _EXT_HEADS}

#: Where numbers of any type may lie. Before the data of an array are more bytes than that.
_ALIGNMENT = 8

#: Longer lists are columns of numbers, or records: the library reads them faster, copies included.
_ITEMS = 64


def head_of_bytes(length: int) -> bytes:
    """Return the head of bytes of a length."""
    return _head(_BIN_HEADS, length)


def _head(heads: tuple[tuple[int, int, str], ...], length: int) -> bytes:
    for most, first, form in heads:
        if length <= most:
            return bytes([first]) + struct.pack(form, length)
    raise ProtocolError(f"{length} bytes in one array, the limit of msgpack is {most}")


class Pieces:
    """Pieces of msgpack: short ones are joined, large ones stay where they are."""

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = []
        self._joined = bytearray()
        self._bytes = 0

    def end(self) -> list[bytes | memoryview]:
        """Return all pieces, in their order."""
        if self._joined:
            self._pieces.append(bytes(self._joined))
            self._joined = bytearray()
        return self._pieces

    def add(self, short: bytes) -> None:
        """Add bytes that are short enough to be copied."""
        self._joined += short
        self._bytes += len(short)

    def add_large(self, data: memoryview) -> None:
        """Add data without copying them."""
        self.end().append(data)
        self._bytes += len(data)

    def extend(self, others: Pieces) -> None:
        """Add the pieces of another."""
        if others._pieces:
            self.end().extend(others._pieces)
        self._joined += others._joined
        self._bytes += others._bytes

    def add_extension(self, code: int, content: Pieces) -> None:
        """Add an extension type around the pieces of another."""
        # Of 1, 2, 4, 8 and 16 bytes msgpack has shorter heads.
        if content._bytes <= 16:
            self.add(msgpack.packb(msgpack.ExtType(code, b"".join(content.end()))))
            return
        self.add(_head(_EXT_HEADS, content._bytes) + bytes([code]))
        self.extend(content)


class Reader:
    """Reader of msgpack that does not copy the content of large extension types.

    Parameters
    ----------
    data : msgpack
    large : returns the value of a large extension type, of its code and content
    small : returns the value of any other extension type
    from_bytes : size from which an extension type is large
    nesting_limit : how deep containers may be in each other
    bounds : of lists and dicts; ``None`` without any
    views : whether bytes stay where they lie; in memory that is not read-only they are moved to
        where any number may lie, over the bytes before them
    """

    def __init__(
        self,
        data: memoryview,
        large: Callable[[int, memoryview], Any],
        small: Callable[[int, bytes], Any],
        from_bytes: int,
        nesting_limit: int,
        bounds: Bounds | None = None,
        views: bool = False,
    ) -> None:
        self._data = data
        self._large = large
        self._small = small
        self._from_bytes = from_bytes
        self._nesting_limit = nesting_limit
        self._bounds = bounds
        self._views = views
        self._at = 0
        self._depth = 0

    def read(self) -> Any:
        """Return the one value that the data are.

        Raises
        ------
        ProtocolError, IndexError, struct.error, ValueError
            If the data are no such value.
        """
        value = self._value()
        if self._at != len(self._data):
            raise ProtocolError("bytes after the end of a value")
        return value

    def _value(self) -> Any:
        begun = self._at
        first = self._data[begun]
        if 0x80 <= first <= 0x8F or first in _MAPS:
            count = self._count(first, 0x80, _MAPS)
            if count > _ITEMS:
                return self._by_library(begun)
            return self._deeper(lambda: {self._key(): self._value() for _ in range(count)})
        if 0x90 <= first <= 0x9F or first in _ARRAYS:
            count = self._count(first, 0x90, _ARRAYS)
            if count > _ITEMS:
                return self._by_library(begun)
            return self._deeper(lambda: [self._value() for _ in range(count)])
        if 0xD4 <= first <= 0xD8 or first in _EXTENSIONS:
            return self._extension(first)
        return self._plain(first)

    def _by_library(self, begun: int) -> Any:
        rest = self._data[begun:]
        options: dict[str, Any] = {}
        if self._bounds is not None:
            check_claims(_Rest(rest), len(rest))
            options = self._bounds.options(len(rest))
        unpacker = msgpack.Unpacker(
            _Rest(rest),
            raw=False,
            strict_map_key=True,
            ext_hook=self._small,
            read_size=READ_BYTES,
            max_buffer_size=len(self._data),
            **options,
        )
        value = unpacker.unpack()
        self._at = begun + unpacker.tell()
        return value

    def _deeper(self, read: Callable[[], Any]) -> Any:
        self._depth += 1
        if self._depth > self._nesting_limit:
            raise ProtocolError(f"nested deeper than {self._nesting_limit}")
        value = read()
        self._depth -= 1
        return value if self._bounds is None else self._bounds.count(value)

    def _key(self) -> str:
        key = self._plain(self._data[self._at])
        if not isinstance(key, str):
            raise ProtocolError("a key that is no text")
        return key

    def _count(self, first: int, fixed: int, forms: dict[int, str]) -> int:
        self._at += 1
        return first - fixed if first not in forms else self._number(forms[first])

    def _number(self, form: str) -> int:
        number: int = struct.unpack_from(form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return number

    def _taken(self, count: int) -> memoryview:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ProtocolError("a value that is cut off")
        self._at += count
        return taken

    def _plain(self, first: int) -> Any:
        """Return a value that is neither container nor extension type."""
        begun = self._at
        self._at += 1
        if first in _FIXED:
            self._taken(_FIXED[first])
        elif 0xA0 <= first <= 0xBF:
            self._taken(first - 0xA0)
        elif first in _COUNTED:
            content = self._taken(self._number(_COUNTED[first]))
            if self._views and first <= 0xC6:
                return self._aligned(content)
        elif not (first <= 0x7F or first >= 0xE0):
            raise ProtocolError("not msgpack")
        return msgpack.unpackb(self._data[begun : self._at], raw=False)

    def _aligned(self, content: memoryview) -> memoryview:
        """Return ``content``, which was taken last, moved to where numbers may lie, if it may be.

        There is room for it: the bytes before have been read.
        """
        if content.readonly or not content:
            return content
        begun = self._at - len(content)
        by = np.frombuffer(content, np.uint8).ctypes.data % _ALIGNMENT
        if by == 0 or by > begun:
            return content
        moved = self._data[begun - by : self._at - by]
        moved[:] = content
        return moved

    def _extension(self, first: int) -> Any:
        self._at += 1
        form = _EXTENSIONS.get(first)
        length = 1 << (first - 0xD4) if form is None else self._number(form)
        code = struct.unpack_from("b", self._data, self._at)[0]
        self._at += 1
        content = self._taken(length)
        if length < self._from_bytes:
            return self._small(code, bytes(content))
        return self._large(code, content)


class _Rest:
    """File of the data that are not read yet."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes."""
        taken, self._data = self._data[:count], self._data[count:]
        return bytes(taken)
