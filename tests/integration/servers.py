"""Real servers for tests: started by the real command, checked for leftovers when stopped."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from protocol.process.identity import identify
from protocol.process.polling import poll_until

#: Far above what anything here takes, so that only a hang reaches it.
DEADLINE_S = 180.0

#: Python of the environment that has a NEST with MPI; ``scripts/test`` names it.
MPI_PYTHON = os.environ.get(
    "NESTD_TEST_MPI_PYTHON", str(Path(__file__).parents[2] / ".venv-mpi" / "bin" / "python")
)

#: Settings of a server for everyone who reaches it, for clients that know no token.
OPEN = {"NEST_SERVER_DISABLE_AUTH": "1", "NEST_SERVER_DISABLE_RESTRICTION": "1"}


#: Ports of this process: no other test of the machine chooses one while its socket is there.
_reserved: list[socket.socket] = []


def free_port() -> int:
    """Return a port on which nobody listens, and which nothing else takes before a server does."""
    # The system gives ports of this range to whoever asks for none in particular.
    ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    while True:
        port = random.randrange(10_000, max(int(ephemeral[0]), 12_000))
        own = socket.socket(socket.AF_UNIX)
        try:
            own.bind(f"\0nestd-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("", port))
        except OSError:
            own.close()
            continue
        _reserved.append(own)
        return port


def marked_processes(*marks: str) -> list[int]:
    """Running processes whose environment or command line has one of ``marks`` in it.

    Those that hold the token show their environment to root only.
    """
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        shown = b""
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                shown += (directory / name).read_bytes()
        pid = int(directory.name)
        marked = pid != os.getpid() and any(mark.encode() in shown for mark in marks)
        identity = identify(pid) if marked else None
        if identity is not None and identity.is_running():
            found.append(pid)
    return found


@dataclass
class Runtime:
    """A runtime directory of its own, in which servers of one test don't meet others."""

    # Short, as the paths of Unix sockets have to be.
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="nestd-t-")))
    mark: str = field(default_factory=lambda: f"NESTD_TEST_MARK={secrets.token_hex(8)}")
    #: Python of the environment whose server is meant.
    python: str = sys.executable

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """For commands: the caller's, with this directory, and of NEST* only NESTD_NATIVE."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NEST")}
        clean = kept | {k: v for k, v in os.environ.items() if k == "NESTD_NATIVE"}
        name, _, value = self.mark.partition("=")
        return clean | {"NESTD_RUNTIME_DIR": str(self.directory), name: value} | (extra or {})

    def run(
        self, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``nest-server`` with ``arguments`` to its end."""
        return subprocess.run(
            [self.python, "-m", "nestd.server.cli", *arguments],
            env=self.environment(env),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def popen(
        self, *arguments: str, env: dict[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start ``nest-server`` with ``arguments``."""
        return subprocess.Popen(
            [self.python, "-m", "nestd.server.cli", *arguments],
            env=self.environment(env),
            text=True,
            **options,
        )

    def leftovers(self) -> list[str]:
        """Processes and files, logs aside, that are still there."""
        # Processes of scripts have no environment of ours, but name the directory.
        marks = (self.mark, str(self.directory))
        poll_until(lambda: not marked_processes(*marks), 5.0)
        # Logs stay, also those that were put aside under a number.
        found = [path for path in self.directory.rglob("*") if ".log" not in path.suffixes[-2:]]
        files = [str(path) for path in found]
        return [f"process {pid}" for pid in marked_processes(*marks)] + files

    def remove(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass
class Server:
    """A running server."""

    runtime: Runtime
    port: int
    token: str | None
    host: str = "127.0.0.1"
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:{self.port}"

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the token, unless ``headers`` say otherwise."""
        headers = {"NESTServerAuth": self.token} if self.token else {}
        headers |= options.pop("headers", {})
        return self.session.request(
            method, self.url + path, headers=headers, timeout=DEADLINE_S, **options
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        """``GET path``."""
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        """``POST path`` with ``body`` as JSON."""
        if body is None and "data" not in options:
            # Without a type it would be refused where authentication is off.
            options["headers"] = {"Content-Type": "application/json"} | options.get("headers", {})
        return self.request("POST", path, json=body, **options)

    def call(self, name: str, body: Any = None) -> Any:
        """The result of ``POST /api/<name>``, which has to succeed."""
        reply = self.post(f"/api/{name}", body)
        assert reply.status_code == 200, (name, reply.status_code, reply.text)
        return reply.json()

    def log(self) -> str:
        """What the server has logged."""
        return (self.runtime.directory / f"nest-server-{self.port}.log").read_text()

    def connection_info(self) -> dict[str, Any]:
        """What nestd wrote into its connection file."""
        path = self.runtime.directory / f"server-{self.port}" / "connection.json"
        info: dict[str, Any] = json.loads(path.read_bytes())
        return info

    def stop(self) -> None:
        """Stop it and check that nothing is left."""
        self.session.close()
        done = self.runtime.run("stop", "-p", str(self.port))
        assert done.returncode == 0, done.stderr


#: Starts a server of a test's own, by its environment and arguments.
Start = Callable[..., Server]


def start_server(
    runtime: Runtime, env: dict[str, str] | None = None, *arguments: str, port: int | None = None
) -> Server:
    """Start a server in the background and wait until it says that it is ready."""
    port = port or free_port()
    done = runtime.run("start", "-d", "-p", str(port), *arguments, env=env)
    log = runtime.directory / f"nest-server-{port}.log"
    said = log.read_text() if log.exists() else ""
    assert done.returncode == 0, (done.stdout, done.stderr, said)
    token_file = runtime.directory / f"server-{port}" / "token"
    token = token_file.read_text() if token_file.exists() else None
    return Server(runtime, port, token)


def serving(
    env: dict[str, str] | None = None, *arguments: str, python: str = sys.executable
) -> Iterator[Server]:
    """One server for a fixture to share, which is stopped at its end and has to leave nothing."""
    own = Runtime(python=python)
    server = start_server(own, env, *arguments)
    try:
        yield server
    finally:
        server.stop()
        left = own.leftovers()
        own.remove()
    assert left == []
