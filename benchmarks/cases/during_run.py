"""`GET /`, asked again and again while NEST simulates for 10 s of wall time. 3.10 and its successor
answer when the run is over, so of them there is only that one answer. Then this server, with
networks of several sizes on several ranks, during runs of 3 s.
"""

from __future__ import annotations

import threading
import time

from benchmarks.bench import Bench
from benchmarks.networks import heavy_network
from benchmarks.rows import THIS, Row, percentile
from benchmarks.servers import Running

TITLE = "GET / during a run"
_ASKED = 100
#: Numbers of neurons on several ranks, and the length of those runs in s.
_SIZES, _RANKED_RUN_S = (1000, 2000, 4000), 3.0
_NEURONS = 2000


def run(bench: Bench) -> None:
    """This server, and its peers once each."""
    run_s = 3.0 if bench.quick else 10.0
    ours = bench.ours()
    simulated_ms = _calibrated(ours, run_s)
    p50 = bench.row("GET / during a run p50", "ms")
    p99 = bench.row(f"GET / during a run p99 of {_ASKED}", "ms")
    length = bench.row("that run's length", "s")
    for _ in range(bench.few):
        bench.attempt([p50, p99, length], THIS, lambda: _during(ours, simulated_ms, run_s, _ASKED))
    for column, server in bench.peers().items():
        rows: list[Row] = [p50, p99, length]
        bench.attempt(rows, column, lambda s=server: _during(s, simulated_ms, run_s, 2))
    bench.on_ranks(_SIZES, lambda server, ranks, size: _on_ranks(bench, server, ranks, size))


def _on_ranks(bench: Bench, server: Running, ranks: int, size: int) -> None:
    where = f"GET / during a run of {size} neurons, {ranks} rank(s)"
    series = "GET / during a run, by neurons, on ranks"
    rows = [
        bench.row(f"{where} p50", "ms", series=series, size=size, ranks=ranks),
        bench.row(f"{where} p99 of {_ASKED}", "ms"),
    ]
    simulated_ms = _calibrated(server, _RANKED_RUN_S, size)

    def during() -> list[float]:
        return _during(server, simulated_ms, _RANKED_RUN_S, _ASKED, size)[:2]

    bench.attempt(rows, THIS, during)


def _calibrated(server: Running, run_s: float, size: int = _NEURONS) -> float:
    """Biological time whose simulation takes about ``run_s`` of wall time here."""
    with server.client() as client:
        heavy_network(client.call, size)
        simulated_ms, took_s = 50.0, 0.0
        # The network settles in the first steps, which are dearer than the rest.
        while took_s < run_s / 5:
            simulated_ms *= 2
            began = time.perf_counter()
            client.call("Simulate", t=simulated_ms)
            took_s = time.perf_counter() - began
        return round(simulated_ms * run_s / took_s)


def _during(
    server: Running, simulated_ms: float, run_s: float, times: int, size: int = _NEURONS
) -> list[float]:
    """p50, p99 and the length of the run in s; ``times`` are spread over it."""
    with server.client() as client:
        heavy_network(client.call, size)
        ended = threading.Event()

        def simulate() -> None:
            try:
                with server.client() as caller:
                    caller.call("Simulate", t=simulated_ms)
            finally:
                ended.set()

        thread = threading.Thread(target=simulate)
        began = time.perf_counter()
        thread.start()
        # The run is under way before the first question.
        ended.wait(0.3)
        took: list[float] = []
        while not ended.is_set() and len(took) < times:
            asked = time.perf_counter()
            client.ask("GET", "/")
            took.append((time.perf_counter() - asked) * 1e3)
            ended.wait(run_s / times * 0.95)
        thread.join()
        length_s = time.perf_counter() - began
        client.call("ResetKernel")
    if not took:
        raise RuntimeError("the run was over before anything was asked")
    return [percentile(took, 50), percentile(took, 99), length_s]
