"""A recorder's spikes out: through `/api` as JSON and binary, through a script, and by the
Python client to NumPy arrays. The floor of JSON is reading and encoding in process; that of
binary is copying as many bytes (16 a spike) through a loopback socket.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.bench import Bench
from benchmarks.cases.timing import timed_ms
from benchmarks.loopback import Loopback
from benchmarks.networks import recorded, spike_source
from benchmarks.rows import FLOOR, THIS, Target, short
from benchmarks.servers import TOKEN, Running
from NESTServerClient import NESTServerClient

TITLE = "Spikes out"
MSGPACK = "application/x-msgpack"
BYTES_A_SPIKE = 16
#: A slower server than this is not asked for more spikes.
_PATIENCE_SPIKES = 1_000_000


def times_for(size: int) -> int:
    """Requests a round: a single one would show how new the connection and its memory are."""
    return max(5 if size <= 1_000_000 else 1, min(20, 1_000_000 // size))


def request_ms(
    server: Running, path: str, body: bytes, times: int, accept: str = "", warm_up: int = 1
) -> tuple[float, int]:
    """Median milliseconds of a request, and the bytes of its answer."""
    sizes: list[int] = []
    with server.client() as client:
        took = timed_ms(
            lambda: sizes.append(len(client.ask("POST", path, body, accept))), times, warm_up
        )
    return statistics.median(took), sizes[-1]


def client_ms(server: Running, times: int, size: int) -> float:
    """Median milliseconds of the Python client's GetStatus, to NumPy arrays."""
    client = NESTServerClient("127.0.0.1", server.port, TOKEN)
    with server.client() as plain:
        recorder = json.loads(
            plain.ask("POST", "/api/GetNodes", b'{"properties": {"model": "spike_recorder"}}')
        )
    try:
        found: list[Any] = []

        def ask() -> None:
            found[:] = client.GetStatus(recorder, "events")

        took = statistics.median(timed_ms(ask, times, warm_up=1))
    finally:
        client.close()
    if len(found[0]["times"]) != size:
        raise RuntimeError(f"{len(found[0]['times'])} spikes came instead of {size}")
    return took


def script_body(size: int) -> bytes:
    """A script that returns the events of the recorder that is there."""
    source = 'found = nest.GetStatus(nest.GetNodes({"model": "spike_recorder"}), "events")[0]'
    return json.dumps({"source": source, "return": "found"}).encode()


def run(bench: Bench) -> None:
    """On one rank."""
    ours = bench.ours()
    sizes = (10_000, 100_000) if bench.quick else (10_000, 100_000, 1_000_000, 10_000_000)
    for size in sizes:
        _one_size(bench, ours, size)


def _one_size(bench: Bench, ours: Running, size: int) -> None:
    times, rounds = times_for(size), bench.rounds if size <= 1_000_000 else bench.few
    label = short(size)
    asked = bench.peers() if size <= _PATIENCE_SPIKES else {}
    for column, server in asked.items():
        with server.client() as client:
            try:
                spike_source(client.call, size)
            except (RuntimeError, OSError) as error:
                bench.result.failed = f"{column} can't record {label} spikes: {error}"[:300]
    with ours.client() as client, recorded(client, size) as body, Loopback() as loopback:
        script = script_body(size)

        def by_script(server: Running) -> float:
            return request_ms(server, "/exec", script, 1 if server is not ours else times)[0]

        def loop() -> float:
            return statistics.median(
                timed_ms(lambda: loopback.copy(size * BYTES_A_SPIKE), times, warm_up=1)
            )

        measure: dict[str, Callable[[], float]] = {
            name: (lambda s=s: by_script(s)) for name, s in asked.items()
        }
        bench.turns(
            bench.row(
                f"{label} spikes by script, JSON",
                "ms",
                Target("ratio", 0.05) if size == 1_000_000 else None,
                series="spikes by script, JSON",
                size=size,
                ranks=1,
                to_show=f"{label} spikes by script, JSON, against 3.10"
                if size == 1_000_000
                else "",
            ),
            measure | {THIS: lambda: by_script(ours)},
            rounds if size < 1_000_000 else bench.few,
        )
        row = bench.row(
            f"{label} spikes by /api, JSON",
            "ms",
            floor="read and encoded in process",
            series="spikes, JSON",
            size=size,
            ranks=1,
        )
        bench.turns(row, {THIS: lambda: request_ms(ours, "/api/GetStatus", body, times)[0]}, rounds)
        bench.attempt(
            [row],
            FLOOR,
            lambda: [statistics.median(bench.plain("spikes", size=size, times=min(times, 5)))],
        )
        bench.turns(
            bench.row(
                f"{label} spikes by /api, binary",
                "ms",
                floor="the bytes through a loopback socket",
                series="spikes, binary",
                size=size,
                ranks=1,
            ),
            {
                THIS: lambda: request_ms(ours, "/api/GetStatus", body, times, MSGPACK)[0],
                FLOOR: loop,
            },
            rounds,
        )
        bench.turns(
            bench.row(
                f"{label} spikes, binary, Python client to arrays",
                "ms",
                Target("ratio", 3.0, FLOOR) if size == 1_000_000 else None,
                floor="the bytes through a loopback socket",
                to_show=f"{label} spikes, binary, Python client to NumPy arrays, against copying "
                "the same bytes through a loopback socket"
                if size == 1_000_000
                else "",
            ),
            {THIS: lambda: client_ms(ours, times, size), FLOOR: loop},
            rounds,
        )
