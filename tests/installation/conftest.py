"""Environment with NESTML and a NEST that has MPI; made once, and kept beside the others."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENVIRONMENT = ROOT / ".venv-nestml"
#: Long enough to build NEST, if there is no wheel of it yet.
INSTALL_DEADLINE_S = 3600.0
DEADLINE_S = 600.0


def run(*command: str | Path, deadline_s: float = DEADLINE_S) -> str:
    """Run a program, which has to succeed, and return what it printed."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=deadline_s, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def environment() -> Path:
    """Return the directory of the environment."""
    if not (ENVIRONMENT / "bin" / "python").exists():
        run(sys.executable, "-m", "venv", ENVIRONMENT)
    run(ROOT / "scripts" / "install-nest-mpi", ENVIRONMENT, deadline_s=INSTALL_DEADLINE_S)
    pip = [ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check"]
    run(*pip, "nestml>=9,<10", deadline_s=INSTALL_DEADLINE_S)
    return ENVIRONMENT


@pytest.fixture(scope="session")
def wheel() -> Path:
    """Return the Python of the environment with the wheel of the package index."""
    return ROOT / ".venv-test" / "bin" / "python"


@pytest.fixture(scope="session")
def simulate() -> Callable[..., list[dict[str, Any]]]:
    """``simulate(python, network, ranks)``: what each rank's recorder has."""

    def execute(python: Path, network: str, ranks: int = 1) -> list[dict[str, Any]]:
        launcher = ["mpirun", "-np", str(ranks), "--allow-run-as-root", "--oversubscribe"]
        with tempfile.TemporaryDirectory() as directory:
            program = [python, HERE / "simulate.py", network, directory]
            run(*(launcher if ranks > 1 else []), *program)
            files = [Path(directory, f"{rank}.json") for rank in range(ranks)]
            return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    return execute
