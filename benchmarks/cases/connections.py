"""Connections: in, by Connect of four arrays (sources, targets, weights, delays); and out, by
GetConnections and reading sources, targets and weights. By the Python client, beside plain
PyNEST on as many ranks. On several ranks plain PyNEST gives each rank its own part only,
unordered.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.bench import Bench
from benchmarks.plain import arrays_of_connections
from benchmarks.rows import FLOOR, THIS, Target, short
from benchmarks.servers import TOKEN, Running
from NESTServerClient import NESTServerClient

TITLE = "Connections"
_NODES = 1000
_KEYS = ["source", "target", "weight"]


def run(bench: Bench) -> None:
    """One rank of the wheel, then three sizes on three numbers of ranks."""
    sizes = (10_000, 100_000) if bench.quick else (10_000, 100_000, 1_000_000)
    largest = sizes[-1]
    ours = bench.ours()
    _both(bench, ours, largest, None)
    for ranks in bench.ranks():
        with bench.ranked(ranks) as server:
            for size in sizes:
                _both(bench, server, size, ranks)


def _both(bench: Bench, server: Running, size: int, ranks: int | None) -> None:
    label = short(size)
    where = "" if ranks is None else f", {ranks} rank(s)"
    series = "" if ranks is None else " on ranks"
    shown = f"{label} connections by arrays, against plain PyNEST"
    client: Any = NESTServerClient("127.0.0.1", server.port, TOKEN)
    try:
        given = arrays_of_connections(size, _NODES)
        spec = {"weight": given["weight"], "delay": given["delay"]}

        def connect() -> float:
            client.ResetKernel()
            client.Create("iaf_psc_alpha", _NODES)
            began = time.perf_counter()
            client.Connect(given["pre"], given["post"], "one_to_one", syn_spec=spec)
            return (time.perf_counter() - began) * 1e3

        def read() -> float:
            client.ResetKernel()
            client.Create("parrot_neuron", _NODES)
            nodes = list(range(1, _NODES + 1))
            client.Connect(nodes, nodes, {"rule": "fixed_total_number", "N": size})
            began = time.perf_counter()
            found = client.GetConnections().get(_KEYS)
            took = (time.perf_counter() - began) * 1e3
            if len(found["source"]) != size:
                raise RuntimeError(f"{len(found['source'])} connections came instead of {size}")
            return took

        bench.turns(
            bench.row(
                f"{label} connections in by arrays{where}",
                "ms",
                Target("ratio", 1.3, FLOOR) if ranks is None else None,
                floor="plain PyNEST",
                series=f"connections in{series}" if ranks else "",
                size=size,
                ranks=ranks,
                to_show=shown if ranks is None else "",
            ),
            {
                THIS: connect,
                FLOOR: lambda: bench.plain("connections_in", ranks, size=size, nodes=_NODES),
            },
            bench.few,
        )
        bench.turns(
            bench.row(
                f"{label} connections out{where}",
                "ms",
                floor="plain PyNEST",
                series=f"connections out{series}" if ranks else "",
                size=size,
                ranks=ranks,
            ),
            {
                THIS: read,
                FLOOR: lambda: bench.plain("connections_out", ranks, size=size, keys=_KEYS),
            },
            # A million take 10 s, on each side.
            bench.few if size < 1_000_000 or ranks is None else 1,
        )
        client.ResetKernel()
    finally:
        client.close()
