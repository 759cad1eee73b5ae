"""Steps of a closed loop, as of a robot: 1 ms of biological time a step, of 100 neurons with an
input that is set and a count of spikes that is read. By the Python client; the floor is the
same in process.
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


def run(bench: Bench) -> None:
    """Run alone; input, Run and readout."""
    steps = 100 if bench.quick else 500
    client: Any = NESTServerClient("127.0.0.1", bench.ours().port, TOKEN)
    try:
        generator, readout = robot(client)

        def step() -> None:
            client.SetStatus(generator, {"amplitude": 400.0})
            client.Run(1.0)
            client.GetStatus(readout, "n_events")

        ours = {"run": lambda: client.Run(1.0), "step": step}
        names = {
            "run": "Run of 1 ms",
            "step": "step of input, Run and readout, three requests",
        }
        rows = {}
        for key, what in names.items():
            shown = "closed-loop step p50 above in-process Run" if key == "run" else ""
            target = Target("above", 0.6, FLOOR) if key == "run" else None
            rows[key] = (
                bench.row(f"{what} p50", "ms", target, floor="in process", to_show=shown),
                bench.row(f"{what} p99", "ms", floor="in process"),
            )
        for _ in range(bench.few):
            for key, pair in rows.items():
                bench.attempt(list(pair), THIS, lambda key=key: _both(timed_ms(ours[key], steps)))
            plain = bench.plain("closed_loop", steps=steps)
            for key, pair in rows.items():
                for row, value in zip(pair, _both(plain[key]), strict=True):
                    row.add(FLOOR, value)
        client.Cleanup()
        client.ResetKernel()
    finally:
        client.close()


def _both(took: list[float]) -> list[float]:
    return [statistics.median(took), percentile(took, 99)]
