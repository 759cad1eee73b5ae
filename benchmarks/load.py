"""Eight clients at once, as a process of its own: ``python -m benchmarks.load PORT …``.

One thread and one selector serve all connections with requests made beforehand. Threads
would take turns at the interpreter's lock and then be what is measured; this takes some
20 us of processor time a request, and says how busy it was.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Load:
    """What came of it."""

    requests_per_s: float
    #: Part of the time for which the clients' own process kept a core busy.
    client_busy: float


def apply_load(port: int, request: bytes, clients: int, duration_s: float) -> Load:
    """Have ``clients`` send ``request``, each as soon as it has its answer."""
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(clients), str(duration_s)]
    done = subprocess.run(command, input=request, capture_output=True, check=True)
    return Load(**json.loads(done.stdout))


class _OneClient:
    def __init__(self, port: int, request: bytes, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._request = request
        self._selector = selector
        self._received = b""
        self._length: int | None = None
        self.answered = 0
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._socket.sendall(self._request)

    def read(self) -> None:
        """Take what has arrived; with the answer complete, send the next request."""
        data = self._socket.recv(65_536)
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            raise SystemExit(f"a connection ended early: {self._received!r}")
        if self._length is None:
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"not 200: {self._received!r}")
            lower = head.lower()
            self._length = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            self._closes = b"connection: close" in lower
        if len(body) < self._length:
            return
        self.answered += 1
        self._received, self._length = b"", None
        if self._closes:
            self.close()
            self._connect()
        else:
            self._socket.sendall(self._request)

    def close(self) -> None:
        """Close the connection."""
        self._selector.unregister(self._socket)
        self._socket.close()


def main() -> None:
    """Print a :class:`Load` as JSON."""
    port, count, duration_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    request = sys.stdin.buffer.read()
    with selectors.DefaultSelector() as selector:
        clients = [_OneClient(port, request, selector) for _ in range(count)]
        began, used = time.perf_counter(), time.process_time()
        while time.perf_counter() - began < duration_s:
            for key, _ in selector.select(1.0):
                key.data.read()
        took = time.perf_counter() - began
        used = time.process_time() - used
        answered = sum(client.answered for client in clients)
        for client in clients:
            client.close()
    print(json.dumps(asdict(Load(answered / took, used / took))))


if __name__ == "__main__":
    main()
