"""The networks that are simulated, made by calls that every server takes in this form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.client import Client

#: Makes the call of that name with keywords: over HTTP, or in this process.
Call = Callable[..., Any]

EXCITATORY = 0.8
INDEGREE = 200


def spike_source(call: Call, spikes: int, processes: int | None = None) -> int:
    """Have one recorder record exactly ``spikes`` spikes; its node id.

    Delays that differ bring the spikes of one step out of order, as in any real network.

    Parameters
    ----------
    call : makes a call
    spikes : a power of ten, at least 1e4
    processes : total number of virtual processes; ``None`` for what the server has
    """
    parrots = 100 if spikes <= 100_000 else 1000
    call("ResetKernel")
    if processes is not None:
        call("SetKernelStatus", params={"total_num_virtual_procs": processes})
    times = [1.0 + step for step in range(spikes // parrots)]
    source = call("Create", model="spike_generator", params={"spike_times": times})
    followers = call("Create", model="parrot_neuron", n=parrots)
    recorder = call("Create", model="spike_recorder")
    for part in range(5):
        spec = {"delay": 1.0 + 0.2 * part}
        call("Connect", pre=source, post=followers[part::5], syn_spec=spec)
    call("Connect", pre=followers, post=recorder)
    call("Simulate", t=times[-1] + 10.0)
    return int(recorder[0] if isinstance(recorder, list) else recorder.tolist()[0])


def heavy_network(call: Call, size: int = 2000) -> None:
    """A network of ``size`` neurons whose simulation keeps a core busy."""
    call("ResetKernel")
    neurons = call("Create", model="iaf_psc_alpha", n=size)
    noise = call("Create", model="poisson_generator", params={"rate": 15_000.0})
    call("Connect", pre=noise, post=neurons, syn_spec={"weight": 10.0})
    rule = {"rule": "fixed_indegree", "indegree": 100}
    call("Connect", pre=neurons, post=neurons, conn_spec=rule, syn_spec={"weight": 1.0})


def balanced_network(call: Call, size: int) -> Any:
    """A balanced random network of ``size`` neurons; its recorder."""
    excitatory = call("Create", model="iaf_psc_alpha", n=int(size * EXCITATORY))
    inhibitory = call("Create", model="iaf_psc_alpha", n=size - int(size * EXCITATORY))
    noise = call("Create", model="poisson_generator", params={"rate": 7000.0})
    recorder = call("Create", model="spike_recorder")
    everyone = excitatory + inhibitory
    call("Connect", pre=noise, post=everyone, syn_spec={"weight": 20.0, "delay": 1.5})
    for sources, share, weight in (
        (excitatory, EXCITATORY, 20.0),
        (inhibitory, 1.0 - EXCITATORY, -100.0),
    ):
        rule = {"rule": "fixed_indegree", "indegree": round(INDEGREE * share)}
        spec = {"weight": weight, "delay": 1.5}
        call("Connect", pre=sources, post=everyone, conn_spec=rule, syn_spec=spec)
    call("Connect", pre=everyone, post=recorder)
    return recorder


@contextmanager
def recorded(client: Client, spikes: int, processes: int | None = None) -> Iterator[bytes]:
    """Records spikes; gives the body of a request for them. Empties the kernel at the end."""
    recorder = spike_source(client.call, spikes, processes)
    try:
        yield json.dumps({"nodes": [recorder], "keys": "events"}).encode()
    finally:
        client.call("ResetKernel")
