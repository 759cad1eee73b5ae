"""Listening sockets at a name or address and a port, at both loopback addresses or at none.

``localhost`` is ``::1`` first on most machines, and ``127.0.0.1`` to others: who listens at one of
them alone leaves the other to any user of the machine, who then gets what is sent to ``localhost``,
tokens included.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection
from typing import Any

#: Connections that may wait to be accepted.
BACKLOG = 512
#: Addresses that ``localhost`` may mean, and which of them is to be held beside which.
_BESIDE = {"127.0.0.1": "::1", "::1": "127.0.0.1", "0.0.0.0": "::1"}  # noqa: S104
#: Errors of a machine that has no IPv6, or not at its loopback.
_ABSENT = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def addresses_of(host: str, port: int) -> list[Any]:
    """Return the addresses of ``host`` to listen at, as ``getaddrinfo`` has them.

    Where that is a loopback address, or all of IPv4, the other loopback address follows.

    Raises
    ------
    OSError
        If ``host`` has no address.
    """
    first = _lookup(host, port)
    other = _BESIDE.get(first[-1][0])
    return [first] if other is None else [first, _lookup(other, port)]


def listen(host: str, port: int, held: Collection[str] = ()) -> list[socket.socket]:
    """Listen at ``port`` of ``host``; return the sockets, the one of ``host`` itself first.

    Parameters
    ----------
    host, port : where to listen
    held : addresses at which this server listens already

    Raises
    ------
    OSError
        If that can't be; ``EADDRINUSE`` also if another process has the port at the other loopback
        address.
    """
    opened: list[socket.socket] = []
    try:
        for rank, address in enumerate(addresses_of(host, port)):
            if address[-1][0] in held:
                continue
            if opened and not port:
                # The system has chosen one.
                port = opened[0].getsockname()[1]
            try:
                opened.append(_listen(_lookup(address[-1][0], port)))
            except OSError as error:
                if rank == 0 or error.errno not in _ABSENT:
                    raise
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


def _lookup(host: str, port: int) -> Any:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]


def _listen(address: Any) -> socket.socket:
    family, kind, proto, _, where = address
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        set_up(listener)
        listener.bind(where)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def set_up(listener: socket.socket) -> None:
    """Set what accepted connections inherit, and that a child may have the socket."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.set_inheritable(True)
