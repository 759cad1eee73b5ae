"""Scripts that do nothing, and scripts of 100 calls, on a kept connection. The floor is the same
script in process. 3.10 and its successor run scripts inside the server; here each has a
process of its own.
"""

from __future__ import annotations

import json
import statistics

from benchmarks.bench import Bench
from benchmarks.cases.timing import timed_ms
from benchmarks.rows import FLOOR, THIS, Target
from benchmarks.servers import Running

TITLE = "Scripts"
CALLS = 100
TRIVIAL = "number = 1"
MANY = f"""
import nest
for number in range({CALLS}):
    nest.GetKernelStatus("resolution")
"""


def run(bench: Bench) -> None:
    """Both kinds of scripts."""
    servers = bench.peers() | {THIS: bench.ours()}
    times = 30 if bench.quick else 100

    def one(server: Running, source: str, times: int) -> list[float]:
        body = json.dumps({"source": source, "return": "number"}).encode()
        with server.client() as client:
            return timed_ms(lambda: client.ask("POST", "/exec", body), times)

    measure = {name: (lambda s=s: one(s, TRIVIAL, times)) for name, s in servers.items()}
    bench.latencies(
        "trivial script",
        measure,
        Target("ratio", 0.6),
        to_show="trivial script p50 against 3.10",
    )
    measure = {name: (lambda s=s: one(s, MANY, times // 2)) for name, s in servers.items()}
    p50, _ = bench.latencies(f"script of {CALLS} calls", measure, floor="in process")
    bench.attempt([p50], FLOOR, lambda: [_floor(bench)])
    row = bench.row("a call in a script, above in process", "ms")
    ours, floor = p50.median(THIS), p50.median(FLOOR)
    if ours is not None and floor is not None:
        row.add(THIS, (ours - floor) / CALLS)


def _floor(bench: Bench) -> float:
    return statistics.median(bench.plain("script", source=MANY, times=20))
