"""Keeper of ``loopback_bind.py``: process that changes where its parent listens.

``loopback_bind_keeper.py FD`` gets a notification of each bind(2) of the parent and its children on
the file descriptor FD (seccomp_unotify(2)). Calls of the children, the ranks, are let through
unchanged: a script without restriction may listen where it likes. The keeper ends with its parent.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# linux/seccomp.h
_RECEIVE, _SEND = 0xC050_2100, 0xC018_2101
_CONTINUE = 1
#: ``struct seccomp_notif``: id, thread, flags; call, architecture, place, six arguments.
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
#: ``struct seccomp_notif_resp``: id, result, error, flags.
_ANSWER = struct.Struct("=QqiI")

_FAMILY = struct.Struct("=H")
#: Of each family where in its addresses (ip(7), ipv6(7)) that of the interface is, "any" and the
#: loopback.
_FAMILIES = {
    family: (offset, socket.inet_pton(family, every), socket.inet_pton(family, loopback))
    for family, offset, every, loopback in (
        (socket.AF_INET, 4, "0.0.0.0", "127.0.0.1"),  # noqa: S104
        (socket.AF_INET6, 8, "::", "::1"),
    )
}


def on_loopback(address: bytes) -> bytes:
    """Return a socket's address with the loopback in place of "any"."""
    if len(address) < _FAMILY.size:
        return address
    family = _FAMILIES.get(_FAMILY.unpack_from(address)[0])
    if family is None:
        return address
    offset, every, loopback = family
    end = offset + len(every)
    if address[offset:end] != every:
        return address
    return address[:offset] + loopback + address[end:]


def _change(thread: int, at: int, length: int) -> None:
    with Path(f"/proc/{thread}/mem").open("r+b", buffering=0) as memory:
        memory.seek(at)
        address = memory.read(length)
        wanted = on_loopback(address)
        if wanted != address:
            memory.seek(at)
            memory.write(wanted)


def _keep(notifications: int, parent: int) -> None:
    while True:
        message = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(notifications, _RECEIVE, message)
            id, thread, _, _, _, _, _, at, length, *_ = _NOTIFICATION.unpack(message)
            if Path(f"/proc/{parent}/task/{thread}").exists():
                try:
                    _change(thread, at, length)
                except OSError as error:
                    print(f"other hosts may reach process {parent}: {error}", flush=True)
            fcntl.ioctl(notifications, _SEND, bytearray(_ANSWER.pack(id, 0, 0, _CONTINUE)))
        except FileNotFoundError:
            # The caller of bind(2) has ended meanwhile.
            continue


def main(notifications: int) -> None:
    """Handle the binds of the parent until the parent ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() == parent:
        _keep(notifications, parent)


if __name__ == "__main__":
    main(int(sys.argv[1]))
