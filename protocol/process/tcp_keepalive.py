"""TCP keepalive: the options with which both ends of ``tcp://`` notice that the network is cut.

TCP does it, not the heartbeats of ZeroMQ: the system answers for a process that is suspended or
busy sending a large array, neither of which is dead (docs/decisions/0011).
"""

from __future__ import annotations

from typing import Any

import zmq

#: Seconds until an idle connection is probed, between probes, and probes without an answer after
#: which it is closed.
IDLE_S, INTERVAL_S, PROBES = 5, 2, 3
#: Time after which a connection is closed on which sent data was not acknowledged.
UNACKNOWLEDGED_MS = 10_000
#: Time that a handshake may take.
HANDSHAKE_MS = 5_000


def is_tcp(endpoint: str) -> bool:
    """Return whether an endpoint is on the network."""
    return endpoint.startswith("tcp://")


def set_keepalive(socket: zmq.Socket[Any]) -> None:
    """Have ``socket`` close connections whose network is cut, within about ten seconds."""
    socket.tcp_keepalive = 1
    socket.tcp_keepalive_idle = IDLE_S
    socket.tcp_keepalive_intvl = INTERVAL_S
    socket.tcp_keepalive_cnt = PROBES
    socket.setsockopt(zmq.TCP_MAXRT, UNACKNOWLEDGED_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
