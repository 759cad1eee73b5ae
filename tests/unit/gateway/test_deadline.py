"""Limits to a wait: a time, or the hang-up of the caller."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateway.events.readers import EventReaders
from gateway.kernel import client_disconnect
from gateway.kernel.client_disconnect import ClientDisconnect
from protocol.channel import deadline
from protocol.channel.deadline import Deadline
from protocol.errors import QueueFull


class Clock:
    """Time that passes when the test says so."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (client_disconnect, deadline):
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_deadline_is_over_when_its_time_is(clock: Clock) -> None:
    limit = Deadline(2.0)
    assert (limit.wait_ms(500), limit.is_over()) == (500, False)
    clock.now_s += 1.9
    assert limit.wait_ms(500) in (100, 101)
    clock.now_s += 0.2
    assert (limit.wait_ms(500), limit.is_over()) == (0, True)


def test_caller_who_hangs_up_has_a_grace_period(
    clock: Clock, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    caller = ClientDisconnect(ours, 2.0)
    assert not caller.is_over()
    theirs.close()
    clock.now_s += 10.0
    assert (caller.wait_ms(5000), caller.is_over()) == (5000, False)
    assert caller.wait_ms(5000) in (2000, 2001)
    clock.now_s += 2.0
    assert caller.is_over()


def test_caller_whose_connection_fails_has_hung_up(
    clock: Clock, pair: tuple[socket.socket, socket.socket]
) -> None:
    pair[0].close()
    assert ClientDisconnect(pair[0], 0.0).is_over()


def test_next_request_hides_a_hang_up(
    clock: Clock, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    caller = ClientDisconnect(ours, 0.0)
    theirs.sendall(b"GET")
    theirs.close()
    assert not caller.is_over()
    assert caller.wait_ms(500) is None
    assert ours.recv(10) == b"GET"


def test_as_many_readers_of_events_as_may_be() -> None:
    readers = EventReaders(2)
    readers.admit()
    readers.admit()
    with pytest.raises(QueueFull, match="there are 2 readers"):
        readers.admit()
    readers.release()
    readers.admit()
    assert readers.count == 2
