"""A stand-in for a service manager: the socket of its notify protocol, and what it was told."""

from __future__ import annotations

import array
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime


class Manager:
    """Starts services and hears what they say.

    Parameters
    ----------
    address : where it listens; ``@name`` for the abstract namespace
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)
        #: Lines of all datagrams, in their order.
        self.lines: list[str] = []
        #: Descriptors that it keeps, with their names.
        self.kept: list[tuple[str, int]] = []

    def receive(self) -> list[str]:
        """Return the lines that have arrived since the last call."""
        new: list[str] = []
        while True:
            try:
                data, rights, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(64))
            except BlockingIOError:
                self.lines += new
                return new
            lines = data.decode().splitlines()
            new += lines
            for _, _, passed in rights:
                named = [line.partition("=")[2] for line in lines if line.startswith("FDNAME=")]
                descriptors = array.array("i", passed)
                self.kept += [(named[0], descriptor) for descriptor in descriptors]

    def await_line(self, line: str) -> None:
        """Return when ``line`` has arrived."""
        assert poll_until(lambda: line in self.receive() or line in self.lines, DEADLINE_S), (
            self.lines
        )

    @contextmanager
    def starting(
        self, runtime: Runtime, *arguments: str, env: dict[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run ``nest-server`` with ``arguments`` as a service; it is killed at the end."""
        variables = runtime.environment({"NOTIFY_SOCKET": self._address, **(env or {})})
        command = [sys.executable, "-m", "nestd.server.cli", *arguments]
        if self.kept:
            # Passed from 3 on, to the process that the program becomes.
            passed = " ".join(
                f"{number}<&{descriptor}" for number, (_, descriptor) in enumerate(self.kept, 3)
            )
            script = f'exec {passed}; LISTEN_PID=$$ exec "$@"'
            command = ["bash", "-c", script, "bash", *command]
            variables["LISTEN_FDS"] = str(len(self.kept))
        log = runtime.directory / f"{arguments[0]}.log"
        with log.open("a") as output:
            process = subprocess.Popen(
                command,
                env=variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                pass_fds=[descriptor for _, descriptor in self.kept],
                text=True,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait(DEADLINE_S)

    def close(self) -> None:
        """Close the socket, and what was kept."""
        self._socket.close()
        for _, descriptor in self.kept:
            os.close(descriptor)
        if not self._address.startswith("@"):
            Path(self._address).unlink()


def abstract_address() -> str:
    """One that nobody else has."""
    return f"@nestd-test-{secrets.token_hex(8)}"
