"""Messages of a server to the service manager that has started it, usually systemd."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping, Sequence

from protocol.process.sd_notify import notify, notify_address

#: Signs of life a watchdog gets while its time runs once.
_SIGNS_PER_INTERVAL = 4
#: What the manager is asked to wait beyond the time limit of what runs.
_SLACK_S = 30.0
#: Stands for "without a limit".
_LONG_S = 366 * 86_400.0


class Service:
    """Service manager of this process; messages go nowhere if there is none.

    Parameters
    ----------
    variables : environment of this process
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._address = notify_address(variables)
        interval = variables.get("WATCHDOG_USEC", "")
        watched = variables.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        is_watched = self._address is not None and interval.isdecimal() and watched
        #: Pause between two signs of life for the watchdog; infinite if there is none.
        self.watchdog_s = int(interval) / 1e6 / _SIGNS_PER_INTERVAL if is_watched else math.inf

    def alive(self) -> None:
        """Send a sign of life."""
        self._send("WATCHDOG=1")

    def ready(self, status: str) -> None:
        """Tell the manager that this server serves from now on."""
        self._send("READY=1", f"STATUS={status}")

    def stopping(self, limit_s: float | None) -> None:
        """Tell the manager that this server stops within ``limit_s``; ``None`` without a limit."""
        wait_s = _LONG_S if limit_s is None else limit_s + _SLACK_S
        self._send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(wait_s * 1e6)}", "STATUS=Stopping")

    def keep(self, listeners: Sequence[socket.socket]) -> None:
        """Have the manager keep listening sockets until this server is started again."""
        for listener in listeners:
            self._send("FDSTORE=1", _name(listener), descriptors=[listener.fileno()])

    def drop(self, listener: socket.socket) -> None:
        """Have the manager keep a listening socket no longer."""
        self._send("FDSTOREREMOVE=1", _name(listener))

    def _send(self, *lines: str, descriptors: Sequence[int] = ()) -> None:
        if self._address is not None:
            notify(self._address, *lines, descriptors=descriptors)


def _name(listener: socket.socket) -> str:
    return f"FDNAME=port-{listener.getsockname()[1]}"
