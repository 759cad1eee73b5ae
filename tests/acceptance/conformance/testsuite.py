"""NEST's Python tests, run by plain PyNEST and with the look-alike in its place."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.acceptance.conformance import outcomes
from tests.acceptance.conformance.limited import run_limited
from tests.acceptance.conformance.outcomes import FILE, Outcome
from tests.acceptance.conformance.placed_servers import placed_server
from tests.acceptance.conformance.places import Places, clean_environment
from tests.acceptance.conformance.stand_in import RANKS

#: For one test; with the look-alike, what takes longer is a miss.
_LIMIT_S = 120
_PLAIN_LIMIT_S = 600
_ALL_LIMIT_S = 4 * 3600.0


def plain(places: Places, ranks: int, files: Sequence[str], jobs: int) -> dict[str, Outcome]:
    """Outcomes by plain PyNEST on one process, with the NEST that ``ranks`` have.

    Kept in the cache, as they are always the same.
    """
    chosen = hashlib.sha256(" ".join(files).encode()).hexdigest()[:8] if files else "all"
    kept = places.plain_results(ranks) / f"tests-{chosen}.jsonl"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        made = kept.with_suffix(".new")
        _pytest(places, ranks, files, jobs, made, {}, ["--timeout", str(_PLAIN_LIMIT_S)])
        made.rename(kept)
    return outcomes.read(kept)


def with_look_alike(
    places: Places, ranks: int, files: Sequence[str], jobs: int
) -> dict[str, Outcome]:
    """Outcomes with the look-alike, whose servers have ``ranks``."""
    directory = places.latest(f"tests-{ranks}")
    # If no server starts, say so here and not once for each process that pytest starts anew.
    with placed_server(places.python(ranks), directory, {}, "-n", str(ranks)):
        pass
    made = directory / "outcomes.jsonl"
    options = ["--timeout", str(_LIMIT_S), "-p", "tests.acceptance.conformance.stand_in"]
    _pytest(places, ranks, files, jobs, made, {RANKS: str(ranks)}, options)
    return outcomes.read(made)


def _pytest(
    places: Places,
    ranks: int,
    files: Sequence[str],
    jobs: int,
    made: Path,
    env: Mapping[str, str],
    options: list[str],
) -> None:
    made.unlink(missing_ok=True)
    made.touch()
    arguments = [
        *("-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-q", "--tb", "short"),
        *("-p", "no:cacheprovider", "--continue-on-collection-errors"),
        *("--timeout-method", "signal", "-n", str(jobs), "--max-worker-restart", "100"),
        *("-p", "tests.acceptance.conformance.outcomes", *options),
        *(files or ["."]),
    ]
    said = made.with_suffix(".log")
    with tempfile.TemporaryDirectory(prefix="nestd-c-") as directory:
        tests = places.distribution.copy_tests(Path(directory))
        ended = run_limited(
            [str(places.python(ranks)), *arguments],
            tests,
            clean_environment() | {FILE: str(made)} | env,
            said,
            _ALL_LIMIT_S,
        )
    # 1 says that tests have failed.
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"pytest did not run all tests: {ended.failure}; see {said}")
