"""The same calls in one process, without HTTP: ``python -m benchmarks.floor`` prints JSON."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.networks import MANY_CALLS, SPIKES, spike_source


def measure() -> dict[str, float]:
    """Median milliseconds of each call, by name."""
    # NEST writes its greeting to standard output; the last line is ours.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.floor"], capture_output=True, check=True, text=True
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _median_ms(call: Callable[[], Any], times: int) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


def main() -> None:
    """Measure and print."""
    import nest
    import orjson

    status_ms = _median_ms(lambda: nest.GetKernelStatus(["resolution"]), 1000)
    nest.set_verbosity("M_WARNING")
    recorder = nest.NodeCollection([spike_source(lambda name, **kw: getattr(nest, name)(**kw))])

    def spikes_as_json() -> bytes:
        return orjson.dumps(nest.GetStatus(recorder), option=orjson.OPT_SERIALIZE_NUMPY)

    assert len(nest.GetStatus(recorder, "events")[0]["times"]) == SPIKES
    spikes_ms = _median_ms(spikes_as_json, 20)
    code = compile(MANY_CALLS, "<script>", "exec")
    calls_ms = _median_ms(lambda: exec(code, {}), 5)
    print(json.dumps({"status": status_ms, "spikes": spikes_ms, "calls": calls_ms}))


if __name__ == "__main__":
    main()
