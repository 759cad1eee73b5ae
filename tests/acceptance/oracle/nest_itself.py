"""Where plain PyNEST gives other numbers when its virtual processes are split otherwise.

``python -m tests.acceptance.oracle.nest_itself NAME DIRECTORY`` writes there, as JSON, what one of
the demonstrations here finds on four virtual processes, gathered from all ranks: alone with four
threads, under ``mpirun -np 2`` with two, under ``mpirun -np 4`` with one each. No part of nestd
takes part.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nestd.server.launch.launcher import launcher_command

_SPLITS = (1, 2, 4)
_FOUND = "found.json"


def order_of_summation(nest: Any) -> Any:
    """Inputs that arrive at a neuron in one step are added in the order of their delivery.

    Sums of floating-point numbers depend on their order in the last bits.
    """
    sources = nest.Create("parrot_neuron", 40)
    neuron = nest.Create("iaf_psc_delta", 4)
    trains = nest.Create("spike_generator", 1, {"spike_times": [1.0]})
    nest.Connect(trains, sources)
    nest.Connect(sources, neuron, "all_to_all", {"weight": nest.random.uniform(0.1, 0.2)})
    nest.Simulate(3.1)
    return [value for value in neuron.get("V_m") if value is not None]


def normals_come_in_pairs(nest: Any) -> Any:
    """Normal (and lognormal) values are made in pairs, of which each thread keeps the second.

    Parameter.apply asks the generator that is the same on all ranks for the value of each node,
    in the name of the node's thread: a process with more threads keeps more of them.
    """
    nodes = nest.Create("iaf_psc_alpha", 6)
    return list(nest.random.normal(0.0, 1.0).apply(nodes)) if nest.Rank() == 0 else []


def structural_plasticity(nest: Any) -> Any:
    """Structural plasticity needs one thread a rank: with four threads, or two, NEST refuses."""
    try:
        nest.EnableStructuralPlasticity()
    except nest.NESTErrors.KernelException as error:
        return [str(error)] if nest.Rank() == 0 else []
    return []


def spike_dilutor(nest: Any) -> Any:
    """A spike_dilutor needs one thread a rank: with four threads, or two, NEST refuses."""
    nest.Create("spike_dilutor")
    try:
        nest.Simulate(1.0)
    except nest.NESTErrors.KernelException as error:
        return [str(error)] if nest.Rank() == 0 else []
    return []


#: Of neurons that grow synapses, so that both make the same: PyNEST here, requests elsewhere.
GROWTH = {
    "elements": {"post_synaptic_element": "in", "pre_synaptic_element": "out"},
    "curve": {
        "growth_curve": "gaussian",
        "growth_rate": 0.05,
        "continuous": False,
        "eta": 0.0,
        "eps": 0.05,
    },
    "currents": [380.0 + 5.0 * i for i in range(10)],
}


def synapses_that_grow(nest: Any) -> Any:
    """Which synapses grow depends on the number of virtual processes, here that of the ranks."""
    nest.ResetKernel()
    nest.SetKernelStatus({"total_num_virtual_procs": nest.NumProcesses()})
    nest.SetKernelStatus({"structural_plasticity_update_interval": 10.0})
    nest.CopyModel("static_synapse", "grown", {"weight": 2.0, "delay": 1.0})
    grown = {"synapse_model": "grown", **GROWTH["elements"]}
    nest.SetKernelStatus({"structural_plasticity_synapses": {"grown": grown}})
    elements = {"in": GROWTH["curve"], "out": GROWTH["curve"]}
    nodes = nest.Create("iaf_psc_alpha", 10, {"synaptic_elements": elements})
    nodes.set([{"I_e": current} for current in GROWTH["currents"]])
    nest.EnableStructuralPlasticity()
    nest.Simulate(300.0)
    nest.DisableStructuralPlasticity()
    nest.Simulate(50.0)
    found = nest.GetConnections(synapse_model="grown")
    return [list(pair) for pair in zip(found.sources(), found.targets(), strict=True)]


def spikes_under_way(nest: Any) -> Any:
    """Spikes that are under way when connections are made (or removed) are lost or go astray."""
    sources = nest.Create("parrot_neuron", 8)
    targets = nest.Create("iaf_psc_delta", 8, {"tau_m": 1e6, "V_th": 1e9})
    train = nest.Create("spike_generator", 1, {"spike_times": [8.5]})
    nest.Connect(train, sources, syn_spec={"delay": 1.0})
    for index in range(8):
        nest.Connect(sources[index], targets[index], syn_spec={"weight": float(1 << index)})
    nest.Simulate(10.0)
    for index in range(8):
        nest.Connect(sources[7 - index], targets[index], syn_spec={"weight": 1024.0})
    nest.Simulate(10.0)
    return [round(value, 1) for value in targets.get("V_m") if value is not None]


def correlations(nest: Any) -> Any:
    """The outermost bins of correlation detectors depend on the order in which spikes arrive."""
    neurons = nest.Create("iaf_psc_alpha", 5)
    noise = nest.Create("poisson_generator", 1, {"rate": 8000.0})
    nest.Connect(noise, neurons, "all_to_all", {"weight": 60.0})
    detector = nest.Create("correlation_detector")
    for receptor in (0, 1):
        nest.Connect(neurons, detector, "all_to_all", {"receptor_type": receptor})
    nest.Simulate(200.0)
    counts = detector.get().get("count_histogram")
    return [] if counts is None else [list(map(int, counts))]


def order_of_lines(nest: Any) -> Any:
    """A recorder's file has the events of one step in the order of their delivery."""
    weights = nest.Create("weight_recorder", 1, {"record_to": "ascii", "label": "weights"})
    nest.CopyModel("stdp_synapse", "recorded", {"weight_recorder": weights})
    neurons = nest.Create("iaf_psc_alpha", 6)
    noise = nest.Create("poisson_generator", 1, {"rate": 12000.0})
    nest.Connect(noise, neurons, "all_to_all", {"weight": 60.0})
    nest.Connect(neurons, neurons, "all_to_all", {"synapse_model": "recorded"})
    nest.Simulate(60.0)
    mine = [f"-{vp}.dat" for vp in nest.GetLocalVPs()]
    files = sorted(Path(nest.data_path).iterdir())
    return [file.read_text() for file in files if file.name.endswith(tuple(mine))]


def sizes_of_buffers(nest: Any) -> Any:
    """Buffers between ranks are sized by rank."""
    nodes = nest.Create("iaf_psc_alpha", 40)
    nest.Connect(nodes, nodes)
    nest.Simulate(1.0)
    status = nest.kernel_status
    sizes = [status["buffer_size_spike_data"], status["buffer_size_target_data"]]
    return sizes if nest.Rank() == 0 else []


def extremes_of_delays(nest: Any) -> Any:
    """Between GetConnections and a first run, each rank has its own min_delay; the run may hang."""
    nodes = nest.Create("parrot_neuron", 8)
    for index in range(4):
        delay = {"delay": 1.0 + index}
        nest.Connect(nodes[index], nodes[index + 4], syn_spec=delay)
    nest.GetConnections()
    return [nest.min_delay]


def names_of_files(nest: Any) -> Any:
    """Show that NEST names only the last of the files of a rank's threads."""
    recorder = nest.Create("spike_recorder", 1, {"record_to": "ascii"})
    nest.Connect(nest.Create("iaf_psc_alpha"), recorder)
    return [Path(name).name for name in recorder.filenames]


def parameters_of_free_positions(nest: Any) -> Any:
    """Parameter.apply looks up positions of other ranks' nodes where there are only its own."""
    places = [[0.1, 0.2], [-0.3, 0.4], [0.25, -0.45], [0.0, 0.0], [0.4, 0.4]]
    layer = nest.Create("iaf_psc_alpha", positions=nest.spatial.free(places))
    try:
        found = list(nest.spatial.pos.x.apply(layer))
    except IndexError as error:
        found = [str(error)]
    return found if nest.Rank() == 0 else []


#: Demonstration: whether nestd evens the difference out.
DEMONSTRATIONS: dict[Callable[[Any], Any], bool] = {
    order_of_summation: False,
    normals_come_in_pairs: False,
    structural_plasticity: False,
    synapses_that_grow: False,
    spike_dilutor: False,
    spikes_under_way: False,
    correlations: False,
    order_of_lines: False,
    sizes_of_buffers: False,
    extremes_of_delays: True,
    names_of_files: True,
    parameters_of_free_positions: True,
}


def shown(demonstration: Callable[[Any], Any]) -> list[Any]:
    """What plain PyNEST gives at 1 x 4, 2 x 2 and 4 x 1."""
    found = []
    for ranks in _SPLITS:
        command = [
            sys.executable,
            "-m",
            "tests.acceptance.oracle.nest_itself",
            demonstration.__name__,
        ]
        if ranks > 1:
            command = [*launcher_command(ranks), *command]
        with tempfile.TemporaryDirectory(prefix="nestd-o-") as directory:
            subprocess.run(
                [*command, directory], capture_output=True, text=True, timeout=180, check=True
            )
            found.append(json.loads((Path(directory) / _FOUND).read_text()))
    return found


def main() -> None:
    """Run the demonstration that is named, on this rank."""
    if any(name in os.environ for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")):
        from mpi4py import MPI

        gather: Callable[[Any], list[Any]] = MPI.COMM_WORLD.allgather
    else:

        def gather(item: Any) -> list[Any]:
            return [item]

    import nest

    nest.SetKernelStatus({"total_num_virtual_procs": 4, "data_path": sys.argv[2]})
    demonstration = next(one for one in DEMONSTRATIONS if one.__name__ == sys.argv[1])
    parts = gather(demonstration(nest))
    if nest.Rank() == 0:
        # Lines of stdout are mixed with what the other ranks print.
        found = sorted((item for part in parts for item in part), key=str)
        (Path(sys.argv[2]) / _FOUND).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
