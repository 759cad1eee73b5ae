"""Listening sockets of a server.

The supervisor opens them and the gateway inherits them: a taken port is known before
anything starts, and connections wait while a gateway is replaced.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

from protocol.errors import ConfigurationError, PortTaken

#: Connections that may wait to be accepted.
BACKLOG = 512
#: Longest silence of a client in the middle of a request.
RECEIVE_TIMEOUT_S = 30


#: The first file descriptor that a service manager passes (sd_listen_fds(3)).
_FIRST_PASSED = 3


def passed_listeners(
    host: str,
    ports: tuple[int, ...],
    variables: Mapping[str, str],
    drop: Callable[[socket.socket], None],
) -> list[socket.socket]:
    """Return the listening sockets that a service manager has kept, or opened, for this process.

    Parameters
    ----------
    host, ports : where to listen
    variables : environment of this process
    drop : called with each socket that is not wanted any more, before the socket is closed
    """
    count = variables.get("LISTEN_FDS", "")
    if variables.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return []
    passed = []
    try:
        wanted = {_address(host, port)[-1] for port in ports}
    except OSError:
        # The reason is reported when the socket is opened.
        wanted = set()
    for descriptor in range(_FIRST_PASSED, _FIRST_PASSED + int(count)):
        listener = socket.socket(fileno=descriptor)
        if listener.type is socket.SOCK_STREAM and listener.getsockname() in wanted:
            _set_up(listener)
            passed.append(listener)
        else:
            drop(listener)
            listener.close()
    return sorted(passed, key=lambda listener: ports.index(listener.getsockname()[1]))


def open_listeners(host: str, ports: tuple[int, ...]) -> tuple[list[socket.socket], list[str]]:
    """Listen on every one of ``ports`` that is free.

    Returns
    -------
    The sockets, and a sentence for each port that was left out.

    Raises
    ------
    PortTaken
        If none of the ports is free.
    ConfigurationError
        If ``host`` is no address of this machine.
    """
    opened: list[socket.socket] = []
    skipped: list[str] = []
    try:
        for port in ports:
            try:
                opened.append(_listen(host, port))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise ConfigurationError(f"can't listen on {host}: {error}") from error
                reason = "is taken" if error.errno == errno.EADDRINUSE else "is not allowed"
                skipped.append(f"Port {port} on {host} {reason} by another program.")
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    if not opened:
        raise PortTaken(
            f"{' '.join(skipped)} Choose another with -p PORT; nest-server status shows your own "
            "servers."
        )
    return opened, skipped


def _address(host: str, port: int) -> Any:
    """Return what ``getaddrinfo`` returns first for ``host`` and ``port``."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]


def _listen(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = _address(host, port)
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _set_up(listener)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _set_up(listener: socket.socket) -> None:
    # Accepted connections inherit it (socket(7)); a client that stalls frees its thread.
    timeout = struct.pack("ll", RECEIVE_TIMEOUT_S, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.set_inheritable(True)
