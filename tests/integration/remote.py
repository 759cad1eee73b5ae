"""A nestd and a gateway that were started each by itself, and meet over the network."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port


@dataclass
class Pair:
    """A nestd, a gateway, and their logs.

    ``kernel_host`` and ``gateway_host`` go before their commands, to run them on a host.
    """

    runtime: Runtime
    address: str = "127.0.0.1"
    kernel_host: Sequence[str] = ()
    gateway_host: Sequence[str] = ()
    bind: str = "tcp://127.0.0.1:*"
    port: int = field(default_factory=free_port)
    env: dict[str, str] = field(default_factory=dict)
    #: Of the process that starts the ranks.
    kernel: subprocess.Popen[bytes] | None = None
    gateway: subprocess.Popen[bytes] | None = None
    server: Server | None = None

    @property
    def connection_file(self) -> Path:
        return self.runtime.directory / "connection.json"

    @property
    def nestd_log(self) -> Path:
        return self.runtime.directory / "nestd.log"

    def info(self) -> dict[str, Any]:
        """What nestd wrote."""
        found: dict[str, Any] = json.loads(self.connection_file.read_bytes())
        return found

    def start_kernel(self, *launcher: str) -> dict[str, Any]:
        """Start a nestd and wait until it is there; what it wrote."""
        command = [*self.kernel_host, *launcher, self.runtime.python, "-m", "nestd.cli"]
        command += ["--bind", self.bind, "--connection-file", str(self.connection_file)]
        self.kernel = self._popen(command, self.nestd_log)
        assert poll_until(self.connection_file.exists, DEADLINE_S), self.nestd_log.read_text()
        return self.info()

    def start_gateway(self) -> Server:
        """Start a gateway and wait until it answers."""
        command = [*self.gateway_host, self.runtime.python, "-m", "gateway"]
        command += ["--connection-file", str(self.connection_file)]
        command += ["--host", self.address, "--port", str(self.port)]
        self.gateway = self._popen(command, self.runtime.directory / "gateway.log")
        server = self.server = Server(self.runtime, self.port, None, self.address)

        def answers() -> bool:
            try:
                return server.get("/healthz").ok
            except requests.ConnectionError:
                return False

        assert poll_until(answers, DEADLINE_S), self.gateway_log()
        server.token = (self.runtime.directory / "token").read_text()
        return server

    def gateway_log(self) -> str:
        return (self.runtime.directory / "gateway.log").read_text()

    def _popen(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        environment = self.runtime.environment(self.env)
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Stop both, and wait for them."""
        if self.server is not None:
            # A gateway waits for connections that are kept.
            self.server.session.close()
        for process in (self.gateway, self.kernel):
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # Shown by pytest when a test has failed.
        for log in self.runtime.directory.glob("*.log"):
            print(log.name, log.read_text(errors="replace"), sep="\n")
        # What stays for the next nestd and gateway.
        (self.runtime.directory / "token").unlink(missing_ok=True)
        for name in ("keys", "jobs", "kernel", "data"):
            shutil.rmtree(self.runtime.directory / name, ignore_errors=True)


@contextmanager
def pair(runtime: Runtime, **options: Any) -> Iterator[Pair]:
    """A pair that is stopped at the end."""
    made = Pair(runtime, **options)
    try:
        yield made
    finally:
        made.stop()
