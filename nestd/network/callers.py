"""Connections of callers to a socket on this host, and which of them have closed.

A client that sends its work itself waits for the answer as long as its process lives, and its
connection is open exactly as long. libzmq reports the end of a connection by its file descriptor,
which each message has that came over it; the names of peers are not reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message


class Callers:
    """Who has sent messages over which connection of a ROUTER socket.

    Parameters
    ----------
    socket : bound to ``ipc://``
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        address = f"inproc://callers-{id(self):x}"
        socket.monitor(address, zmq.EVENT_DISCONNECTED)
        self.monitor: zmq.Socket[Any] = socket.context.socket(zmq.PAIR)
        # The sending end would wait otherwise, and with it all of ZeroMQ.
        self.monitor.set_hwm(0)
        self.monitor.connect(address)
        self._senders: dict[int, bytes] = {}
        #: Connections that have closed, whose end is not reported yet, by descriptor.
        self._unreported: Counter[int] = Counter()

    @classmethod
    def of(cls, socket: zmq.Socket[bytes]) -> Callers | None:
        """Return the callers of ``socket``; ``None`` if it is not bound to ``ipc://`` alone."""
        endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        return cls(socket) if endpoint.startswith("ipc://") else None

    def note(self, sender: bytes, frame: zmq.Frame) -> bytes | None:
        """Note the sender of a frame; return whose connection was closed to make this one's place.

        A frame of a peer that speaks an old version of ZeroMQ's protocol has no descriptor.
        """
        try:
            descriptor = int(frame.get(zmq.SRCFD))
        except zmq.ZMQError:
            return None
        before = self._senders.get(descriptor)
        if before == sender:
            return None
        self._senders[descriptor] = sender
        if before is not None:
            self._unreported[descriptor] += 1
        return before

    def close(self) -> None:
        """Close the monitor."""
        self.monitor.close(linger=0)

    def left(self) -> Iterator[bytes]:
        """Iterate over those whose connections are reported to have closed."""
        while int(self.monitor.get(zmq.EVENTS)) & zmq.POLLIN:
            descriptor = int(recv_monitor_message(self.monitor)["value"])
            if self._unreported[descriptor]:
                self._unreported[descriptor] -= 1
                continue
            del self._unreported[descriptor]
            sender = self._senders.pop(descriptor, None)
            if sender is not None:
                yield sender
