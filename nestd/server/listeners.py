"""The listening sockets of a server.

The supervisor opens them and the gateway inherits them: a taken port is known before
anything starts, and connections wait while a gateway is replaced.
"""

from __future__ import annotations

import errno
import socket
import struct

from protocol.errors import ConfigurationError, PortTaken

#: Connections that may wait to be accepted.
BACKLOG = 512
#: Longest silence of a client in the middle of a request.
RECEIVE_TIMEOUT_S = 30


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


def _listen(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it (socket(7)); a client that stalls frees its thread.
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_TIMEOUT_S, 0)
        )
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    except BaseException:
        listener.close()
        raise
    return listener
