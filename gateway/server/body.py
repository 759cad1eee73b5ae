"""Bodies of requests, as they come: of a known length, or in chunks.

The chunks are decoded here, as httptools doesn't tell where a body ends and the next request
begins.
"""

from __future__ import annotations

import io
import re
import socket
import threading
from enum import Enum, auto
from typing import Any

import numpy as np
from werkzeug.exceptions import ClientDisconnected

#: Bytes that are received at a time.
PIECE_BYTES = 1 << 20
#: Chunks that are decoded at a time: thousands of small ones would make others wait.
_CHUNKS_AT_A_TIME = 128
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e]*)?")
_CHUNK_HEAD_BYTES = 256
#: Without a line end of its own, which others may take for the end of the body.
_TRAILER = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TRAILER_BYTES = 8190


class Reception(Enum):
    """How far a body is."""

    #: More is to come.
    PARTIAL = auto()
    #: All is there.
    WHOLE = auto()
    #: No more is taken: it is over the limit, malformed, or its sender has ended it too soon.
    BROKEN = auto()


class BodyOfLength:
    """Body whose length is known, received into memory that it stays in."""

    def __init__(self, length: int) -> None:
        # Only what comes is touched, and taken from the system.
        self.data: memoryview = np.empty(length, np.uint8).data
        self.count = 0

    def feed(self, received: bytearray) -> Reception:
        """Take this body's bytes out of ``received``."""
        size = min(len(received), len(self.data) - self.count)
        self.data[self.count : self.count + size] = received[:size]
        del received[:size]
        return self._add(size)

    def receive(self, connection: socket.socket) -> Reception:
        """Receive what has come of this body.

        Raises
        ------
        OSError
            As the socket does; ``BlockingIOError`` if nothing has come.
        """
        room = self.data[self.count : self.count + PIECE_BYTES]
        size = connection.recv_into(room)
        return self._add(size) if size else Reception.BROKEN

    def _add(self, size: int) -> Reception:
        self.count += size
        return Reception.WHOLE if self.count == len(self.data) else Reception.PARTIAL


class BodyOfChunks:
    """Body in chunks, decoded as it comes.

    Parameters
    ----------
    limit : most bytes; a larger body breaks off, one byte beyond that
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._decoded = bytearray()
        #: Bytes on the wire.
        self.count = 0
        #: Bytes that are left of the present chunk, and its end; none between chunks.
        self._left = 0
        self._in_trailer = False
        self._trailer_bytes = 0

    @property
    def data(self) -> memoryview:
        """Return what has come of the body."""
        return memoryview(self._decoded)

    def feed(self, received: bytearray) -> Reception:
        """Take this body's bytes out of ``received``, or of many small chunks some."""
        at = 0
        reception: Reception | None = Reception.PARTIAL
        for _ in range(_CHUNKS_AT_A_TIME):
            at, reception = self._step(received, at)
            if reception is not None:
                break
        self.count += at
        del received[:at]
        return reception or Reception.PARTIAL

    def _step(self, received: bytearray, at: int) -> tuple[int, Reception | None]:
        """Decode from ``at`` to the next end of anything; ``None`` if one can go on there."""
        if self._left > 2:
            size = min(self._left - 2, len(received) - at)
            if not size:
                return at, Reception.PARTIAL
            self._decoded += memoryview(received)[at : at + size]
            self._left -= size
            if len(self._decoded) > self._limit:
                del self._decoded[self._limit + 1 :]
                return at + size, Reception.BROKEN
            return at + size, None
        if self._left:
            if len(received) - at < 2:
                return at, Reception.PARTIAL
            self._left = 0
            return at + 2, None if received[at : at + 2] == b"\r\n" else Reception.BROKEN
        end = received.find(b"\r\n", at, at + _TRAILER_BYTES)
        if end < 0:
            most = _TRAILER_BYTES if self._in_trailer else _CHUNK_HEAD_BYTES
            return at, Reception.PARTIAL if len(received) - at < most else Reception.BROKEN
        if self._in_trailer:
            self._trailer_bytes += end + 2 - at
            if end == at:
                return end + 2, Reception.WHOLE
            is_line = _TRAILER.fullmatch(received, at, end) is not None
            goes_on = is_line and self._trailer_bytes < _TRAILER_BYTES
            return end + 2, None if goes_on else Reception.BROKEN
        head = _CHUNK_HEAD.fullmatch(received, at, end)
        if head is None or end - at > _CHUNK_HEAD_BYTES:
            return at, Reception.BROKEN
        size = int(head[1], 16)
        self._in_trailer = size == 0
        self._left = size + 2 if size else 0
        return end + 2, None


class BodyRoom:
    """Room that large bodies share, each from its reception to the end of its answer.

    Parameters
    ----------
    size : of the room; what a body has up to ``PIECE_BYTES`` doesn't count
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take ``size`` more bytes, if there are so many."""
        with self._lock:
            has_room = self._taken + size <= self._size
            self._taken += size if has_room else 0
        return has_room

    def give_back(self, size: int) -> None:
        """Give back what a body had."""
        with self._lock:
            self._taken -= size


class ReceivedBody(io.RawIOBase):
    """What an application reads a body from.

    Parameters
    ----------
    data : what has come of it
    is_whole : whether that is all
    """

    def __init__(self, data: Any, is_whole: bool) -> None:
        self.data = memoryview(data)
        self.is_whole = is_whole
        self._at = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Read ``size`` bytes, or all that is left; nothing at the end of a whole body.

        Raises
        ------
        ClientDisconnected
            At the end of what has come of a body that is not whole.
        """
        return bytes(self._take(-1 if size is None else size))

    def readinto(self, into: Any) -> int:
        """Read into ``into``, as :meth:`read` does; return the number of bytes."""
        piece = self._take(len(into))
        into[: len(piece)] = piece
        return len(piece)

    def _take(self, size: int) -> memoryview:
        piece = self.data[self._at : self._at + size if size >= 0 else None]
        if not piece and size and not self.is_whole:
            raise ClientDisconnected
        self._at += len(piece)
        return piece
