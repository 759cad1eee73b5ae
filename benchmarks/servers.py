"""The servers that are measured: each a process of its own on a free port of loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import Client
from protocol.process.polling import poll_until
from protocol.runtime import connection_file

TOKEN = "benchmark-of-this-run-only"
START_DEADLINE_S = 120.0
STOP_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Program:
    """A server that can be started."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    #: Request that shows that it answers.
    probe: str = "/api/GetKernelStatus?keys=resolution"


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    name: str
    port: int
    #: From the start of the process to the first answer of the kernel, in seconds.
    start_s: float
    #: Where it has its files.
    directory: Path
    #: The process that was started.
    process: subprocess.Popen[bytes]

    def client(self) -> Client:
        """A connection to it."""
        return Client(self.port, TOKEN)

    def is_alive(self) -> bool:
        """Whether its process has not ended."""
        return self.process.poll() is None

    def rank_pids(self) -> list[int]:
        """Processes of the ranks of this server."""
        info = connection_file.read(next(self.directory.rglob("connection.json")))
        assert info is not None
        return [found.pid for found in info.processes]

    def gateway_pid(self) -> int:
        """The process of this server's gateway that answers requests."""
        # Of a peer, gunicorn's own process, which waits, and below it the one that works.
        return [pid for pid in descendants(self.process.pid) if _is_gateway(pid)][-1]


def descendants(pid: int) -> list[int]:
    """``pid`` and all processes below it."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += descendants(int(child))
    return found


def _is_gateway(pid: int) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"gateway" in words or words[0].startswith(b"gunicorn")


def this_server(ranks: int = 1, python: str = sys.executable) -> Program:
    """This project's ``nest-server``, as a user starts it."""
    command = [python, "-m", "nestd.server.cli", "start", "-p", "{port}", "-n", str(ranks)]
    return Program("this", command)


#: They run scripts only if told to; and what takes long is to be measured, not ended.
_SCRIPTS = {"NEST_SERVER_ENABLE_EXEC_CALL": "1"}
_OPTIONS = "--bind 127.0.0.1:{port} --timeout 600 --capture-output --log-file {directory}/peer.log"


def nest_server_3_10(directory: Path) -> Program:
    """NEST Server 3.10: what its ``nest-server start`` ends in, in ``directory``."""
    command = [f"{directory}/gunicorn", "nest.server:app", *_OPTIONS.split()]
    return Program("NEST Server 3.10", command, _SCRIPTS)


def next_nest_server(directory: Path) -> Program:
    """The pre-release of ``nest-server`` in ``directory``, likewise."""
    command = [f"{directory}/gunicorn", "nest_server.main:create_app()", *_OPTIONS.split()]
    return Program("nest-server", command, _SCRIPTS)


def empty_flask_route() -> Program:
    """The floor for HTTP: a route that does nothing, served as the gateway is."""
    command = [sys.executable, "-m", "benchmarks.empty_route", "{port}"]
    return Program("Flask", command, probe="/")


@contextmanager
def running(program: Program) -> Iterator[Running]:
    """Start ``program``, wait until it answers, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="nestd-b-") as directory:
        port = _free_port()
        own = {"PYTHONDONTWRITEBYTECODE": "1", "NESTD_RUNTIME_DIR": directory}
        own |= {"NEST_SERVER_ACCESS_TOKEN": TOKEN}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("NEST")}
        output = Path(directory) / "output"
        began = time.perf_counter()
        with output.open("wb") as sink:
            process = subprocess.Popen(
                [part.format(port=port, directory=directory) for part in program.command],
                env=inherited | own | program.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        try:
            if not poll_until(lambda: _answers(port, program.probe), START_DEADLINE_S, 0.005):
                raise RuntimeError(f"{program.name} does not start: {output.read_text()[-500:]}")
            took_s = time.perf_counter() - began
            yield Running(program.name, port, took_s, Path(directory), process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        with Client(port, TOKEN) as client:
            return client.request("GET", path)[0] == 200
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
