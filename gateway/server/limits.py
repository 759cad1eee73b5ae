"""Limits of one HTTP server: sizes, times and numbers that no caller gets beyond."""

from __future__ import annotations

from dataclasses import dataclass

#: Longest first line of a request, and longest header.
LINE_BYTES = 8190
#: Most headers of a request.
HEADER_COUNT = 100
#: Longest head of a request.
HEAD_BYTES = 1 << 16
#: Requests without a token that are answered at a time. They wait for nothing but the processor,
#: which few threads leave to others: however many ask, whoever has a token does not wait for them.
STRANGER_THREADS = 4
#: Time for a head that is on its way, or a first one, when the server stops.
LAST_HEAD_S = 1.0
#: How long a connection may say nothing when another server takes this one's place: a caller who
#: uses it again and again is told that it ends, and loses no request.
LAST_IDLE_S = 5.0
#: Time that a body has before its rate is looked at, and time that the reader of an answer has.
SENDING_GRACE_S = 20.0
TAKING_GRACE_S = 60.0


@dataclass(frozen=True)
class Linger:
    """How much of what a caller still sends after an error is thrown away, and for how long."""

    size_bytes: int
    duration_s: float


#: Callers can read the error, whichever client they use.
CALLER_LINGER = Linger(1 << 30, 30.0)
#: Strangers can, too, if their client looks for an answer when it can't go on sending.
STRANGER_LINGER = Linger(2 << 20, 2.0)


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits that the operator may choose."""

    #: Connections in all.
    count: int = 4096
    #: Connections of one address; of IPv6, of one /64.
    per_peer: int = 512
    #: Time for a whole head.
    head_s: float = 20.0
    #: Least rate at which a body comes, and an answer is taken, once the grace is over.
    bytes_per_s: int = 16 * 1024
    #: How long a connection may say nothing between two requests.
    idle_s: float = 75.0
