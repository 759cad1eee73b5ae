"""What a server says to the service manager that has started it, if one has: systemd, usually."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping, Sequence

from protocol.process.sd_notify import notify, notify_address

#: Signs of life a watchdog gets while its time runs once.
_FEEDS = 4
#: What the manager is asked to wait beyond the time limit of what runs.
_SLACK_S = 30.0
#: Stands for "without a limit".
_LONG_S = 366 * 86_400.0


class Service:
    """The service manager; tells nobody anything if there is none.

    Parameters
    ----------
    variables : environment of this process
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._address = notify_address(variables)
        interval = variables.get("WATCHDOG_USEC", "")
        watched = variables.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        is_watched = self._address is not None and interval.isdecimal() and watched
        #: How often the watchdog wants a sign of life; infinite if there is none.
        self._every_s = int(interval) / 1e6 / _FEEDS if is_watched else math.inf
        self._due_s = time.monotonic() + self._every_s

    @property
    def wait_s(self) -> float:
        """How long it may be waited until the next sign of life."""
        return self._due_s - time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time for a sign of life; it is due again later."""
        if time.monotonic() < self._due_s:
            return False
        self._due_s = time.monotonic() + self._every_s
        return True

    def alive(self) -> None:
        """Give a sign of life."""
        self._tell("WATCHDOG=1")

    def ready(self, status: str) -> None:
        """It serves from now on."""
        self._tell("READY=1", f"STATUS={status}")

    def stopping(self, limit_s: float | None) -> None:
        """It stops, which may take so long; ``None`` without a limit."""
        wait_s = _LONG_S if limit_s is None else limit_s + _SLACK_S
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(wait_s * 1e6)}", "STATUS=Stopping")

    def keep(self, listeners: Sequence[socket.socket]) -> None:
        """Have listening sockets kept until this server is started again."""
        for listener in listeners:
            self._tell("FDSTORE=1", _name(listener), descriptors=[listener.fileno()])

    def drop(self, listener: socket.socket) -> None:
        """Have one kept no longer."""
        self._tell("FDSTOREREMOVE=1", _name(listener))

    def _tell(self, *lines: str, descriptors: Sequence[int] = ()) -> None:
        if self._address is not None:
            notify(self._address, *lines, descriptors=descriptors)


def _name(listener: socket.socket) -> str:
    return f"FDNAME=port-{listener.getsockname()[1]}"
