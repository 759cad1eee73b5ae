"""Which TCP ports of another host are open: ``scan.py ADDRESS`` prints them."""

from __future__ import annotations

import select
import socket
import sys

PORTS = range(1, 65_536)
_AT_ONCE = 400


def open_ports(address: str, timeout_s: float = 5.0) -> list[int]:
    """Ports that take a connection; whoever does not answer in time counts as closed."""
    found = []
    for first in range(PORTS.start, PORTS.stop, _AT_ONCE):
        found += _open_among(address, range(first, min(first + _AT_ONCE, PORTS.stop)), timeout_s)
    return found


def _open_among(address: str, ports: range, timeout_s: float) -> list[int]:
    found = []
    waiting: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    for port in ports:
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex((address, port))
        waiting[one.fileno()] = (port, one)
        poll.register(one, select.POLLOUT)
    while waiting:
        ready = poll.poll(timeout_s * 1000)
        if not ready:
            break
        for descriptor, _ in ready:
            port, one = waiting.pop(descriptor)
            poll.unregister(descriptor)
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                found.append(port)
            one.close()
    for _, one in waiting.values():
        one.close()
    return sorted(found)


if __name__ == "__main__":
    print(*open_ports(sys.argv[1]))
