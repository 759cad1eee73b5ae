"""Steps of a closed loop, as of a robot: 1 ms of biological time a step, of 100 neurons with an
input that is set and a count of spikes that is read, in three requests and in one batch. By the
Python client; the floor is the same in process, and of the batch Run alone.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.bench import Bench
from benchmarks.cases.timing import timed_ms
from benchmarks.plain import robot
from benchmarks.rows import FLOOR, THIS, Target, percentile
from benchmarks.servers import TOKEN
from NESTServerClient import NESTServerClient

TITLE = "Closed loop"
#: Level of NEST's messages.
WARNING = 20


def run(bench: Bench) -> None:
    """Run alone; input, Run and readout."""
    steps = 100 if bench.quick else 500
    client: Any = NESTServerClient("127.0.0.1", bench.ours().port, TOKEN)
    try:
        generator, readout = robot(client)
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
        names = {
            "run": "Run of 1 ms",
            "batch": "step of input, Run and readout, one batch",
            "step": "step of input, Run and readout, three requests",
        }
        shown = {
            "run": "closed-loop Run p50 above in-process Run",
            "batch": "closed-loop step in one batch p50 above in-process Run",
        }
        floors = {"run": "in process", "batch": "Run in process", "step": "in process"}
        rows = {}
        for key, what in names.items():
            target = Target("above", 0.6, FLOOR) if key in shown else None
            named = shown.get(key, "")
            rows[key] = (
                bench.row(f"{what} p50", "ms", target, floor=floors[key], to_show=named),
                bench.row(f"{what} p99", "ms", floor=floors[key]),
            )
        for _ in range(bench.few):
            for key, pair in rows.items():
                bench.attempt(list(pair), THIS, lambda key=key: _both(timed_ms(ours[key], steps)))
            plain = bench.plain("closed_loop", steps=steps)
            plain["batch"] = plain["run"]
            for key, pair in rows.items():
                for row, value in zip(pair, _both(plain[key]), strict=True):
                    row.add(FLOOR, value)
        client.SetKernelStatus({"verbosity": verbosity})
        client.Cleanup()
        client.ResetKernel()
    finally:
        client.close()


def _both(took: list[float]) -> list[float]:
    return [statistics.median(took), percentile(took, 99)]
