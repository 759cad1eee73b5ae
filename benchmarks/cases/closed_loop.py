"""Steps of a closed loop, as of a robot: 1 ms of biological time a step, of 100 neurons with an
input that is set and a count of spikes that is read, in three requests and in one batch. By the
Python client; the floor is the same in process, and of the batch Run alone. Then more neurons on
several ranks, where plain PyNEST reads the spikes of its own rank only.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.bench import Bench
from benchmarks.cases.timing import timed_ms
from benchmarks.plain import robot
from benchmarks.rows import FLOOR, THIS, Row, Target, percentile
from benchmarks.servers import TOKEN, Running
from NESTServerClient import NESTServerClient

TITLE = "Closed loop"
#: Level of NEST's messages.
WARNING = 20
_NEURONS = 100
#: Numbers of neurons on several ranks.
_SIZES = (100, 1000, 10_000)
_NAMES = {
    "run": "Run of 1 ms",
    "batch": "step of input, Run and readout, one batch",
    "step": "step of input, Run and readout, three requests",
}
_FLOORS = {"run": "in process", "batch": "Run in process", "step": "in process"}
#: What of plain PyNEST each is beside.
_PLAIN = {"run": "run", "batch": "run", "step": "step"}
_SHOWN = {
    "run": "closed-loop Run p50 above in-process Run",
    "batch": "closed-loop step in one batch p50 above in-process Run",
}


def run(bench: Bench) -> None:
    """Run alone; input, Run and readout."""
    steps = 100 if bench.quick else 500
    rows = {}
    for key, what in _NAMES.items():
        target = Target("above", 0.6, FLOOR) if key in _SHOWN else None
        rows[key] = (
            bench.row(f"{what} p50", "ms", target, floor=_FLOORS[key], to_show=_SHOWN.get(key, "")),
            bench.row(f"{what} p99", "ms", floor=_FLOORS[key]),
        )
    _measure(bench, bench.ours(), rows, steps, _NEURONS, None)
    bench.on_ranks(
        _SIZES, lambda server, ranks, size: _on_ranks(bench, server, ranks, size, steps // 5)
    )


def _on_ranks(bench: Bench, server: Running, ranks: int, size: int, steps: int) -> None:
    rows = {}
    for key, what in _NAMES.items():
        where = f"{what}, {size} neurons, {ranks} rank(s)"
        series = f"{what}, by neurons, on ranks"
        rows[key] = (
            bench.row(
                f"{where} p50", "ms", None, _FLOORS[key], series=series, size=size, ranks=ranks
            ),
            bench.row(f"{where} p99", "ms", floor=_FLOORS[key]),
        )
    _measure(bench, server, rows, steps, size, ranks)


def _measure(
    bench: Bench,
    server: Running,
    rows: dict[str, tuple[Row, Row]],
    steps: int,
    size: int,
    ranks: int | None,
) -> None:
    """p50 and p99 of each kind of step, in turns with plain PyNEST."""
    client: Any = NESTServerClient("127.0.0.1", server.port, TOKEN)
    try:
        generator, readout = robot(client, size)
        verbosity = client.GetKernelStatus("verbosity")
        # As in process; NEST writes five lines about each Run otherwise.
        client.SetKernelStatus({"verbosity": WARNING})

        def step() -> None:
            client.SetStatus(generator, {"amplitude": 400.0})
            client.Run(1.0)
            client.GetStatus(readout, "n_events")

        def batch() -> None:
            client.batch(
                [
                    ("SetStatus", [generator, {"amplitude": 400.0}]),
                    ("Run", [1.0]),
                    ("GetStatus", [readout, "n_events"]),
                ]
            )

        ours = {"run": lambda: client.Run(1.0), "batch": batch, "step": step}
        for _ in range(bench.few):
            for key, pair in rows.items():
                bench.attempt(list(pair), THIS, lambda key=key: _both(timed_ms(ours[key], steps)))
            plain = bench.plain("closed_loop", ranks, steps=steps, size=size)
            for key, pair in rows.items():
                for row, value in zip(pair, _both(plain[_PLAIN[key]]), strict=True):
                    row.add(FLOOR, value)
        client.SetKernelStatus({"verbosity": verbosity})
        client.Cleanup()
        client.ResetKernel()
    finally:
        client.close()


def _both(took: list[float]) -> list[float]:
    return [statistics.median(took), percentile(took, 99)]
