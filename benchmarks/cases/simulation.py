"""Building and simulating a balanced random network over HTTP, beside the same as a plain PyNEST
script under `mpirun`. Small networks are built and simulated as a whole, in turns. What decides
is the largest: it is built on both sides, and both then simulate in turns, second by second of
biological time, while the other sleeps: what else the machine does changes within seconds, by
more than what is to be seen. And it is done anew in several processes of each side: of two that
are the same one is faster for as long as it lives, by as much again. Both sides have to make the
same number of spikes.
"""

from __future__ import annotations

import time
from collections import defaultdict

from benchmarks.bench import Bench, NotInstalled, say
from benchmarks.client import Client
from benchmarks.networks import balanced_network
from benchmarks.plain import built_and_simulated
from benchmarks.plain_network import PlainNetwork
from benchmarks.rows import FLOOR, THIS, Row, Target

TITLE = "Simulation"
_PLAIN = "plain PyNEST"
#: Biological time in ms of a whole simulation, and of a turn.
_WHOLE_MS, _TURN_MS = 400.0, 1000.0
#: Processes of each side, in a quick run and in others, and turns of each.
_QUICK_PAIRS, _PAIRS, _TURNS = 1, 8, 3


def run(bench: Bench) -> None:
    """Three sizes on three numbers of ranks; the largest decides about the target."""
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here")
    sizes = (500, 1000) if bench.quick else (1000, 2000, 4000)
    for ranks in bench.ranks():
        with bench.ranked(ranks) as server, server.client() as client:
            for size in sizes:
                _whole(bench, client, ranks, size)
        _in_turns(bench, ranks, sizes[-1])


def _whole(bench: Bench, client: Client, ranks: int, size: int) -> None:
    say(f"{size} neurons on {ranks} rank(s)")
    rows: dict[str, Row] = {}
    for what in ("simulate", "build"):
        rows[what] = bench.row(
            f"{what} {size} neurons, {ranks} rank(s)",
            "s",
            floor=_PLAIN,
            series=f"{what} on ranks",
            size=size,
            ranks=ranks,
        )
    counted: defaultdict[str, set[float]] = defaultdict(set)

    def here() -> dict[str, float]:
        client.call("ResetKernel")
        return built_and_simulated(client.call, size, _WHOLE_MS, ranks)

    def there() -> dict[str, float]:
        found: dict[str, float] = bench.plain(
            "simulation", ranks, size=size, time_ms=_WHOLE_MS, processes=ranks
        )
        return found

    for column, measure in ((THIS, here), (FLOOR, there)):

        def both(measure=measure, column=column) -> list[float]:
            found = measure()
            counted[column].add(found["spikes"])
            return [found[what] for what in rows]

        bench.attempt(list(rows.values()), column, both)
    if THIS in counted and FLOOR in counted:
        _check_same(counted[THIS], counted[FLOOR])


def _in_turns(bench: Bench, ranks: int, size: int) -> None:
    row = bench.row(
        f"simulate 1 s of {size} neurons, {ranks} rank(s)",
        "s",
        Target("ratio", 1.02, FLOOR),
        floor=_PLAIN,
        to_show=f"simulation over HTTP against plain PyNEST, {ranks} rank(s)",
    )
    for _ in range(_QUICK_PAIRS if bench.quick else _PAIRS):
        with (
            bench.ranked(ranks) as server,
            server.client() as client,
            bench.plain_network(ranks, size) as plain,
        ):
            _pair(bench, row, client, plain, ranks, size)
        if row.missing:
            return


def _pair(
    bench: Bench, row: Row, client: Client, plain: PlainNetwork, ranks: int, size: int
) -> None:
    """Turns of one server and one plain process, which are new."""
    client.call("SetKernelStatus", params={"total_num_virtual_procs": ranks})
    recorder = balanced_network(client.call, size)

    def here() -> float:
        began = time.perf_counter()
        client.call("Simulate", t=_TURN_MS)
        return time.perf_counter() - began

    measure = {THIS: here, FLOOR: lambda: plain.simulate(_TURN_MS)}
    for one in measure.values():
        # NEST sorts its connections, and the server finds out how long its slices may be.
        one()
    bench.turns(row, measure, _TURNS)
    if not row.missing:
        spikes = client.call("GetStatus", nodes_or_conns=recorder, keys="n_events")[0]
        _check_same({float(spikes)}, {plain.spikes()})


def _check_same(ours: set[float], plain: set[float]) -> None:
    if ours != plain or ours == {0.0}:
        raise RuntimeError(f"the numbers of spikes differ: {ours} and, in plain PyNEST, {plain}")
