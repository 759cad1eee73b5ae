"""Peers of nestd's sockets that send anything whatever."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable

import zmq

from protocol.errors import ProtocolError
from protocol.wire import frames
from tests.integration.servers import DEADLINE_S

#: The greeting of ZMTP 3.0 (https://rfc.zeromq.org/spec/23) by a peer without security.
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16 + 1 + 31)


class Asking:
    """DEALER sockets that ask nestd, and count its answers.

    Parameters
    ----------
    endpoint : of its ROUTER socket
    number : of sockets
    """

    def __init__(self, endpoint: str, number: int = 4) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets = [self._context.socket(zmq.DEALER) for _ in range(number)]
        self._next = 0
        self.sent = self.answered = 0
        #: Answers that are no messages.
        self.garbage = 0
        for one in self._sockets:
            one.set_hwm(0)
            one.linger = 0
            one.connect(endpoint)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *error: object) -> None:
        self._context.destroy(linger=0)

    def send(self, message: list[bytes]) -> None:
        """Send it by the next socket."""
        self._sockets[self._next % len(self._sockets)].send_multipart(message)
        self._next += 1
        self.sent += 1

    def await_answers(self, deadline_s: float = DEADLINE_S) -> bool:
        """Take up answers; whether there is one to all that was sent by then."""
        end_s = time.monotonic() + deadline_s
        poller = zmq.Poller()
        for one in self._sockets:
            poller.register(one, zmq.POLLIN)
        while self.answered < self.sent and time.monotonic() < end_s:
            for one, _ in poller.poll(200):
                with contextlib.suppress(zmq.Again):
                    while True:
                        self._take(one.recv_multipart(zmq.NOBLOCK))
        return self.answered == self.sent

    def _take(self, answer: list[bytes]) -> None:
        self.answered += 1
        try:
            frames.decode(answer)
        except ProtocolError:
            self.garbage += 1


def subscribe_to(endpoint: str, messages: Iterable[bytes]) -> None:
    """Send these to a PUB socket, which takes those that begin with 0 or 1 for subscriptions."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.XSUB) as one:
        one.linger = 2000
        one.connect(endpoint)
        for message in messages:
            one.send(message)
    context.term()


def stream_to(endpoint: str, data: bytes, kind: str | None = None) -> None:
    """Send bytes to a socket as they are, until it closes the connection.

    Parameters
    ----------
    endpoint : ``ipc://…``
    data : to be sent
    kind : of socket that a correct handshake tells first; ``None`` for no handshake
    """
    if kind is not None:
        name = kind.encode()
        ready = b"\x05READY\x0bSocket-Type" + len(name).to_bytes(4, "big") + name
        data = _GREETING + bytes([4, len(ready)]) + ready + data
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as one:
        one.settimeout(2.0)
        one.connect(endpoint.removeprefix("ipc://"))
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        # Until it has taken all, or has closed.
        while one.recv(65_536):
            pass
