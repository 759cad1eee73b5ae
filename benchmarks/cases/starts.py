"""From the start of a server's command to the first GetKernelStatus answered; then of this server
on several ranks. A start has no size.
"""

from __future__ import annotations

from benchmarks.bench import Bench, NotInstalled
from benchmarks.rows import NEXT_PEER, PEER, THIS
from benchmarks.servers import Program, nest_server_3_10, next_nest_server, running, this_server

TITLE = "Start to first answer"


def run(bench: Bench) -> None:
    """Start each server, in turns."""
    found = bench.environments
    programs: dict[str, Program] = {THIS: this_server()}
    if found.peer is not None:
        programs[PEER] = nest_server_3_10(found.peer)
    if found.next_peer is not None:
        programs[NEXT_PEER] = next_nest_server(found.next_peer)

    def start(program: Program) -> float:
        with running(program) as server:
            return server.start_s

    row = bench.row("start to first answer", "s")
    measure = {name: (lambda one=one: start(one)) for name, one in programs.items()}
    bench.turns(row, measure, bench.few)
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here, so no ranks were measured")

    def start_ranks(ranks: int) -> float:
        with bench.ranked(ranks) as server:
            return server.start_s

    for ranks in bench.ranks():
        row = bench.row(
            f"start to first answer, {ranks} rank(s)",
            "s",
            series="start on ranks",
            size=1,
            ranks=ranks,
        )
        bench.turns(row, {THIS: lambda ranks=ranks: start_ranks(ranks)}, bench.few)
