"""Scripts that do nothing, and scripts of 100 calls, on a kept connection. The floor is the same
script in process. 3.10 and its successor run scripts inside the server; here each has a
process of its own. Then scripts of several lengths on several ranks of this server.
"""

from __future__ import annotations

import json
import statistics

from benchmarks.bench import Bench, NotInstalled
from benchmarks.cases.timing import timed_ms
from benchmarks.rows import FLOOR, THIS, Target
from benchmarks.servers import Running

TITLE = "Scripts"
CALLS = 100
TRIVIAL = "number = 1"
#: Numbers of calls in the scripts on several ranks.
_SIZES = (1, 10, 100)


def of_calls(number: int) -> str:
    """A script of so many calls."""
    return f"""
import nest
for number in range({number}):
    nest.GetKernelStatus("resolution")
"""


MANY = of_calls(CALLS)


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
    for ranks in bench.ranks():
        with bench.ranked(ranks) as server:
            for size in _SIZES:
                bench.latencies(
                    f"script of {size} call(s), {ranks} rank(s)",
                    {THIS: lambda size=size: one(server, of_calls(size), times // 2)},
                    rounds=bench.few,
                    series="scripts by calls, on ranks",
                    size=size,
                    ranks=ranks,
                )
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here, so no ranks were measured")


def _floor(bench: Bench) -> float:
    return statistics.median(bench.plain("script", source=MANY, times=20))
