"""Packets between rank 0 and its file broker, over a Unix socket that keeps their bounds.

A packet is the number of its request (8 bytes), its kind (1 byte) and its content: a list in
MessagePack, or bytes of a large message. Rank 0 asks, and each request but ``PRINT`` is answered
once, under its number. A signal may keep rank 0 from hearing an answer, so an answer under another
number is passed over.

========  ==========================  =========================================================
kind      rank 0 sends                the file broker answers
========  ==========================  =========================================================
HELLO     nothing                     what is wrong with its files, or nil
CONNECT   the connection file         why it can't be written, or nil
FIND      id of a job                 an outcome, and what it says: a text, or the length of the
                                      request, which follows as ``PART``
CLAIM     id, for whom                whether rank 0 has the job, and why it can't be noted
PRINT     id, output                  nothing
END       id, length of the result    0, or the number of the system's error and its text; before
                                      a result follows as ``PART``, it is asked for by ``GO_ON``
NOTE      id, kind and text of error  nothing but that it was done
========  ==========================  =========================================================

The socket is Linux's SOCK_SEQPACKET. A stream would be left in the middle of a message by a signal.
"""

from __future__ import annotations

import enum
import socket
import struct
from collections.abc import Sequence
from typing import Any

import msgpack

from protocol.errors import ProtocolError
from protocol.wire.values import Buffer

_HEAD = struct.Struct("<QB")
#: Most bytes of the content of a packet.
PART_BYTES = 1 << 16
#: Room for a packet in the system, where that is allowed.
_SOCKET_BYTES = 1 << 21


class PacketKind(enum.IntEnum):
    """Kinds of packets."""

    HELLO = 1
    CONNECT = 2
    FIND = 3
    CLAIM = 4
    PRINT = 5
    END = 6
    NOTE = 7
    PART = 8
    GO_ON = 9
    ANSWER = 10


class Lookup(enum.Enum):
    """Outcomes of looking for a job."""

    #: It is to be executed.
    READY = "ready"
    #: Somebody has claimed it, or it has ended.
    SETTLED = "settled"
    #: There is none.
    MISSING = "missing"
    #: It was accepted for the kernel of another generation.
    FOREIGN = "foreign"
    #: Its request can't be read, and never will be.
    DAMAGED = "damaged"
    #: It can't be read now.
    UNREADABLE = "unreadable"


class PacketSocket:
    """One end of the socket. Each call sends or receives whole packets.

    Parameters
    ----------
    connected : SOCK_SEQPACKET socket
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._head = bytearray(_HEAD.size)
        self._content = memoryview(bytearray(PART_BYTES))
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)

    @classmethod
    def pair(cls) -> tuple[PacketSocket, socket.socket]:
        """Make this end, and the socket for the other."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def limit_waits(self, limit_s: float) -> None:
        """Have sending and receiving raise ``BlockingIOError`` after ``limit_s``."""
        # Of the socket itself, which costs no further system call each time.
        limit = struct.pack("@ll", int(limit_s), int(limit_s % 1 * 1e6))
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, limit)

    def send(self, number: int, kind: PacketKind, *content: Any) -> None:
        """Send a packet of values.

        Raises
        ------
        ProtocolError
            If it is too large.
        OSError
            If the other end is closed, or takes nothing for too long.
        """
        packed: bytes = msgpack.packb(content)
        if len(packed) > PART_BYTES:
            raise ProtocolError(f"{len(packed)} bytes in one packet, the limit is {PART_BYTES}")
        self._socket.send(_HEAD.pack(number, kind) + packed)

    def send_parts(self, number: int, buffers: Sequence[Buffer]) -> None:
        """Send buffers one after the other, in as many packets as they need.

        Raises
        ------
        OSError
            If the other end is closed, or takes nothing for too long.
        """
        head = _HEAD.pack(number, PacketKind.PART)
        for buffer in buffers:
            view = memoryview(buffer).cast("B")
            for at in range(0, len(view), PART_BYTES):
                self._socket.sendmsg([head, view[at : at + PART_BYTES]])

    def receive(self, into: memoryview | None = None) -> tuple[int, PacketKind, memoryview] | None:
        """Receive a packet: number, kind, content; ``None`` if the other end is closed.

        Parameters
        ----------
        into : where the content goes; without it the content lasts until the next packet

        Raises
        ------
        ProtocolError
            If it is no packet.
        OSError
            If none comes for too long.
        """
        room = self._content if into is None else into
        try:
            length, _, flags, _ = self._socket.recvmsg_into([self._head, room])
        except ConnectionResetError:
            # The other end was closed with something unread.
            return None
        if not length:
            return None
        if length < _HEAD.size or flags & socket.MSG_TRUNC:
            raise ProtocolError("what has arrived is no packet")
        number, kind = _HEAD.unpack(self._head)
        return number, PacketKind(kind), room[: length - _HEAD.size]

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def values_of(content: memoryview) -> list[Any]:
    """Return the values of a packet's content.

    Raises
    ------
    ProtocolError
        If it has none.
    """
    try:
        values = msgpack.unpackb(content)
    except ValueError as error:
        raise ProtocolError("what has arrived is no packet") from error
    if not isinstance(values, list):
        raise ProtocolError("what has arrived is no packet")
    return values
