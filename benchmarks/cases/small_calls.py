"""One small request after the other: `GET /` and GetKernelStatus of one key, by `http.client` of
the standard library. The floor of `GET /` is an empty Flask route under the gateway's own
gunicorn settings; that of GetKernelStatus is the call in process. 3.10 and its successor
close every connection, so their kept and new connections are the same thing.
"""

from __future__ import annotations

import statistics

from benchmarks.bench import Bench, NotInstalled
from benchmarks.cases.timing import timed_ms
from benchmarks.echo import Echo
from benchmarks.rows import FLOOR, THIS, Target
from benchmarks.servers import Running

TITLE = "Small calls"
STATUS = b'{"keys": ["resolution"]}'


def run(bench: Bench) -> None:
    """Kept and new connections; then this server on several ranks."""
    times = 60 if bench.quick else 300
    servers = bench.peers() | {THIS: bench.ours()}
    flask = bench.flask()

    def index(server: Running) -> list[float]:
        with server.client() as client:
            return timed_ms(lambda: client.ask("GET", "/"), times)

    def status(server: Running) -> list[float]:
        with server.client() as client:
            return timed_ms(lambda: client.ask("POST", "/api/GetKernelStatus", STATUS), times)

    def new_connection(server: Running) -> list[float]:
        def request() -> None:
            with server.client() as client:
                client.ask("POST", "/api/GetKernelStatus", STATUS)

        return timed_ms(request, times)

    measure = {name: (lambda s=s: index(s)) for name, s in [*servers.items(), (FLOOR, flask)]}
    bench.latencies("GET /", measure, floor="an empty Flask route")
    measure = {name: (lambda s=s: status(s)) for name, s in servers.items()}
    kept, _ = bench.latencies(
        "GetKernelStatus(one key), kept connection",
        measure | {FLOOR: lambda: index(flask)},
        Target("ratio", 0.3),
        floor="an empty Flask route",
        to_show="small call, keep-alive, p50, against 3.10",
    )
    above = bench.row(
        "the same above an empty Flask route",
        "ms",
        Target("above", 0.35, FLOOR),
        to_show="the same above an empty Flask route under the same gunicorn",
    )
    above.rounds = {name: kept.rounds[name] for name in (THIS, FLOOR) if name in kept.rounds}
    round_trip = bench.row("a ZeroMQ round trip between two processes", "ms", floor="ZeroMQ alone")
    with Echo() as echo:
        for _ in range(bench.few):
            bench.attempt(
                [round_trip], FLOOR, lambda: [statistics.median(timed_ms(echo.ask, 1000))]
            )
    in_process = bench.row("the same in process", "ms", floor="plain PyNEST")
    bench.attempt(
        [in_process], FLOOR, lambda: [statistics.median(bench.plain("small_call", times=1000))]
    )
    measure = {name: (lambda s=s: new_connection(s)) for name, s in servers.items()}
    bench.latencies("GetKernelStatus(one key), new connection each", measure)
    for ranks in bench.ranks():
        with bench.ranked(ranks) as server:
            bench.latencies(
                f"GetKernelStatus(one key) on {ranks} rank(s)",
                {THIS: lambda server=server: status(server)},
                rounds=bench.few,
                series="small call",
                size=1,
                ranks=ranks,
            )
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here, so no ranks were measured")
