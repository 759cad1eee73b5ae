"""The networks that are simulated, made by calls that every server takes in this form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Makes the call of that name with keywords: over HTTP, or in this process.
Call = Callable[..., Any]

#: A script that does nothing, and what it returns.
TRIVIAL_SCRIPT = ("number = 1", "number")

#: Small calls of PyNEST in one script, or in one process.
SCRIPT_CALLS = 1000
MANY_CALLS = f"""
import nest
nest.ResetKernel()
neurons = nest.Create("iaf_psc_alpha", 10)
for _ in range({SCRIPT_CALLS // 4}):
    nest.GetKernelStatus("resolution")
    neurons.get("V_m")
    neurons[3].get("V_m")
    nest.GetDefaults("iaf_psc_alpha", "V_m")
"""

SPIKES = 100_000
_PARROTS = 100
_NEURONS = 2000


def spike_source(call: Call) -> int:
    """Have one recorder record exactly ``SPIKES`` spikes; its node id."""
    call("ResetKernel")
    times = [1.0 + step for step in range(SPIKES // _PARROTS)]
    source = call("Create", model="spike_generator", params={"spike_times": times})
    parrots = call("Create", model="parrot_neuron", n=_PARROTS)
    recorder = call("Create", model="spike_recorder")
    call("Connect", pre=source, post=parrots)
    call("Connect", pre=parrots, post=recorder)
    call("Simulate", t=times[-1] + 10.0)
    return int(recorder[0] if isinstance(recorder, list) else recorder.tolist()[0])


def heavy_network(call: Call) -> None:
    """A network whose simulation keeps a core busy."""
    call("ResetKernel")
    neurons = call("Create", model="iaf_psc_alpha", n=_NEURONS)
    noise = call("Create", model="poisson_generator", params={"rate": 15_000.0})
    call("Connect", pre=noise, post=neurons, syn_spec={"weight": 10.0})
    rule = {"rule": "fixed_indegree", "indegree": 100}
    call("Connect", pre=neurons, post=neurons, conn_spec=rule, syn_spec={"weight": 1.0})
