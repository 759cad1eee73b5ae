"""Listening sockets of a server.

The supervisor opens them and the gateway inherits them: a taken port is known before
anything starts, and connections wait while a gateway is replaced.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Mapping, Sequence

from nestd.server.instance import running
from protocol.errors import ConfigurationError, PortTaken
from protocol.runtime.listening import addresses_of, listen, set_up

#: The first file descriptor that a service manager passes (sd_listen_fds(3)).
_FIRST_PASSED = 3


def passed_listeners(
    host: str,
    ports: tuple[int, ...],
    variables: Mapping[str, str],
    drop: Callable[[socket.socket], None],
    keep: Callable[[Sequence[socket.socket]], None],
) -> list[socket.socket]:
    """Return the listening sockets that a service manager has kept, or opened, for this process.

    Parameters
    ----------
    host, ports : where to listen
    variables : environment of this process
    drop : called with each socket that is not wanted any more, before the socket is closed
    keep : called with sockets that were missing, and are among those returned

    Raises
    ------
    PortTaken
        If another program has the port at the loopback address beside.
    """
    count = variables.get("LISTEN_FDS", "")
    if variables.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return []
    passed = []
    try:
        wanted = [address[-1][:2] for port in ports for address in addresses_of(host, port)]
    except OSError:
        # The reason is reported when the socket is opened.
        wanted = []
    for descriptor in range(_FIRST_PASSED, _FIRST_PASSED + int(count)):
        listener = socket.socket(fileno=descriptor)
        if listener.type is socket.SOCK_STREAM and listener.getsockname()[:2] in wanted:
            set_up(listener)
            passed.append(listener)
        else:
            drop(listener)
            listener.close()
    held = {(name[0], name[1]) for name in (listener.getsockname() for listener in passed)}
    for port in {port for _, port in held}:
        # Kept by a server of a version before, or opened by the manager, at one address only.
        try:
            missing = listen(host, port, {name for name, at in held if at == port})
        except OSError as error:
            raise PortTaken(f"Port {port} beside {host}: {error}.") from error
        keep(missing)
        passed += missing
    return sorted(passed, key=lambda listener: wanted.index(listener.getsockname()[:2]))


def _reason(error: OSError, port: int) -> str:
    """Return why a port can't be had, for a person."""
    if error.errno == errno.EACCES:
        return "is not allowed to this user: ports below 1024 are root's"
    if any(port in server.ports for server in running()):
        return "is taken by a server of your own that runs: nest-server status shows it"
    return "is taken by another program"


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
                opened += listen(host, port)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise ConfigurationError(f"can't listen on {host}: {error}") from error
                skipped.append(f"Port {port} on {host} {_reason(error, port)}.")
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    if not opened:
        raise PortTaken(
            f"{' '.join(skipped)} Choose another with -p PORT; nest-server status shows your own "
            "servers, nest-server stop ends one."
        )
    return opened, skipped
