"""A round trip of ZeroMQ between two processes: what no call that takes one can beat.

``python -m benchmarks.echo`` is the other end: it sends back what it gets.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import zmq

#: As long as the header of a small call.
_MESSAGE = [b"preamble", bytes(100)]
_PATIENCE_MS = 10_000


class Echo:
    """A process that answers with the same, as nestd is reached: DEALER to ROUTER, ``ipc://``."""

    def __enter__(self) -> Echo:
        self._directory = tempfile.TemporaryDirectory(prefix="nestd-e-")
        endpoint = f"ipc://{Path(self._directory.name) / 'echo.sock'}"
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(endpoint)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.echo", endpoint], stdin=subprocess.PIPE
        )
        self.ask()
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()
        self._context.term()
        # It ends with its standard input.
        self._process.communicate()
        self._directory.cleanup()

    def ask(self) -> None:
        """One round trip."""
        self._socket.send_multipart(_MESSAGE, copy=False)
        if not self._socket.poll(_PATIENCE_MS):
            raise RuntimeError("the other end of the ZeroMQ socket is gone")
        self._socket.recv_multipart(copy=False)


def main() -> None:
    """Answer until standard input is closed."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context, context.socket(zmq.ROUTER) as server:
        server.bind(sys.argv[1])
        poller = zmq.Poller()
        poller.register(server, zmq.POLLIN)
        poller.register(sys.stdin.fileno(), zmq.POLLIN)
        while server in dict(poller.poll()):
            server.send_multipart(server.recv_multipart(copy=False), copy=False)


if __name__ == "__main__":
    main()
