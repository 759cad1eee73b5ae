"""Limits of one HTTP server: sizes, times and numbers that no caller gets beyond."""

from __future__ import annotations

from dataclasses import dataclass

#: Longest first line of a request, and longest header.
LINE_BYTES = 8190
#: Most headers of a request.
HEADER_COUNT = 100
#: Longest head of a request.
HEAD_BYTES = 1 << 16
#: How long a connection may say nothing between two requests.
IDLE_S = 75.0
#: Time that a body, or the reader of an answer, has before its rate is looked at.
RATE_GRACE_S = 20.0
#: How long a thread waits for a caller who takes nothing of a large answer.
STALL_S = 60.0
#: What callers still send after an error is thrown away, so that they can read the error.
DISCARD_BYTES = 1 << 30
DISCARD_S = 30.0


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits that the operator may choose."""

    #: Connections in all.
    count: int = 4096
    #: Connections of one address; of IPv6, of one /64.
    per_peer: int = 512
    #: Time for a whole head.
    head_s: float = 20.0
    #: Least rate of a body, after ``RATE_GRACE_S``.
    body_bytes_per_s: int = 16 * 1024


def is_too_slow(count: int, took_s: float, rate: int) -> bool:
    """Return whether ``count`` bytes in ``took_s`` are below ``rate``, once the grace is over."""
    return count < (took_s - RATE_GRACE_S) * rate
