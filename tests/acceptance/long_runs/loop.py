"""A closed loop of very many short steps, with the recorder read and cleared after each."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.acceptance.long_runs.findings import Finding
from tests.acceptance.long_runs.memory import Memory
from tests.acceptance.long_runs.placed import ROOT, Setting
from tests.integration.servers import Server

_STEPS, _STEP_MS = 100_000, 10.0
#: How much more memory all processes together may have after nine tenths of the steps, in MiB.
_FLAT_MIB = 4.0

_NETWORK = """
nest.ResetKernel()
nest.SetKernelStatus({"total_num_virtual_procs": RANKS, "rng_seed": 5})
neurons = nest.Create("iaf_psc_alpha", 6)
noise = nest.Create("poisson_generator", params={"rate": 8000.0})
recorder = nest.Create("spike_recorder")
nest.Connect(noise, neurons, syn_spec={"weight": 20.0, "delay": 10.0})
nest.Connect(neurons, neurons, syn_spec={"weight": 50.0, "delay": 10.0})
nest.Connect(neurons, recorder)
"""
#: All memory that it needs is there, and used, before it begins.
_LOOP = """
times, senders, at = numpy.full(ROOM, -1.0), numpy.full(ROOM, -1), 0
for step in range(STEPS):
    # Prepare, Run and Cleanup, as NEST lets no recorder be cleared before Cleanup.
    nest.Simulate(STEP)
    found = recorder.events
    recorder.n_events = 0
    number = len(found["times"])
    times[at : at + number] = found["times"]
    senders[at : at + number] = found["senders"]
    at += number
times, senders = times[:at], senders[:at]
"""
_WHOLE = """
nest.Simulate(STEPS * STEP)
events = recorder.events
times, senders = events["times"], events["senders"]
"""
#: The same for the client, which says what it has found.
_BEFORE = """
import json, numpy, sys
import nest_remote as nest
nest.connect(sys.argv[1], token=sys.argv[2], progress=False)
"""
_AFTER = """
json.dump({"times": times.tolist(), "senders": senders.tolist()}, sys.stdout)
"""

Run = Callable[[Server, str], dict[str, Any]]


def run(setting: Setting, ranks: int) -> Iterator[Finding]:
    """Findings of this part."""
    of_script, of_client = setting.steps or ((2000, 1000) if setting.short else (_STEPS, _STEPS))
    ways: tuple[tuple[str, Run, int], ...] = (
        ("by a script", _script, of_script),
        (
            "by the Python client",
            lambda server, source: _client(setting, server, source),
            of_client,
        ),
    )
    for name, way, steps in ways:
        if not steps:
            continue
        setting.say(f"loop: {steps} steps {name}, {ranks} rank(s)")
        with setting.server(ranks) as server:
            yield _found(setting, server, ranks, steps, name, way)


def _found(
    setting: Setting, server: Server, ranks: int, steps: int, name: str, way: Run
) -> Finding:
    def filled(source: str, room: int = 0) -> str:
        values = {"RANKS": ranks, "STEPS": steps, "ROOM": room, "STEP": _STEP_MS}
        for word, value in values.items():
            source = source.replace(word, str(value))
        return source

    whole = _script(server, filled(_NETWORK + _WHOLE))
    setting.say(f"loop: {len(whole['times'])} spikes in one piece")
    began_s = time.monotonic()
    with Memory(server, max(0.2, steps / 50_000)) as memory:
        cut = way(server, filled(_NETWORK + _LOOP, len(whole["times"]) + 1000))
    took_s = time.monotonic() - began_s
    same = cut == whole
    before_mib, more_mib = memory.growth()
    listed = len(server.get("/jobs").json())
    spooled = server.runtime.directory / f"server-{server.port}" / "jobs"
    kept = len(list(spooled.iterdir())) if spooled.exists() else 0
    said = (
        f"{steps} of {_STEPS} steps in {took_s:.0f} s, {took_s / steps * 1000:.2f} ms each; "
        f"{len(cut['times'])} spikes, {'the same' if same else 'NOT the same'}; memory of all "
        f"processes {before_mib:.1f} MiB, at the end {more_mib:+.2f} MiB, of that most in "
        f"{memory.most()}; "
        f"{listed} jobs listed, {kept} on disk"
    )
    holds = same and more_mib < _FLAT_MIB and listed == kept == 0
    return Finding("loop", name, ranks, said, holds)


def _script(server: Server, source: str) -> dict[str, Any]:
    # However long it takes.
    reply = server.session.post(
        f"{server.url}/exec",
        json={"source": "import numpy\n" + source, "return": ["times", "senders"]},
        headers={"NESTServerAuth": server.token or ""},
        timeout=None,
    )
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()["data"]
    return found


def _client(setting: Setting, server: Server, source: str) -> dict[str, Any]:
    done = subprocess.run(
        [setting.one, "-c", _BEFORE + source + _AFTER, server.url, server.token or ""],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
