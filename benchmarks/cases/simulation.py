"""Building and simulating a balanced random network over HTTP, beside the same as a plain PyNEST
script under `mpirun`, in turns. Both have to make the same number of spikes. The largest network
is simulated for 4 s of biological time, the others for 0.4 s, of which the first slices, that
have to find their length, are a larger part.
"""

from __future__ import annotations

from collections import defaultdict

from benchmarks.bench import Bench, NotInstalled, say
from benchmarks.plain import built_and_simulated
from benchmarks.rows import FLOOR, THIS, Row, Target

TITLE = "Simulation"


def run(bench: Bench) -> None:
    """Three sizes on three numbers of ranks; the largest decides about the target."""
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here")
    short_ms, long_ms = (100.0, 400.0) if bench.quick else (400.0, 4000.0)
    sizes = (500, 1000) if bench.quick else (1000, 2000, 4000)
    for ranks in bench.ranks():
        with bench.ranked(ranks) as server, server.client() as client:
            for size in sizes:
                largest = size == sizes[-1]
                time_ms = long_ms if largest else short_ms
                say(f"{size} neurons on {ranks} rank(s)")
                rows: dict[str, Row] = {}
                for what in ("simulate", "build"):
                    targeted = largest and what == "simulate"
                    shown = f"simulation over HTTP against plain PyNEST, {ranks} rank(s)"
                    rows[what] = bench.row(
                        f"{what} {size} neurons, {ranks} rank(s)",
                        "s",
                        Target("ratio", 1.02, FLOOR) if targeted else None,
                        floor="plain PyNEST",
                        series=f"{what} on ranks",
                        size=size,
                        ranks=ranks,
                        to_show=shown if targeted else "",
                    )
                counted: defaultdict[str, set[float]] = defaultdict(set)

                def here(
                    size: int = size, ranks: int = ranks, time_ms: float = time_ms
                ) -> dict[str, float]:
                    client.call("ResetKernel")
                    return built_and_simulated(client.call, size, time_ms, ranks)

                def there(
                    size: int = size, ranks: int = ranks, time_ms: float = time_ms
                ) -> dict[str, float]:
                    found: dict[str, float] = bench.plain(
                        "simulation", ranks, size=size, time_ms=time_ms, processes=ranks
                    )
                    return found

                for _ in range(bench.few if largest else 1):
                    for column, measure in ((THIS, here), (FLOOR, there)):

                        def both(
                            measure=measure, column=column, counted=counted, rows=rows
                        ) -> list[float]:
                            found = measure()
                            counted[column].add(found["spikes"])
                            return [found[what] for what in rows]

                        bench.attempt(list(rows.values()), column, both)
                if counted[THIS] != counted[FLOOR]:
                    raise RuntimeError(f"the numbers of spikes differ: {dict(counted)}")
            client.call("ResetKernel")
