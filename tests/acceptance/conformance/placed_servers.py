"""Servers that are started in a directory by the Python of an environment, and always ended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.conformance.limited import end_marked
from tests.integration.servers import DEADLINE_S, Runtime, Server, start_server


@dataclass
class PlacedRuntime(Runtime):
    """A runtime directory whose servers run in ``cwd`` by ``python``."""

    python: Path = field(kw_only=True)
    cwd: Path = field(kw_only=True)

    def run(
        self, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``nest-server`` with ``arguments`` to its end."""
        return subprocess.run(
            # Not ``python -m``, which would find modules in ``cwd`` first.
            [str(self.python.with_name("nest-server")), *arguments],
            cwd=self.cwd,
            # Where a program that runs without a server finds its files.
            env=self.environment({"NEST_SERVER_DATA": str(self.cwd)} | (env or {})),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def end(self) -> None:
        """End whatever is still there, and remove the directory."""
        end_marked(self.mark)
        self.remove()


@contextmanager
def placed_server(
    python: Path, cwd: Path, settings: dict[str, str], *arguments: str
) -> Iterator[Server]:
    """A server in ``cwd`` by ``python``, which may have broken or hang when it is ended."""
    runtime = PlacedRuntime(python=python, cwd=cwd)
    try:
        server = start_server(runtime, settings, *arguments)
        try:
            yield server
        finally:
            runtime.run("stop", "-p", str(server.port))
    finally:
        runtime.end()


def is_usable(server: Server) -> bool:
    """Whether the kernel answers a call soon."""
    headers = {"NESTServerAuth": server.token or ""}
    try:
        reply = server.session.get(f"{server.url}/api/biological_time", headers=headers, timeout=10)
    except OSError:
        return False
    return reply.status_code == 200
