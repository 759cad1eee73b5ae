"""One run of an example: by plain PyNEST on one process or several, or through a server."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import requests

from nestd.server.launch.launcher import launcher_command
from tests.acceptance.conformance.comparison import Array
from tests.acceptance.conformance.limited import Ended, run_limited
from tests.acceptance.conformance.placed_servers import placed_server
from tests.acceptance.conformance.places import Places, clean_environment
from tests.acceptance.conformance.script import composed
from tests.integration.servers import Server

#: An example belongs to the set if it ends in this time, by the clock or by the processor.
LIMIT_S = 60.0
#: When a run that decides about that is ended, by the clock and by processor time. A machine that
#: is busy with other things gives it little of that.
_ENDED_S = 900.0
_ENDED_CPU_S = 130
#: All other ways of running an example may take this time, and so many times the plain run's.
_OTHERS_S = 120.0
_SLOWER = 5.0


@dataclass(frozen=True)
class Run:
    """What a run gave."""

    #: Empty if it ended by itself and successfully; otherwise one line that says why not.
    failure: str
    wall_s: float
    cpu_s: float
    printed: str = ""
    drawn: Mapping[str, Array] = field(default_factory=dict)

    @property
    def in_time(self) -> bool:
        """Whether it ended in the time that decides about the set."""
        return min(self.wall_s, self.cpu_s) <= LIMIT_S


class Interrupted(Exception):
    """Plain PyNEST was killed, which says nothing about the example."""


def plain(places: Places, example: str, threads: int, again: bool = False) -> Run:
    """Run by plain PyNEST on one process with ``threads``; a second time if ``again``.

    Kept in the cache, as it is always the same.
    """
    into = _kept(places, threads, example, f"threads-{threads}{'-again' if again else ''}")
    python = str(places.python(threads))
    limits = (_ENDED_S, _ENDED_CPU_S) if threads == 1 else (_limit_s(places, example), None)
    return _run(places, example, into, [python], ["--threads", str(threads)], limits)


def under_mpirun(places: Places, example: str, ranks: int) -> Run:
    """Run by plain PyNEST on several processes; what rank 0 gave. Kept in the cache."""
    into = _kept(places, ranks, example, f"ranks-{ranks}")
    mpirun = [*launcher_command(ranks), str(places.python(ranks))]
    return _run(places, example, into, mpirun, [], (_limit_s(places, example), None))


def served(places: Places, example: str, ranks: int) -> Run:
    """Run by ``/exec`` of a new server, started in the example's directory."""
    python = places.python(ranks)
    settings = {
        "NEST_SERVER_DISABLE_RESTRICTION": "1",
        "NEST_SERVER_ENABLE_EXEC_CALL": "1",
        **{key: clean_environment()[key] for key in ("MPLBACKEND", "PYTHONHASHSEED")},
    }
    results = places.latest(f"{_slug(example)}-{ranks}")
    limit_s = _limit_s(places, example)
    printed, failure, wall_s = "", "", 0.0
    with tempfile.TemporaryDirectory(prefix="nestd-c-") as directory:
        path = places.distribution.copy_example(example, Path(directory))
        source = composed(path.read_text(encoding="utf-8"), path, results / "drawn.npz")
        try:
            with placed_server(python, path.parent, settings, "-n", str(ranks)) as server:
                began = time.monotonic()
                printed, failure = _exec(server, source, limit_s)
                wall_s = time.monotonic() - began
                (results / "log").write_text(server.log(), encoding="utf-8")
        except AssertionError as error:
            failure = f"the server does not start: {error}"
    (results / "stdout").write_text(printed, encoding="utf-8")
    return _loaded(results, Ended(failure, wall_s, 0.0))


def _limit_s(places: Places, example: str) -> float:
    return _OTHERS_S + _SLOWER * plain(places, example, 1).wall_s


def _exec(server: Server, source: str, limit_s: float) -> tuple[str, str]:
    """What the script printed, and why it failed."""
    headers = {"NESTServerAuth": server.token} if server.token else {}
    try:
        reply = requests.post(
            f"{server.url}/exec", json={"source": source}, headers=headers, timeout=limit_s
        )
        said = reply.json()
    except requests.Timeout:
        return "", f"no end after {limit_s:.0f} s"
    except (requests.RequestException, ValueError) as error:
        return "", f"no answer: {type(error).__name__}: {error}"
    failure = "" if reply.status_code == 200 else f"{reply.status_code}: {said.get('message')}"
    return said.get("stdout", ""), failure


def _run(
    places: Places,
    example: str,
    into: Path,
    launcher: list[str],
    options: list[str],
    limits: tuple[float, int | None],
) -> Run:
    ended_file = into / "ended.json"
    if not ended_file.exists():
        # Under its final name only when complete, as another run may be at the same.
        made = into.with_name(f"{into.name}.{secrets.token_hex(4)}")
        made.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix="nestd-c-") as directory:
            path = places.distribution.copy_example(example, Path(directory))
            runner = [
                *launcher,
                "-m",
                "tests.acceptance.conformance.runner",
                str(path),
                str(made),
                *options,
            ]
            ended = run_limited(runner, path.parent, clean_environment(), made / "said", *limits)
        if ended.interrupted:
            raise Interrupted(f"killed by somebody after {ended.wall_s:.0f} s, run it again")
        (made / "ended.json").write_text(json.dumps(asdict(ended)), encoding="utf-8")
        shutil.rmtree(into, ignore_errors=True)
        made.rename(into)
    return _loaded(into / "0", Ended(**json.loads(ended_file.read_text(encoding="utf-8"))))


def _loaded(results: Path, ended: Ended) -> Run:
    printed, drawn = results / "stdout", results / "drawn.npz"
    arrays: dict[str, Array] = {}
    if drawn.exists():
        with np.load(drawn) as file:
            arrays = {name: file[name] for name in file.files}
    text = printed.read_text(encoding="utf-8") if printed.exists() else ""
    return Run(ended.failure, ended.wall_s, ended.cpu_s, text, arrays)


def _kept(places: Places, processes: int, example: str, name: str) -> Path:
    return places.plain_results(processes) / _slug(example) / name


def _slug(example: str) -> str:
    return example.replace("/", "--")
