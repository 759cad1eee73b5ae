"""Who waits for an answer, and for how long."""

from __future__ import annotations

import socket
import time


class Deadline:
    """Whoever waits for so long and no longer.

    Parameters
    ----------
    patience_s : from now on
    """

    def __init__(self, patience_s: float) -> None:
        self._until_s = time.monotonic() + patience_s

    def wait_ms(self, patience_ms: int) -> int | None:
        """How long to wait before looking again."""
        left_s = self._until_s - time.monotonic()
        return max(0, min(patience_ms, int(left_s * 1000) + 1))

    def is_gone_for_good(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._until_s


class ClientDisconnect:
    """Who waits for an answer, as far as their connection tells.

    Parameters
    ----------
    connection : their socket
    grace_s : time after they have hung up during which their request goes on
    """

    def __init__(self, connection: socket.socket, grace_s: float) -> None:
        self._connection = connection
        self._grace_s = grace_s
        self._gone_s: float | None = None
        #: What has arrived hides from then on whether more, or the end, comes.
        self._is_hidden = False

    def wait_ms(self, patience_ms: int) -> int | None:
        """How long to wait before looking again; ``None`` if looking is of no use."""
        if self._is_hidden:
            return None
        if self._gone_s is None:
            return patience_ms
        left_s = self._gone_s + self._grace_s - time.monotonic()
        return max(0, min(patience_ms, int(left_s * 1000) + 1))

    def is_gone_for_good(self) -> bool:
        """Whether they have hung up and the grace period is over."""
        if self._gone_s is None:
            self._look()
        return self._gone_s is not None and time.monotonic() >= self._gone_s + self._grace_s

    def _look(self) -> None:
        try:
            found = self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            found = b""
        if found:
            # The next request, sent before this one is answered.
            self._is_hidden = True
        else:
            self._gone_s = time.monotonic()
