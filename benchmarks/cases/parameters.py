"""V_m of each of many nodes set to a value of its own, from an array, by the Python client,
beside plain PyNEST (on one rank: plain PyNEST refuses such lists on several).
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from benchmarks.bench import Bench
from benchmarks.cases.timing import timed_ms
from benchmarks.rows import FLOOR, THIS, short
from benchmarks.servers import TOKEN, Running
from NESTServerClient import NESTServerClient

TITLE = "Parameters of nodes"


def run(bench: Bench) -> None:
    """One rank of the wheel, then three sizes on three numbers of ranks."""
    sizes = (1000, 10_000) if bench.quick else (1000, 10_000, 100_000)
    _measure(bench, bench.ours(), sizes[-1], None)
    for ranks in bench.ranks():
        with bench.ranked(ranks) as server:
            for size in sizes:
                _measure(bench, server, size, ranks)


def _measure(bench: Bench, server: Running, size: int, ranks: int | None) -> None:
    label = short(size)
    client: Any = NESTServerClient("127.0.0.1", server.port, TOKEN)
    times = max(2, 20_000 // size)
    values = np.linspace(-70.0, -60.0, size)
    try:
        client.ResetKernel()
        nodes = client.Create("iaf_psc_alpha", size)

        def ours() -> float:
            return statistics.median(timed_ms(lambda: nodes.set(V_m=values), times, warm_up=1))

        def plain() -> float:
            return statistics.median(bench.plain("parameters", size=size, times=times))

        row = bench.row(
            f"V_m of {label} nodes set" + ("" if ranks is None else f", {ranks} rank(s)"),
            "ms",
            floor="plain PyNEST" if ranks is None else "",
            series="" if ranks is None else "parameters set on ranks",
            size=size,
            ranks=ranks,
        )
        bench.turns(row, {THIS: ours} | ({FLOOR: plain} if ranks is None else {}), bench.few)
        client.ResetKernel()
    finally:
        client.close()
