"""Measure a case in plain PyNEST: ``python -m benchmarks.plain WHAT ARGUMENTS``, also under mpirun.

Rank 0 prints what it measured, as JSON after ``MEASURED``.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import networks
from benchmarks.plain_network import MEASURED, turns

SETTLING_MS = 20.0


def _nest() -> Any:
    # Before NEST, which then takes its MPI.
    if int(os.environ.get("OMPI_COMM_WORLD_SIZE", os.environ.get("PMI_SIZE", "1"))) > 1:
        from mpi4py import MPI  # noqa: F401
    import nest

    nest.verbosity = nest.VerbosityLevel.WARNING
    return nest


def _call(name: str, **arguments: Any) -> Any:
    return getattr(_nest(), name)(**arguments)


def _timed_ms(call: Callable[[], Any], times: int) -> list[float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1e3)
    return took


def small_call(times: int) -> list[float]:
    """Milliseconds of GetKernelStatus of one key."""
    nest = _nest()
    return _timed_ms(lambda: nest.GetKernelStatus(["resolution"]), times)


def script(source: str, times: int) -> list[float]:
    """Milliseconds of a script."""
    _nest()
    code = compile(source, "<script>", "exec")
    return _timed_ms(lambda: exec(code, {}), times)


def spikes(size: int, times: int) -> list[float]:
    """Milliseconds of reading a recorder's events and writing them as JSON."""
    import orjson

    nest = _nest()
    recorder = nest.NodeCollection([networks.spike_source(_call, size)])

    def as_json() -> bytes:
        return orjson.dumps(recorder.get("events"), option=orjson.OPT_SERIALIZE_NUMPY)

    return _timed_ms(as_json, times)


def connections_out(size: int, keys: list[str]) -> float:
    """Milliseconds of looking up all connections and reading ``keys`` of each."""
    nest = _nest()
    nodes = nest.Create("parrot_neuron", 1000)
    nest.Connect(nodes, nodes, {"rule": "fixed_total_number", "N": size})
    return _timed_ms(lambda: nest.GetConnections().get(keys), 1)[0]


def arrays_of_connections(size: int, nodes: int) -> dict[str, Any]:
    """Sources and targets, weights and delays of ``size`` connections of ``nodes`` nodes."""
    generator = np.random.default_rng(1)
    return {
        "pre": generator.integers(1, nodes + 1, size),
        "post": generator.integers(1, nodes + 1, size),
        "weight": generator.uniform(1.0, 2.0, size),
        "delay": generator.integers(10, 20, size) / 10.0,
    }


def connections_in(size: int, nodes: int) -> float:
    """Milliseconds of Connect with arrays."""
    nest = _nest()
    nest.Create("iaf_psc_alpha", nodes)
    given = arrays_of_connections(size, nodes)
    spec = {"weight": given["weight"], "delay": given["delay"]}
    return _timed_ms(
        lambda: nest.Connect(given["pre"], given["post"], "one_to_one", syn_spec=spec), 1
    )[0]


def parameters(size: int, times: int) -> list[float]:
    """Milliseconds of setting V_m of each of ``size`` nodes."""
    nest = _nest()
    nodes = nest.Create("iaf_psc_alpha", size)
    values = np.linspace(-70.0, -60.0, size)
    return _timed_ms(lambda: nodes.set(V_m=values), times)


def simulation(size: int, time_ms: float, processes: int) -> dict[str, float]:
    """Seconds of building and simulating a balanced network."""
    nest = _nest()
    if processes > 1:
        nest.SyncProcesses()
    found = built_and_simulated(_call, size, time_ms, processes)
    if processes > 1:
        from mpi4py import MPI

        found["spikes"] = MPI.COMM_WORLD.allreduce(found["spikes"])
    return found


def simulation_in_turns(size: int, processes: int, directory: str) -> dict[str, float]:
    """Build a balanced network, then simulate it whenever it is told for how many ms.

    Each rank sleeps on a pipe of its own meanwhile. Rank 0 says the seconds of each simulation.
    """
    nest = _nest()
    rank = nest.Rank()
    nest.SetKernelStatus({"total_num_virtual_procs": processes})
    recorder = networks.balanced_network(_call, size)
    with turns(directory, processes)[rank].open(encoding="ascii") as told:
        _say(rank, "built")
        for line in told:
            if line == "end\n":
                break
            began = time.perf_counter()
            nest.Simulate(float(line))
            _say(rank, time.perf_counter() - began)
    spikes = recorder.get("n_events")
    if processes > 1:
        from mpi4py import MPI

        spikes = MPI.COMM_WORLD.allreduce(spikes)
    return {"spikes": float(spikes)}


def _say(rank: int, found: Any) -> None:
    if rank == 0:
        print(MEASURED + json.dumps(found), flush=True)


def built_and_simulated(
    call: networks.Call, size: int, time_ms: float, processes: int
) -> dict[str, float]:
    """Build and simulate a network by ``call``, and time both; the kernel is empty before."""
    call("SetKernelStatus", params={"total_num_virtual_procs": processes})
    began = time.perf_counter()
    recorder = networks.balanced_network(call, size)
    # The first moment of a run is part of building: NEST sorts its connections then.
    call("Simulate", t=SETTLING_MS)
    built = time.perf_counter()
    call("Simulate", t=time_ms)
    simulated = time.perf_counter()
    counted = call("GetStatus", nodes_or_conns=recorder, keys="n_events")[0]
    return {"build": built - began, "simulate": simulated - built, "spikes": float(counted)}


def robot(call: Any, size: int = 100) -> tuple[Any, Any]:
    """A network with an input and a readout, ready to run: generator and spike recorder."""
    call.ResetKernel()
    neurons = call.Create("iaf_psc_alpha", size)
    generator = call.Create("dc_generator")
    readout = call.Create("spike_recorder")
    call.Connect(generator, neurons)
    call.Connect(neurons, readout)
    call.Prepare()
    return generator, readout


def closed_loop(steps: int, size: int = 100) -> dict[str, list[float]]:
    """Milliseconds of steps: of Run alone, and of input, Run and readout."""
    nest = _nest()
    generator, readout = robot(nest, size)
    runs = _timed_ms(lambda: nest.Run(1.0), steps)

    def step() -> None:
        nest.SetStatus(generator, {"amplitude": 400.0})
        nest.Run(1.0)
        nest.GetStatus(readout, "n_events")

    return {"run": runs, "step": _timed_ms(step, steps)}


def main() -> None:
    """Measure on this rank; rank 0 prints."""
    measure = globals()[sys.argv[1]]
    found = measure(**json.loads(sys.argv[2]))
    _say(_nest().Rank(), found)


def median(found: list[float]) -> float:
    """Return the median of what a measurement gave."""
    return statistics.median(found)


if __name__ == "__main__":
    main()
