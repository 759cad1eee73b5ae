"""Notify protocol of service managers (sd_notify(3)): datagrams of lines ``NAME=value``.

A manager such as systemd names its socket in ``NOTIFY_SOCKET``: a path, or a name in the abstract
namespace, which begins with ``@``.
"""

from __future__ import annotations

import array
import contextlib
import socket
from collections.abc import Mapping, Sequence

#: Variables by which a manager speaks to the process that it starts, and to no child of it.
MANAGER_VARIABLES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
)


def notify_address(variables: Mapping[str, str]) -> bytes | None:
    """Return the address of the manager's socket; ``None`` if there is none for datagrams."""
    named = variables.get("NOTIFY_SOCKET", "")
    if named.startswith("@"):
        return b"\0" + named[1:].encode()
    return named.encode() if named.startswith("/") else None


def notify(address: bytes, *lines: str, descriptors: Sequence[int] = ()) -> None:
    """Send the manager ``lines``; nothing is sent to one that has ended or is busy.

    Parameters
    ----------
    address : of its socket
    lines : such as ``READY=1``
    descriptors : file descriptors that it is to keep
    """
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending,
    ):
        # Nobody waits for a manager whose buffer is full.
        sending.setblocking(False)
        data = "\n".join(lines).encode()
        sending.sendmsg([data], rights if descriptors else [], 0, address)
