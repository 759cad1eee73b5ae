"""What a kernel can and can't reach, for tests on any number of ranks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.servers import DEADLINE_S, Runtime

#: What becomes of an attempt.
DENIED, DONE = "PermissionError", "done"

Attempt = tuple[str, Any]


@dataclass
class Account:
    """Files of an account that no kernel is to reach, and a kernel's own."""

    runtime: Runtime
    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="nestd-home-")))

    def __post_init__(self) -> None:
        self.secret("token")
        self.secret("state.json")
        self.secret("jobs/m-1/request")
        self.secret("keys/gateway.secret")
        self.secret("server-1/token")
        (self.home / ".ssh").mkdir()
        (self.home / ".ssh" / "id").write_text("secret")
        (self.home / ".profile").write_text("secret")

    @property
    def directory(self) -> Path:
        return self.runtime.directory

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def secret(self, name: str) -> Path:
        """A file beside the kernel's."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
        return path

    def refused(self) -> list[Attempt]:
        """What is refused on each rank."""
        own, home, other = self.directory, self.home, os.getppid()
        return [
            *(
                ("read", str(own / name))
                for name in ("token", "jobs/m-1/request", "server-1/token")
            ),
            ("read", str(own / "keys/gateway.secret")),
            ("read", str(own / "state.json")),
            ("read", f"/proc/self/root{own}/token"),
            ("thread", str(own / "token")),
            *(("write", str(path)) for path in (own / "token", own / "new", home / ".profile")),
            ("write", "/tmp/nestd-test-not-written"),
            ("write", "/etc/nestd-test-not-written"),
            ("truncate", str(own / "token")),
            ("remove", str(own / "token")),
            ("make", str(own / "new")),
            *(("list", str(path)) for path in (own, own / "jobs", home, "/tmp", "/home")),
            ("read", str(home / ".ssh/id")),
            ("read", "/etc/shadow"),
            ("read", f"/proc/{other}/environ"),
            ("link", [str(own / "token"), str(self.data / "link")]),
            ("symlink", [str(own / "token"), str(self.data / "link")]),
            ("rename", [str(own / "token"), str(self.data / "token")]),
            ("run", [str(home / "program")]),
            ("attach", other),
            ("kill", other),
            ("open to all", str(own / "token")),
        ]

    def allowed(self) -> list[Attempt]:
        """What is not."""
        return [
            ("write", str(self.data / "recorded-RANK")),
            ("read", str(self.data / "recorded-RANK")),
            ("remove", str(self.data / "recorded-RANK")),
            ("make", str(self.data / "more-RANK")),
            ("list", str(self.data)),
            ("write", str(self.directory / "kernel" / "own-RANK")),
            ("write", "/dev/null"),
            ("read", "/dev/urandom"),
            ("read", "/etc/hosts"),
            ("read", "/proc/self/maps"),
            ("run", [sys.executable, "-c", "import json"]),
            ("threads", None),
            # Later than NEST: from the standard library, the environment and this project.
            *(("import", name) for name in ("xml.dom.minidom", "nest.raster_plot", "numpy.ma")),
            ("import", "nestd.server.cli"),
        ]

    def attempt(
        self, attempts: list[Attempt], launcher: Sequence[str] = (), ranks: int = 1
    ) -> list[dict[str, str]]:
        """What becomes of attempts inside a kernel, by their text, on each rank."""
        program = self.home / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)
        done = subprocess.run(
            [
                *launcher,
                *(self.runtime.python, "-m", "tests.integration.inside_kernel"),
                json.dumps(attempts),
                *("--connection-file", str(self.directory / "connection.json")),
            ],
            env=self.runtime.environment({"HOME": str(self.home)}),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        found = []
        for rank in range(ranks):
            results = json.loads((self.data / f"result-{rank}").read_text())
            found.append(
                {
                    f"{kind} {subject}": result
                    for (kind, subject), result in zip(attempts, results, strict=True)
                }
            )
        return found
