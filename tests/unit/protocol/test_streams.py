"""Messages over a stream socket: whole, in order, and without waiting at nestd's end."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.process.polling import poll_until
from protocol.wire import streams
from protocol.wire.bounds import FRAME_LIMIT, SIZE_LIMIT_BYTES
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


@pytest.mark.parametrize("lengths", [(SIZE_LIMIT_BYTES,), (5, SIZE_LIMIT_BYTES - 5), (1 << 32,)])
def test_memory_is_taken_for_what_has_arrived_not_for_what_is_announced(
    ends: Any, lengths: tuple[int, ...]
) -> None:
    polled, _, _, theirs = ends
    tracemalloc.start()
    try:
        theirs.sendall(struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths) + bytes(100))
        assert polled.receive() is None
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_message_over_the_limit_of_an_end_is_a_protocol_error(ends: Any) -> None:
    _, _, ours, theirs = ends
    polled = PolledStream(ours, limit_bytes=1000)
    theirs.sendall(struct.pack("<IQ", 1, 1000) + bytes(1000))
    assert received(polled) == [bytes(1000)]
    theirs.sendall(struct.pack("<IQQ", 2, 1000, 1))
    with pytest.raises(ProtocolError, match="the limit is 1000"):
        polled.receive()


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_an_end_or_a_protocol_error(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        polled = PolledStream(ours)
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        with contextlib.suppress(EOFError, ProtocolError):
            while polled.receive() is not None:
                pass


def test_script_without_memory_for_its_message_gets_an_error(
    ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first part is there, and there is no memory for the second."""
    polled, _, _, theirs = ends

    def no_memory(length: int) -> bytes:
        raise MemoryError

    monkeypatch.setattr(streams, "bytes", no_memory, raising=False)
    theirs.sendall(struct.pack("<IQ", 1, SIZE_LIMIT_BYTES))
    thread = threading.Thread(target=lambda: theirs.sendall(bytearray(1 << 20)))
    thread.start()

    def refused() -> bool:
        try:
            polled.receive()
        except ProtocolError as error:
            return "no memory" in str(error)
        return False

    assert poll_until(refused, DEADLINE_S, 0.001)
    thread.join(DEADLINE_S)
