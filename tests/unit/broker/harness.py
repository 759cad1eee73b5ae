"""File broker in a thread of this process, so that tests can look at what it does."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import cast

from nestd.broker.client import BrokerClient
from nestd.broker.packets import PacketSocket
from nestd.broker.process import FileBroker
from protocol.runtime.paths import RuntimeDirectory


class PlayedProcess:
    """Process that ends when the test says so."""

    pid = 4711

    def __init__(self) -> None:
        self.status: int | None = None

    def poll(self) -> int | None:
        """Return the status of the process, if it has ended."""
        return self.status

    def wait(self, timeout: float | None = None) -> int:
        """Return the status, or raise as if the time was over."""
        if self.status is None:
            raise subprocess.TimeoutExpired("played", timeout or 0.0)
        return self.status

    def kill(self) -> None:
        """End the process."""
        self.status = -9


class BrokerInThread:
    """A file broker, and rank 0's end of it.

    Parameters
    ----------
    files : of the server
    generation : of the kernel
    """

    def __init__(self, files: RuntimeDirectory, generation: str) -> None:
        ours, theirs = PacketSocket.pair()
        self.ours, self._theirs = ours, PacketSocket(theirs)
        self.process = PlayedProcess()
        self.client = BrokerClient(ours, cast("subprocess.Popen[bytes]", self.process))
        self.server = FileBroker(self._theirs, files, generation)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.server.serve()
        self._theirs.close()

    def close(self) -> None:
        """End both."""
        self.ours.close()
        self._thread.join(10.0)
        assert not self._thread.is_alive()
