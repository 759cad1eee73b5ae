"""A caller who is in everybody's way, in a process of its own.

``python -m benchmarks.pest KIND PORT TOKEN SECONDS``; a line says that it has begun.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Pest:
    """What one kind of them does."""

    #: Connections at once.
    count: int
    #: What comes first on each, what comes again and again, and how often that is.
    first: str = ""
    then: bytes = b""
    pause_s: float = 1.0


_HEAD = "Host: 127.0.0.1\r\nNESTServerAuth: {token}\r\n"
PESTS = {
    "slow heads": Pest(1000, "GET / HTTP/1.1\r\nX: ", b"a"),
    "slow bodies": Pest(
        500, f"POST /api/Create HTTP/1.1\r\n{_HEAD}Content-Length: 60000000\r\n\r\n", b" "
    ),
    "one-byte chunks": Pest(
        60,
        f"POST /api/Create HTTP/1.1\r\n{_HEAD}Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n" * 50,
        0.02,
    ),
    "idle connections": Pest(10_000),
}


def main() -> None:
    """Pester the server on a port for some time."""
    kind, port, token, seconds = sys.argv[1:]
    pest, until_s = PESTS[kind], time.monotonic() + float(seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    first = pest.first.format(token=token).encode()
    connections: list[socket.socket] = []
    for _ in range(pest.count):
        if time.monotonic() > until_s:
            break
        connections.append(_connect(int(port), first))
    print(len(connections), flush=True)
    while time.monotonic() < until_s:
        began_s = time.monotonic()
        for place, connection in enumerate(connections):
            try:
                if pest.then:
                    connection.send(pest.then, socket.MSG_DONTWAIT)
                elif not connection.recv(1, socket.MSG_DONTWAIT):
                    raise ConnectionResetError
            except BlockingIOError:
                continue
            except OSError:
                # It comes again, as long as it is let in.
                connection.close()
                connections[place] = _connect(int(port), first)
        # Its pace: so many bytes a second.
        time.sleep(max(0.0, began_s + pest.pause_s - time.monotonic()))


def _connect(port: int, first: bytes) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(5.0)
    with contextlib.suppress(OSError):
        connection.connect(("127.0.0.1", port))
        connection.send(first)
    return connection


if __name__ == "__main__":
    main()
