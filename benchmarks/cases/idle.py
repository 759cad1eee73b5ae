"""Processor time that 4 ranks and the gateway use while nobody asks for anything, over 10 s;
with them the supervisor and the process that scripts are forked from.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.bench import Bench, NotInstalled
from benchmarks.rows import THIS, Target
from benchmarks.servers import Running, descendants

TITLE = "Idle"


def run(bench: Bench) -> None:
    """4 ranks, and the wheel's one."""
    _measure(bench, bench.ours(), "1 rank")
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here")
    with bench.ranked(4) as server:
        _measure(
            bench, server, "4 ranks", Target("value", 3.0), "idle daemon of 4 ranks and gateway"
        )


def _measure(
    bench: Bench, server: Running, what: str, target: Target | None = None, to_show: str = ""
) -> None:
    seconds = 3.0 if bench.quick else 10.0

    def used() -> list[float]:
        pids = descendants(server.process.pid)
        before = [_ticks(pid) for pid in pids]
        # What idle processes use in this time is what is measured: there is nothing to poll for.
        time.sleep(seconds)
        burnt = sum(_ticks(pid) - was for pid, was in zip(pids, before, strict=True))
        return [burnt / os.sysconf("SC_CLK_TCK") / seconds * 100]

    row = bench.row(f"idle, {what} and gateway", "% of a core", target, to_show=to_show)
    # After the start some work goes on for a moment.
    time.sleep(2.0)
    bench.attempt([row], THIS, used)
    first = bench.row(f"first small call afterwards, {what}", "ms")

    def ask() -> list[float]:
        with server.client() as client:
            began = time.perf_counter()
            client.call("GetKernelStatus", keys=["resolution"])
            return [(time.perf_counter() - began) * 1e3]

    bench.attempt([first], THIS, ask)


def _ticks(pid: int) -> int:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
