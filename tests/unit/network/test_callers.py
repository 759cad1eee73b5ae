"""Whose connection has closed is known by its descriptor, also where that was used anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from nestd.network.callers import Callers
from protocol.process.polling import poll_until

DEADLINE_S = 60.0


class Sockets:
    """A ROUTER socket, its callers, and DEALER sockets to it."""

    def __init__(self, path: Path) -> None:
        # A context each: those of the peers end before.
        self.contexts: list[zmq.Context[Any]] = [zmq.Context(), zmq.Context()]
        self.router = self.contexts[0].socket(zmq.ROUTER)
        self.router.bind(f"ipc://{path}")
        self.path = path
        found = Callers.of(self.router)
        assert found is not None
        self.callers = found
        self.opened: list[zmq.Socket[Any]] = [self.router]

    def call(self, name: bytes) -> zmq.Socket[Any]:
        """Have a new peer send something, and note it."""
        peer = self.contexts[1].socket(zmq.DEALER)
        peer.routing_id = name
        peer.linger = 0
        peer.connect(f"ipc://{self.path}")
        peer.send(b"hello")
        self.opened.append(peer)
        sender, frame = self.router.recv_multipart(copy=False)
        assert self.callers.note(sender.bytes, frame) is None
        return peer

    def left(self) -> list[bytes]:
        """Those whose connections have closed, once there are some."""
        return poll_until(lambda: list(self.callers.left()), DEADLINE_S) or []


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[Sockets]:
    made = Sockets(tmp_path / "socket")
    yield made
    made.callers.close()
    for socket in made.opened:
        socket.close(linger=0)
    for context in made.contexts:
        context.destroy(linger=0)


def test_who_closes_the_connection_has_left_and_nobody_else(sockets: Sockets) -> None:
    first = sockets.call(b"first")
    sockets.call(b"second")
    assert list(sockets.callers.left()) == []
    first.close()
    assert sockets.left() == [b"first"]
    third = sockets.call(b"third")
    third.close()
    assert sockets.left() == [b"third"]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch, sockets: Sockets) -> Callable[[int], None]:
    """Reports the end of a connection by its descriptor, when the test says so."""
    reported: list[int] = []
    monkeypatch.setattr(
        "nestd.network.callers.recv_monitor_message", lambda _: {"value": reported.pop(0)}
    )

    class Monitor:
        def get(self, option: int) -> int:
            return zmq.POLLIN if reported else 0

        def close(self, linger: int) -> None:
            """Nothing is open."""

    sockets.callers.close()
    sockets.callers.monitor = Monitor()  # type: ignore[assignment]
    return reported.append


class Sent(zmq.Frame):
    """A frame that came over the connection with descriptor 7."""

    def get(self, option: Any) -> Any:
        return 7


def test_end_of_the_connection_before_ends_nothing_of_the_one_after(
    sockets: Sockets, events: Callable[[int], None]
) -> None:
    callers = sockets.callers
    assert callers.note(b"old", Sent(b"hello")) is None
    assert callers.note(b"new", Sent(b"hello")) == b"old"
    events(7)
    assert list(callers.left()) == []
    events(7)
    assert list(callers.left()) == [b"new"]
    events(7)
    assert list(callers.left()) == []


def test_peer_without_a_descriptor_is_not_watched(sockets: Sockets) -> None:
    assert sockets.callers.note(b"old peer", zmq.Frame(b"hello")) is None
    assert list(sockets.callers.left()) == []


def test_sockets_of_one_process_or_a_network_are_not_watched() -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.bind("inproc://callers")
        assert Callers.of(router) is None
