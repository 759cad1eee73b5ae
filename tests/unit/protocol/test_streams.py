"""Messages over a stream socket: whole, in order, and without waiting at nestd's end."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.process.polling import poll_until
from protocol.wire.frames import FRAME_LIMIT, SIZE_LIMIT_BYTES
from protocol.wire.streams import PolledStream, WaitingStream

DEADLINE_S = 20.0
FRAMES = st.lists(st.binary(max_size=200), min_size=1, max_size=5)


@pytest.fixture
def ends() -> Iterator[tuple[PolledStream, WaitingStream, socket.socket, socket.socket]]:
    """Both ends of a connection, and their sockets."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield PolledStream(ours), WaitingStream(theirs), ours, theirs


def received(stream: PolledStream) -> list[bytes]:
    """The next message at nestd's end."""
    found = poll_until(stream.receive, DEADLINE_S, 0.001)
    assert found is not None
    return [bytes(frame) for frame in found]


@given(st.lists(FRAMES, min_size=1, max_size=4))
def test_messages_arrive_whole_and_in_order_both_ways(messages: list[list[bytes]]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        polled, waiting = PolledStream(ours), WaitingStream(theirs)
        for message in messages:
            polled.send(message)
            waiting.send(message)
        for message in messages:
            assert received(polled) == message
            found = waiting.receive()
            assert found is not None
            assert [bytes(frame) for frame in found] == message


def test_what_waits_for_the_socket_is_sent_when_it_is_told(ends: Any) -> None:
    polled, waiting, _, _ = ends
    large = [os.urandom(3_000_000), b"", os.urandom(5)]
    polled.send([b"first"])
    polled.send(large)
    assert polled.has_unsent
    found: list[Any] = []

    def take() -> None:
        found.extend(waiting.receive() for _ in range(2))

    thread = threading.Thread(target=take)
    thread.start()

    def flushed() -> bool:
        polled.flush()
        return not polled.has_unsent

    assert poll_until(flushed, DEADLINE_S, 0.001)
    thread.join(DEADLINE_S)
    assert [[bytes(frame) for frame in message] for message in found] == [[b"first"], large]


def test_large_messages_come_back_from_the_end_that_waits(ends: Any) -> None:
    polled, waiting, _, _ = ends
    large = [os.urandom(3_000_000), os.urandom(70_000)]
    thread = threading.Thread(target=waiting.send, args=(large,))
    thread.start()
    assert received(polled) == large
    thread.join(DEADLINE_S)


def test_half_a_message_is_none_yet(ends: Any) -> None:
    polled, _, _, theirs = ends
    whole = struct.pack("<IQQ", 2, 3, 1) + b"abcd"
    for count in range(len(whole)):
        theirs.sendall(whole[count : count + 1])
        found = polled.receive() if count < len(whole) - 1 else None
        assert found is None
    assert received(polled) == [b"abc", b"d"]


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("<I", 0),
        struct.pack("<I", FRAME_LIMIT + 1),
        struct.pack("<IQ", 1, SIZE_LIMIT_BYTES + 1),
        struct.pack("<IQQ", 2, SIZE_LIMIT_BYTES, 1),
    ],
)
def test_impossible_sizes_are_a_protocol_error_at_both_ends(ends: Any, sent: bytes) -> None:
    polled, waiting, ours, theirs = ends
    theirs.sendall(sent)
    with pytest.raises(ProtocolError):
        polled.receive()
    ours.sendall(sent)
    with pytest.raises(ProtocolError):
        waiting.receive()


def test_closed_connection_is_an_end_at_both_ends(ends: Any) -> None:
    polled, waiting, ours, theirs = ends
    theirs.sendall(b"\x01")
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        polled.receive()
    ours.close()
    assert waiting.receive() is None
