"""From the start of a server's command to the first GetKernelStatus answered."""

from __future__ import annotations

from benchmarks.bench import Bench
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
