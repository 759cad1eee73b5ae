"""``scripts/bench``: starts the servers, measures them in turns, prints the table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks import cases, floor, ranks
from benchmarks.networks import MANY_CALLS, SCRIPT_CALLS, TRIVIAL_SCRIPT
from benchmarks.servers import (
    Program,
    Running,
    empty_flask_route,
    nest_server_3_10,
    running,
    this_server,
)
from benchmarks.table import Row, percentile, render


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def _latencies(
    what: str,
    servers: list[Running],
    rounds: int,
    measure: Callable[[Running], list[float]],
    target: str = "",
) -> list[Row]:
    """Rows for the 50th and 99th percentile; the servers take turns."""
    _say(what)
    p50, p99 = Row(f"{what} p50", "ms", target), Row(f"{what} p99", "ms")
    for _ in range(rounds):
        for server in servers:
            took = measure(server)
            p50.add(_column(server), statistics.median(took))
            p99.add(_column(server), percentile(took, 99))
    return [p50, p99]


def _column(server: Running) -> str:
    return "floor" if server.name == "Flask" else server.name


def _starts(programs: list[Program], rounds: int) -> Row:
    row = Row("start to first answer", "s")
    _say(row.what)
    for _ in range(rounds):
        for program in programs:
            with running(program) as server:
                row.add(server.name, server.start_s)
    return row


def _loads(servers: list[Running], flask: Running, rounds: int, duration_s: float) -> list[Row]:
    status = Row("GetKernelStatus, 8 clients", "requests/s", "ratio ≥ 4")
    busy = Row("the 8 clients' own load", "cores")
    _say(status.what)
    for _ in range(rounds):
        for server in [*servers, flask]:
            case = cases.index_load if server is flask else cases.status_load
            load = case(server, duration_s)
            status.add(_column(server), load.requests_per_s)
            busy.add(_column(server), load.client_busy)
    return [status, busy]


def _during_run(theirs: Running, ours: Running, rounds: int) -> list[Row]:
    p50 = Row("GET / during a 10 s run p50", "ms")
    p99 = Row("GET / during a 10 s run p99 of 100", "ms", "≤ 50 ms")
    length = Row("that run's length", "s")
    _say("GET / during a 10 s run")
    simulated_ms = cases.simulated_time_ms(ours)
    for _ in range(rounds):
        took, run_s = cases.index_during_run_ms(ours, simulated_ms, 100)
        p50.add("this", statistics.median(took))
        p99.add("this", percentile(took, 99))
        length.add("this", run_s)
    # Its first answer comes when the run is over; there is no second one.
    took, run_s = cases.index_during_run_ms(theirs, simulated_ms, 2)
    p99.add("3.10", max(took))
    length.add("3.10", run_s)
    return [p50, p99, length]


def _scripts(
    servers: list[Running], ours: Running, rounds: int, times: int, in_process_ms: float
) -> list[Row]:
    """A script that does nothing, and what a call in a script costs more than in process."""
    rows = _latencies(
        "trivial script",
        servers,
        rounds,
        lambda one: cases.script_ms(one, *TRIVIAL_SCRIPT, times),
        "ratio ≤ 1",
    )
    row = Row(f"a call in a script of {SCRIPT_CALLS}, above in process", "ms", "≤ 0.25 ms")
    _say(row.what)
    for _ in range(rounds):
        took_ms = statistics.median(cases.script_ms(ours, MANY_CALLS, None, 3))
        row.add("this", (took_ms - in_process_ms) / SCRIPT_CALLS)
    row.add("floor", in_process_ms / SCRIPT_CALLS)
    return [*rows, row]


def _spikes(ours: Running, rounds: int, floor_ms: float) -> Row:
    row = Row("GetStatus of 1e5 spikes as JSON p50", "ms")
    _say(row.what)
    request = cases.prepare_spikes(ours)
    for _ in range(rounds):
        row.add("this", statistics.median(cases.spikes_ms(ours, request, 20)))
    row.add("floor", floor_ms)
    return row


def _measure(peer: Path, rounds: int, quick: bool) -> list[Row]:
    times, duration_s = (100, 1.0) if quick else (400, 3.0)
    programs = [nest_server_3_10(peer), this_server()]
    _say("the same calls in one process")
    in_process = floor.measure()
    rows = [_starts(programs, 1 if quick else 3)]
    with ExitStack() as stack:
        theirs, ours, flask = (
            stack.enter_context(running(program)) for program in [*programs, empty_flask_route()]
        )
        servers = [theirs, ours]
        rows += _latencies(
            "GET /", [*servers, flask], rounds, lambda one: cases.index_ms(one, times)
        )
        status = _latencies(
            "GetKernelStatus(one key)",
            servers,
            rounds,
            lambda one: cases.status_ms(one, times),
            "ratio ≤ 0.5",
        )
        status[0].add("floor", in_process["status"])
        rows += status
        rows += _latencies(
            "GetKernelStatus, new connection each",
            servers,
            rounds,
            lambda one: cases.status_new_connection_ms(one, times),
        )
        rows += _loads(servers, flask, rounds, duration_s)
        rows += _scripts(servers, ours, rounds, times, in_process["calls"])
        rows.append(_spikes(ours, rounds, in_process["spikes"]))
        rows += _during_run(theirs, ours, 1 if quick else 3)
    return rows


def main() -> None:
    """Parse the options, measure, print."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ranks", action="store_true", help="this server on several ranks instead")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each case (default: 5)")
    parser.add_argument("--quick", action="store_true", help="fewer requests, a coarse picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round to FILE too")
    options = parser.parse_args()
    if options.ranks:
        print(ranks.render(ranks.measure(options.rounds, options.quick)))
        return
    rows = _measure(options.peer.absolute(), options.rounds, options.quick)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; median of the rounds")
    print("(lowest..highest). The floor of GET / and of 8 clients is an empty Flask route under")
    print("the gateway's gunicorn settings; otherwise it is the same call in one process.\n")
    print(render(rows))
    if options.json:
        described = [asdict(row) | {"ratio": row.ratio} for row in rows]
        options.json.write_text(json.dumps({"cores": os.cpu_count(), "rows": described}, indent=1))


if __name__ == "__main__":
    main()
