"""A case of the benchmarks runs, and the page is made of it. Nothing here is timed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.integration.servers import DEADLINE_S

ROOT = Path(__file__).parents[2]


def test_a_case_runs_and_a_failed_one_is_not_the_end(tmp_path: Path) -> None:
    # Without --mpi-python there is nothing that the second one could measure.
    command = ["--quick", "--rounds", "1", "--only", "parameters", "spikes_on_ranks"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *command, "--output", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert "parameters,V_m of 1e4 nodes set,ms," in (tmp_path / "performance.csv").read_text()
    assert "NotInstalled: there is no NEST with MPI here" in text
