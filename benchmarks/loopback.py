"""Copying bytes through a loopback socket: what no answer over HTTP can beat.

``python -m benchmarks.loopback`` is the other end: it sends as many bytes as it is asked for.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys

import numpy as np

_ASKED = struct.Struct("<Q")


class Loopback:
    """A process that sends bytes."""

    def __enter__(self) -> Loopback:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.loopback"], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self._socket = socket.create_connection(("127.0.0.1", port))
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(10)

    def copy(self, count: int) -> None:
        """Receive ``count`` bytes in memory of their own, as an answer has."""
        self._socket.sendall(_ASKED.pack(count))
        view = memoryview(np.empty(count, np.uint8))
        while view:
            received = self._socket.recv_into(view)
            if not received:
                raise RuntimeError("the other end of the loopback socket is gone")
            view = view[received:]


def main() -> None:
    """Send until the other end is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        connected, _ = listener.accept()
    data = memoryview(b"")
    with connected:
        while asked := connected.recv(_ASKED.size):
            (count,) = _ASKED.unpack(asked)
            if len(data) != count:
                data = memoryview(np.ones(count, np.uint8))
            connected.sendall(data)


if __name__ == "__main__":
    main()
