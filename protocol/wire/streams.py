"""Streams: messages over a socket between nestd and the process that runs a script.

A message is the frames of ``protocol/wire/frames.py`` one after the other, and before them how many
there are and how long each is::

    +-----------+----------------+---------+---------+--
    | n: uint32 | n lengths: u64 | frame 0 | frame 1 | …
    +-----------+----------------+---------+---------+--

All numbers are little-endian. The script's end waits; nestd's end never does, as a script may
stop in the middle of a message.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Sequence

from protocol.errors import ProtocolError
from protocol.wire.bounds import FRAME_LIMIT, SIZE_LIMIT_BYTES
from protocol.wire.values import Buffer

_COUNT = struct.Struct("<I")

#: Memory that is taken for a frame before any of its bytes have arrived. More is taken as they do:
#: a sender can announce what it does not have.
_FIRST_BYTES = 1 << 20

#: Shorter messages are copied together and sent at once.
_AT_ONCE_BYTES = 1 << 16


def head_of(frames: Sequence[Buffer]) -> bytes:
    """Return what goes before the frames of a message: their number and lengths, in bytes."""
    return struct.pack(f"<I{len(frames)}Q", len(frames), *map(len, frames))


def _lengths(data: bytes | bytearray, limit_bytes: int = SIZE_LIMIT_BYTES) -> tuple[int, ...]:
    lengths = struct.unpack(f"<{len(data) // 8}Q", data)
    if sum(lengths) > limit_bytes:
        raise ProtocolError(f"{sum(lengths)} bytes in one message, the limit is {limit_bytes}")
    return lengths


def _count(data: bytes | bytearray) -> int:
    count: int = _COUNT.unpack(data)[0]
    if not 0 < count <= FRAME_LIMIT:
        raise ProtocolError(f"{count} frames, the limit is {FRAME_LIMIT}")
    return count


class WaitingStream:
    """Blocking end of a stream.

    Parameters
    ----------
    connected : stream socket, blocking
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, frames: Sequence[Buffer]) -> None:
        """Send a message."""
        head = head_of(frames)
        if sum(map(len, frames)) < _AT_ONCE_BYTES:
            self._socket.sendall(b"".join([head, *frames]))
            return
        self._socket.sendall(head)
        for frame in frames:
            self._socket.sendall(frame)

    def receive(self) -> list[Buffer] | None:
        """Return the next message, in memory of its own; ``None`` if the other end is closed."""
        count = self._exactly(_COUNT.size)
        if count is None:
            return None
        lengths = self._exactly(8 * _count(count))
        if lengths is None:
            return None
        frames: list[Buffer] = []
        for length in _lengths(lengths):
            frame = self._exactly(length)
            if frame is None:
                return None
            frames.append(memoryview(frame))
        return frames

    def _exactly(self, length: int) -> bytearray | None:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            received = self._socket.recv_into(view)
            if not received:
                return None
            view = view[received:]
        return data


class PolledStream:
    """Polled end of a stream, which reads and writes only as much as the socket takes now.

    Parameters
    ----------
    connected : stream socket; becomes non-blocking
    limit_bytes : most bytes that a message may have which arrives here
    """

    def __init__(self, connected: socket.socket, limit_bytes: int = SIZE_LIMIT_BYTES) -> None:
        self._socket = connected
        self._limit_bytes = limit_bytes
        connected.setblocking(False)
        self._unsent: deque[memoryview] = deque()
        self._frames: list[bytearray] = []
        self._lengths: deque[int] | None = None
        #: Bytes of the present part, as far as there is memory for them, and its whole length.
        self._data = bytearray(_COUNT.size)
        self._left = memoryview(self._data)
        self._wanted = _COUNT.size

    @property
    def has_unsent(self) -> bool:
        """Return whether data waits for the socket to become writable."""
        return bool(self._unsent)

    def send(self, frames: Sequence[Buffer]) -> None:
        """Send a message, as far as the socket takes it now."""
        head = head_of(frames)
        if sum(map(len, frames)) < _AT_ONCE_BYTES:
            self._unsent.append(memoryview(b"".join([head, *frames])))
        else:
            self._unsent += [memoryview(frame).cast("B") for frame in (head, *frames) if len(frame)]
        self.flush()

    def flush(self) -> None:
        """Send more of the data that waits.

        Raises
        ------
        OSError
            If the other end is closed.
        """
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent[0])
            except BlockingIOError:
                return
            if sent < len(self._unsent[0]):
                self._unsent[0] = self._unsent[0][sent:]
            else:
                self._unsent.popleft()

    def receive(self) -> list[Buffer] | None:
        """Return a message if a whole one has arrived; ``None`` if not yet.

        Raises
        ------
        EOFError
            If the other end is closed.
        ConnectionResetError
            If it was closed before it had read all that was sent.
        ProtocolError
            If bytes arrive that are no message, are over the limit, or find no memory.
        """
        while True:
            while self._left:
                try:
                    received = self._socket.recv_into(self._left)
                except BlockingIOError:
                    return None
                if not received:
                    raise EOFError
                self._left = self._left[received:]
            if len(self._data) < self._wanted:
                self._grow()
                continue
            frames = self._advance()
            if frames is not None:
                return frames

    def _begin(self, length: int) -> None:
        self._wanted = length
        self._data = bytearray(min(length, _FIRST_BYTES))
        self._left = memoryview(self._data)

    def _grow(self) -> None:
        """Take memory for as many bytes again as have arrived of the present part."""
        arrived = len(self._data)
        # The memory can't move while there is a view of it.
        self._left.release()
        try:
            self._data += bytes(min(arrived, self._wanted - arrived))
        except MemoryError as error:
            self._left = memoryview(b"")
            raise ProtocolError(f"no memory for {self._wanted} bytes of a message") from error
        self._left = memoryview(self._data)[arrived:]

    def _advance(self) -> list[Buffer] | None:
        """Begin the next part after one is whole; return the frames after the last one."""
        if self._lengths is None:
            if len(self._data) == _COUNT.size:
                # The lengths have 8 bytes each: they can't be mistaken for the count.
                self._begin(8 * _count(self._data))
                return None
            self._lengths = deque(_lengths(self._data, self._limit_bytes))
        else:
            self._frames.append(self._data)
        if self._lengths:
            self._begin(self._lengths.popleft())
            return None
        frames: list[Buffer] = [memoryview(frame) for frame in self._frames]
        self._frames, self._lengths = [], None
        self._begin(_COUNT.size)
        return frames
