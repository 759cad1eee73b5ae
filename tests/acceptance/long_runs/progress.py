"""Progress of a long simulation, its end where it is, and how the next one goes on from there."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

from tests.acceptance.long_runs.findings import Finding
from tests.acceptance.long_runs.networks import Network, simulate, speed
from tests.acceptance.long_runs.placed import Setting
from tests.integration.servers import Server
from tests.integration.test_jobs import look, submit

#: How long it is simulated before it is cancelled, by the clock, and how many values are wanted.
_RUN_S, _VALUES = 60.0, 100
_CANCEL_S = 1.0
_LOOK_S = 0.05
_AFTER_MS = 200.0


def run(setting: Setting, ranks: int) -> Iterator[Finding]:
    """Findings of this part."""
    run_s = _RUN_S / 10 if setting.short else _RUN_S
    wanted = round(_VALUES * run_s / _RUN_S)
    setting.say(f"progress: {run_s:.0f} s on {ranks} rank(s)")
    network = Network()
    with setting.server(ranks) as server:
        network.build(server, ranks)
        a_second_ms = speed(server)
        before_ms = server.call("biological_time")
        # Longer than it is looked at, whatever the machine is at then.
        job = submit(server, "/api/Simulate", [round(5 * run_s * a_second_ms)])
        values = _watch(server, job, run_s)
        began_s = time.monotonic()
        ended = server.request("DELETE", f"/jobs/{job['id']}")
        took_s = time.monotonic() - began_s
        at_ms = server.call("biological_time")
        server.call("Simulate", [_AFTER_MS])
        cut = network.spikes(server)
        setting.say(f"progress: the same without a cancel, up to {at_ms:.1f} ms")
        network.build(server, ranks)
        for t_ms in _parts(before_ms, at_ms):
            simulate(server, t_ms)
        whole = network.spikes(server)
    rising = all(one < other for one, other in itertools.pairwise(values))
    cancelled = ended.status_code == 200 and ended.json()["state"] == "cancelled"
    same = cut == whole
    found = (
        f"{len(values)} values, {'all rising' if rising else 'NOT all rising'}; "
        f"{'cancelled' if cancelled else 'NOT cancelled'} after {took_s:.2f} s at {at_ms:.1f} ms; "
        f"{len(cut['times'])} spikes, {'the same' if same else 'NOT the same'}"
    )
    holds = rising and len(values) >= wanted and cancelled and took_s < _CANCEL_S and same
    yield Finding("progress", f"a run of {run_s:.0f} s", ranks, found, holds and bool(cut["times"]))


def _parts(before_ms: float, at_ms: float) -> list[float]:
    """What is simulated in the uncancelled run, in ms: what was before, up to the cut, after."""
    return [before_ms, round(at_ms - before_ms, 6), _AFTER_MS]


def _watch(server: Server, job: dict[str, Any], run_s: float) -> list[float]:
    """Biological times in ms, one after the other as long as it runs, each that is new."""
    values: list[float] = []
    until_s = time.monotonic() + run_s
    while time.monotonic() < until_s:
        progress = look(server, job).get("progress")
        if progress and progress["biological_time_ms"] not in values[-1:]:
            values.append(progress["biological_time_ms"])
        time.sleep(_LOOK_S)
    return values
