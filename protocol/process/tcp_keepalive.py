"""What both ends of ``tcp://`` have in common: the options that notice a link that is cut.

TCP does it, not the heartbeats of ZeroMQ: the system answers for a process that is suspended or
busy sending a large array, neither of which is dead (docs/decisions/0011).
"""

from __future__ import annotations

from typing import Any

import zmq

#: An idle link is asked after so many seconds whether it stands, then as often again, and is given
#: up when that many questions were not answered.
IDLE_S, INTERVAL_S, QUESTIONS = 5, 2, 3
#: It is given up when what was sent was not received for so long.
UNRECEIVED_MS = 10_000
#: How long a handshake may take.
HANDSHAKE_MS = 5_000


def is_tcp(endpoint: str) -> bool:
    """Whether an endpoint is on the network."""
    return endpoint.startswith("tcp://")


def watch_link(socket: zmq.Socket[Any]) -> None:
    """Have ``socket`` close connections whose link is cut, within about ten seconds."""
    socket.tcp_keepalive = 1
    socket.tcp_keepalive_idle = IDLE_S
    socket.tcp_keepalive_intvl = INTERVAL_S
    socket.tcp_keepalive_cnt = QUESTIONS
    socket.setsockopt(zmq.TCP_MAXRT, UNRECEIVED_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
