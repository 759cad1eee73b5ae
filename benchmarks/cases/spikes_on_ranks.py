"""The same on 1, 2 and 4 ranks of a NEST with MPI, recorded by neurons on all of them."""

from __future__ import annotations

from benchmarks.bench import Bench, NotInstalled
from benchmarks.cases.spikes import MSGPACK, request_ms, script_body, times_for
from benchmarks.networks import recorded
from benchmarks.rows import THIS

TITLE = "Spikes out of several ranks"


def run(bench: Bench) -> None:
    """Three sizes on three numbers of ranks."""
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here")
    sizes = (10_000, 100_000) if bench.quick else (10_000, 100_000, 1_000_000)
    for ranks in bench.ranks():
        with bench.ranked(ranks) as server:
            for size in sizes:
                label = f"{size:.0e}".replace("e+0", "e")
                times = times_for(size)
                with server.client() as client, recorded(client, size, ranks) as body:
                    for form, path, asked, accept in (
                        ("JSON", "/api/GetStatus", body, ""),
                        ("binary", "/api/GetStatus", body, MSGPACK),
                        ("by script, JSON", "/exec", script_body(size), ""),
                    ):
                        row = bench.row(
                            f"{label} spikes, {form}, {ranks} rank(s)",
                            "ms",
                            series=f"spikes, {form}, on ranks",
                            size=size,
                            ranks=ranks,
                        )

                        def ask(
                            path: str = path,
                            asked: bytes = asked,
                            accept: str = accept,
                            times: int = times,
                        ) -> float:
                            return request_ms(server, path, asked, times, accept)[0]

                        bench.turns(row, {THIS: ask}, bench.few)
