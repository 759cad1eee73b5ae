"""One small request after the other: `GET /` and GetKernelStatus of one key, by `http.client` of
the standard library. The floor of `GET /` is an empty Flask route under the gateway's own
HTTP server; that of GetKernelStatus is the call in process. 3.10 and its successor
close every connection, so their kept and new connections are the same thing. On several ranks
each asks for the same and rank 0 merges what they say, key by key.
"""

from __future__ import annotations

import json
import statistics

from benchmarks.bench import Bench, NotInstalled
from benchmarks.cases.timing import timed_ms
from benchmarks.echo import Echo
from benchmarks.rows import FLOOR, THIS, Target
from benchmarks.servers import Running

TITLE = "Small calls"
STATUS = b'{"keys": ["resolution"]}'
#: Numbers of keys that are asked for on several ranks.
_SIZES = (1, 8, 64)


def run(bench: Bench) -> None:
    """Kept and new connections; then this server on several ranks, one key and more."""
    times = 60 if bench.quick else 300
    servers = bench.peers() | {THIS: bench.ours()}
    flask = bench.flask()

    def index(server: Running) -> list[float]:
        with server.client() as client:
            return timed_ms(lambda: client.ask("GET", "/"), times)

    def status(server: Running, body: bytes = STATUS) -> list[float]:
        with server.client() as client:
            return timed_ms(lambda: client.ask("POST", "/api/GetKernelStatus", body), times)

    def new_connection(server: Running, body: bytes = STATUS) -> list[float]:
        def request() -> None:
            with server.client() as client:
                client.ask("POST", "/api/GetKernelStatus", body)

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
        to_show="the same above an empty Flask route under the same server",
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
            for size in _SIZES:
                with server.client() as client:
                    keys = ["resolution", *sorted(client.call("GetKernelStatus"))][:size]
                body = json.dumps({"keys": keys}).encode()
                for how, request in (("kept", status), ("new", new_connection)):
                    bench.latencies(
                        f"GetKernelStatus({size} key(s)), {how} connection, {ranks} rank(s)",
                        {THIS: lambda request=request, body=body: request(server, body)},
                        rounds=bench.few,
                        series=f"small call by keys, {how} connection, on ranks",
                        size=size,
                        ranks=ranks,
                    )
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here, so no ranks were measured")
