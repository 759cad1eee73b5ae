"""Processor time that 4 ranks and the gateway use while nobody asks for anything, over 10 s;
with them the supervisor and the process that scripts are forked from. Then with networks of
several sizes on several ranks, over 4 s each.
"""

from __future__ import annotations

import time

from benchmarks.bench import Bench, NotInstalled
from benchmarks.networks import heavy_network
from benchmarks.rows import THIS, Target
from benchmarks.servers import Running, descendants

TITLE = "Idle"
#: Numbers of neurons on several ranks.
_SIZES = (1000, 4000, 16_000)


def run(bench: Bench) -> None:
    """4 ranks, and the wheel's one; then networks on several ranks."""
    seconds = 3.0 if bench.quick else 10.0
    _measure(bench, bench.ours(), "1 rank", seconds)
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here")
    with bench.ranked(4) as server:
        _measure(
            bench,
            server,
            "4 ranks",
            seconds,
            Target("value", 3.0),
            "idle daemon of 4 ranks and gateway",
        )
    bench.on_ranks(_SIZES, lambda server, ranks, size: _with_network(bench, server, ranks, size))


def _measure(
    bench: Bench,
    server: Running,
    what: str,
    seconds: float,
    target: Target | None = None,
    to_show: str = "",
) -> None:
    row = bench.row(f"idle, {what} and gateway", "% of a core", target, to_show=to_show)
    bench.attempt([row], THIS, lambda: [_used_percent(server, seconds)])
    first = bench.row(f"first small call afterwards, {what}", "ms")

    def ask() -> list[float]:
        with server.client() as client:
            began = time.perf_counter()
            client.call("GetKernelStatus", keys=["resolution"])
            return [(time.perf_counter() - began) * 1e3]

    bench.attempt([first], THIS, ask)


def _with_network(bench: Bench, server: Running, ranks: int, size: int) -> None:
    with server.client() as client:
        heavy_network(client.call, size)
        client.call("Simulate", t=1.0)
    row = bench.row(
        f"idle after simulating {size} neurons, {ranks} rank(s) and gateway",
        "% of a core",
        series="idle, by neurons, on ranks",
        size=size,
        ranks=ranks,
    )
    bench.attempt([row], THIS, lambda: [_used_percent(server, 1.0 if bench.quick else 4.0)])


def _used_percent(server: Running, seconds: float) -> float:
    """Processor time of all processes of the server, of one core's."""
    # After a start or a request some work goes on for a moment.
    time.sleep(2.0)
    pids = descendants(server.process.pid)
    before = [_used_s(pid) for pid in pids]
    # What idle processes use in this time is what is measured: there is nothing to poll for.
    time.sleep(seconds)
    return sum(_used_s(pid) - was for pid, was in zip(pids, before, strict=True)) / seconds * 100


def _used_s(pid: int) -> float:
    """Processor time that a process has used, of all of its threads, to the nanosecond.

    What ``clock_getcpuclockid`` of POSIX gives on Linux, for which Python has no name.
    """
    return time.clock_gettime((~pid << 3) | 2)
