"""Spikes out on 1, 2 and 4 ranks of a NEST with MPI, of neurons on all of them."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.cases.spikes import MSGPACK, client_ms, request_ms, script_body, times_for
from benchmarks.networks import recorded
from benchmarks.rows import THIS, short
from benchmarks.servers import Running

TITLE = "Spikes out of several ranks"


def run(bench: Bench) -> None:
    """Four sizes on three numbers of ranks."""
    sizes = (10_000, 100_000) if bench.quick else (10_000, 100_000, 1_000_000, 10_000_000)
    bench.on_ranks(sizes, lambda server, ranks, size: _one_size(bench, server, ranks, size))


def _one_size(bench: Bench, server: Running, ranks: int, size: int) -> None:
    times = times_for(size)
    with server.client() as client, recorded(client, size, ranks) as body:
        measure: dict[str, Callable[[], float]] = {
            "JSON": lambda: request_ms(server, "/api/GetStatus", body, times)[0],
            "binary": lambda: request_ms(server, "/api/GetStatus", body, times, MSGPACK)[0],
            "binary, Python client to arrays": lambda: client_ms(server, times, size),
            "by script, JSON": lambda: request_ms(server, "/exec", script_body(size), times)[0],
        }
        for form, one in measure.items():
            row = bench.row(
                f"{short(size)} spikes, {form}, {ranks} rank(s)",
                "ms",
                series=f"spikes, {form}, on ranks",
                size=size,
                ranks=ranks,
            )
            bench.turns(row, {THIS: one}, bench.few)
