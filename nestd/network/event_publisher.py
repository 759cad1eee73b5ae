"""Events of a kernel, published to the gateways that listen."""

from __future__ import annotations

import contextlib

import zmq

from protocol.errors import ProtocolError
from protocol.wire import frames
from protocol.wire.messages import Event
from protocol.wire.values import Value


class EventPublisher:
    """Sends events to all gateways that listen.

    Parameters
    ----------
    socket : bound PUB socket; gateways that are too slow for it miss events
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket

    def publish(self, kind: str, facts: dict[str, Value]) -> None:
        """Send an event, without waiting for gateways that are too slow."""
        with contextlib.suppress(zmq.Again, ProtocolError):
            self._socket.send_multipart(frames.encode(Event(kind, facts)), zmq.NOBLOCK)

    def log(self, level: str, text: str) -> None:
        """Publish a line that this process has logged."""
        self.publish("log", {"source": "kernel", "level": level, "text": text})
