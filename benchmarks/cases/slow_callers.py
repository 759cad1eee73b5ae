"""GetKernelStatus of one key, each 5 ms after the answer before, while another caller of the same
address is in the way: 1000 heads and 500 bodies of a byte per second, 60 bodies of one-byte chunks
as fast as they are taken, 10 000 connections that say nothing. The row is the 99th percentile
beside that of a time without the other, measured right before.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.bench import Bench, say
from benchmarks.pest import PESTS
from benchmarks.rows import THIS, Target, percentile
from benchmarks.servers import TOKEN, Running

TITLE = "Slow and greedy callers"
_PAUSE_S = 0.005


def run(bench: Bench) -> None:
    """Ratios of 99th percentiles."""
    server = bench.ours()
    duration_s = 8.0 if bench.quick else 60.0
    for kind in PESTS:
        row = bench.row(
            f"GetKernelStatus(one key) p99, {kind} beside it",
            "times of peace",
            Target("value", 3.0),
            to_show=f"p99 of a small call beside {kind}, against peace",
        )
        say(row.what)

        def ratio(kind: str = kind) -> list[float]:
            peace_ms = _calls(server, duration_s)
            # The time in which it connects is part of it.
            command = [sys.executable, "-m", "benchmarks.pest", kind, str(server.port), TOKEN]
            with subprocess.Popen([*command, str(duration_s)], stdout=subprocess.DEVNULL) as pest:
                pestered_ms = _calls(server, duration_s)
                pest.wait(60)
            say(f"p99 {percentile(peace_ms, 99):.2f} and {percentile(pestered_ms, 99):.2f} ms")
            return [percentile(pestered_ms, 99) / percentile(peace_ms, 99)]

        for _ in range(bench.few):
            bench.attempt([row], THIS, ratio)


def _calls(server: Running, duration_s: float) -> list[float]:
    """Make calls for some time; milliseconds of each."""
    took_ms = []
    until_s = time.monotonic() + duration_s
    with server.client() as client:
        while time.monotonic() < until_s:
            began_s = time.perf_counter()
            client.call("GetKernelStatus", keys=["resolution"])
            took_ms.append((time.perf_counter() - began_s) * 1e3)
            # One caller at its ease; without a pause it would be a load of its own.
            time.sleep(_PAUSE_S)
    return took_ms
