"""Limit to a wait for an answer: the caller's hang-up."""

from __future__ import annotations

import socket
import time


class ClientDisconnect:
    """Limit of a wait by the caller, who may hang up.

    Parameters
    ----------
    connection : the caller's socket
    grace_s : time after the hang-up during which the request goes on
    """

    def __init__(self, connection: socket.socket, grace_s: float) -> None:
        self._connection = connection
        self._grace_s = grace_s
        self._hung_up_s: float | None = None
        #: Whether the next request has arrived, which hides the end of the connection.
        self._is_hidden = False

    def wait_ms(self, most_ms: int) -> int | None:
        """Return how long to wait before the next check; ``None`` if a check shows nothing."""
        if self._is_hidden:
            return None
        if self._hung_up_s is None:
            return most_ms
        left_s = self._hung_up_s + self._grace_s - time.monotonic()
        return max(0, min(most_ms, int(left_s * 1000) + 1))

    def is_over(self) -> bool:
        """Return whether the caller has hung up and the grace period is over."""
        if self._hung_up_s is None:
            self._check()
        return self._hung_up_s is not None and time.monotonic() >= self._hung_up_s + self._grace_s

    def _check(self) -> None:
        try:
            data = self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            # The next request, sent before this one is answered.
            self._is_hidden = True
        else:
            self._hung_up_s = time.monotonic()
