"""The cases: each measures one server once; rounds and turns are made in ``__main__``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from benchmarks.load import Load, apply_load
from benchmarks.networks import SPIKES, heavy_network, spike_source
from benchmarks.servers import TOKEN, Running

_STATUS = b'{"keys": ["resolution"]}'
_WARM_UP = 20
CLIENTS = 8
#: Wall time that a simulation is to take for the case that asks meanwhile.
RUN_S = 10.0


def _timed_ms(request: Callable[[], tuple[int, bytes]], times: int) -> list[float]:
    took = []
    for number in range(times + _WARM_UP):
        began = time.perf_counter()
        status, answer = request()
        if number >= _WARM_UP:
            took.append((time.perf_counter() - began) * 1e3)
        if status != 200:
            raise SystemExit(f"{status}: {answer[:500]!r}")
    return took


def index_ms(server: Running, times: int) -> list[float]:
    """``GET /``."""
    with server.client() as client:
        return _timed_ms(lambda: client.request("GET", "/"), times)


def status_ms(server: Running, times: int) -> list[float]:
    """GetKernelStatus of one key on a kept connection."""
    with server.client() as client:
        return _timed_ms(lambda: client.request("POST", "/api/GetKernelStatus", _STATUS), times)


def status_new_connection_ms(server: Running, times: int) -> list[float]:
    """GetKernelStatus of one key, a new connection for each."""

    def request() -> tuple[int, bytes]:
        with server.client() as client:
            return client.request("POST", "/api/GetKernelStatus", _STATUS)

    return _timed_ms(request, times)


def status_load(server: Running, duration_s: float) -> Load:
    """GetKernelStatus of one key by eight clients at once."""
    head = (
        "POST /api/GetKernelStatus HTTP/1.1\r\nHost: localhost\r\n"
        f"NESTServerAuth: {TOKEN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(_STATUS)}\r\n\r\n"
    )
    return apply_load(server.port, head.encode() + _STATUS, CLIENTS, duration_s)


def index_load(server: Running, duration_s: float) -> Load:
    """``GET /`` by eight clients at once."""
    head = f"GET / HTTP/1.1\r\nHost: localhost\r\nNESTServerAuth: {TOKEN}\r\n\r\n"
    return apply_load(server.port, head.encode(), CLIENTS, duration_s)


def simulated_time_ms(server: Running) -> float:
    """Biological time whose simulation takes about ``RUN_S`` of wall time here."""
    with server.client() as client:
        heavy_network(client.call)
        simulated_ms, took_s = 50.0, 0.0
        # The network settles in the first steps, which are dearer than the rest.
        while took_s < RUN_S / 5:
            simulated_ms *= 2
            began = time.perf_counter()
            client.call("Simulate", t=simulated_ms)
            took_s = time.perf_counter() - began
        # A little more, as nothing is asked in the first and the last moment.
        return round(simulated_ms * 1.1 * RUN_S / took_s)


def index_during_run_ms(
    server: Running, simulated_ms: float, times: int
) -> tuple[list[float], float]:
    """``GET /``, ``times`` spread over a simulation, fewer if it ends before; its length in s."""
    with server.client() as client:
        heavy_network(client.call)
        ended = threading.Event()

        def simulate() -> None:
            with server.client() as caller:
                caller.call("Simulate", t=simulated_ms)
            ended.set()

        run = threading.Thread(target=simulate)
        run_began = time.perf_counter()
        run.start()
        # The run is under way before the first question.
        ended.wait(0.3)
        took: list[float] = []
        while not ended.is_set() and len(took) < times:
            began = time.perf_counter()
            client.request("GET", "/")
            took.append((time.perf_counter() - began) * 1e3)
            ended.wait(RUN_S / times * 0.95)
        run.join()
        return took, time.perf_counter() - run_began


def script_ms(server: Running, source: str, returned: str | None, times: int) -> list[float]:
    """A script on a kept connection."""
    wanted = {"source": source} if returned is None else {"source": source, "return": returned}
    body = json.dumps(wanted).encode()
    with server.client() as client:
        return _timed_ms(lambda: client.request("POST", "/exec", body), times)


def prepare_spikes(server: Running) -> bytes:
    """Record the spikes; the request that asks for them."""
    with server.client() as client:
        recorder = spike_source(client.call)
    return json.dumps({"nodes": [recorder]}).encode()


def spikes_ms(server: Running, request: bytes, times: int) -> list[float]:
    """GetStatus of a recorder with 1e5 spikes, as JSON."""
    with server.client() as client:
        answers: list[bytes] = []

        def ask() -> tuple[int, bytes]:
            status, answer = client.request("POST", "/api/GetStatus", request)
            answers[:] = [answer]
            return status, answer

        took = _timed_ms(ask, times)
    recorded = len(json.loads(answers[0])[0]["events"]["times"])
    if recorded != SPIKES:
        raise SystemExit(f"{recorded} spikes came instead of {SPIKES}")
    return took
