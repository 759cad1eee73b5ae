"""Write the spikes of one of the networks below: ``simulate.py NETWORK DIRECTORY``."""

import json
import sys
from pathlib import Path

import nest


def extension():
    """Neurons of a NESTML model: one driven by a current drives another, one gets spikes."""
    nest.Install("tinymodule")
    nest.total_num_virtual_procs = 2
    neurons = nest.Create("tiny_lif_neuron", 3)
    neurons.set([{"I_e": 500.0}, {}, {}])
    generator = nest.Create("spike_generator", params={"spike_times": [10.0, 20.0, 30.0]})
    strong = {"weight": 5000.0, "delay": 1.0}
    nest.Connect(generator, neurons[1], syn_spec=strong)
    nest.Connect(neurons[0], neurons[2], syn_spec=strong)
    return neurons


def balanced():
    """Neurons that fire irregularly."""
    nest.rng_seed = 5
    excitatory, inhibitory = nest.Create("iaf_psc_alpha", 160), nest.Create("iaf_psc_alpha", 40)
    neurons = excitatory + inhibitory
    neurons.V_m = nest.random.uniform(-70.0, -55.0)
    noise = nest.Create("poisson_generator", params={"rate": 15_000.0})
    nest.Connect(noise, neurons, syn_spec={"weight": 20.0, "delay": 1.5})
    rule = {"rule": "fixed_indegree", "indegree": 20}
    nest.Connect(excitatory, neurons, rule, {"weight": 20.0, "delay": 1.5})
    nest.Connect(inhibitory, neurons, rule, {"weight": -100.0, "delay": 1.5})
    return neurons


def plastic():
    """Neurons whose synapses learn."""
    neurons = balanced()
    synapse = {"synapse_model": "stdp_synapse", "weight": 15.0, "delay": 2.3, "Wmax": 100.0}
    nest.Connect(neurons, neurons, {"rule": "fixed_total_number", "N": 2000}, synapse)
    return neurons


nest.verbosity = nest.VerbosityLevel.ERROR
neurons = {"extension": extension, "balanced": balanced, "plastic": plastic}[sys.argv[1]]()
recorder = nest.Create("spike_recorder")
nest.Connect(neurons, recorder)
nest.Simulate(100.0 if sys.argv[1] == "extension" else 500.0)
events = recorder.events
synapses = nest.GetConnections(synapse_model="stdp_synapse")
found = {
    "has_mpi": nest.build_info["have_mpi"],
    "spikes": sorted(zip(events["times"], events["senders"].tolist(), strict=True)),
    "weights": sorted(synapses.weight) if len(synapses) else [],
}
# Not printed: the launcher may mix lines of several ranks.
Path(sys.argv[2], f"{nest.Rank()}.json").write_text(json.dumps(found), encoding="utf-8")
