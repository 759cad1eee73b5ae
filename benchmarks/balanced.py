"""A balanced random network on several ranks, over HTTP and as a plain PyNEST script.

``python -m benchmarks.balanced SIZE TIME`` under ``mpirun`` is the plain script; rank 0 prints
what took how long, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.networks import Call

EXCITATORY = 0.8
INDEGREE = 200
SETTLING_MS = 20.0


def build(call: Call, size: int) -> Any:
    """Make the network, of ``size`` neurons; its recorder."""
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


def measure(call: Call, size: int, time_ms: float, ranks: int) -> dict[str, float]:
    """Seconds for building and for simulating an empty kernel's network."""
    call("SetKernelStatus", params={"total_num_virtual_procs": ranks})
    began = time.perf_counter()
    recorder = build(call, size)
    # The first moment of a run is part of building: NEST sorts its connections then.
    call("Simulate", t=SETTLING_MS)
    built = time.perf_counter()
    call("Simulate", t=time_ms)
    simulated = time.perf_counter()
    spikes = call("GetStatus", nodes_or_conns=recorder, keys="n_events")[0]
    return {"build": built - began, "simulate": simulated - built, "spikes": float(spikes)}


def main() -> None:
    """The plain script, on this rank."""
    # Before NEST, which then takes its MPI.
    from mpi4py import MPI  # isort: skip
    import nest

    nest.verbosity = nest.VerbosityLevel.WARNING

    def call(name: str, **arguments: Any) -> Any:
        return getattr(nest, name)(**arguments)

    world = MPI.COMM_WORLD
    world.Barrier()
    found = measure(call, int(sys.argv[1]), float(sys.argv[2]), world.Get_size())
    spikes = world.allreduce(found["spikes"])
    if world.Get_rank() == 0:
        print("MEASURED " + json.dumps(found | {"spikes": spikes}), flush=True)


if __name__ == "__main__":
    main()
