"""Each expression gives with the look-alike what it gives with PyNEST: value, types, or error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nest_remote.module import PyNest
from nest_remote.objects.handles import Handle
from nest_remote.objects.nodes import NodeCollection
from nestd.kernel.pynest import nest as pynest

#: Makes the network that the expressions are about.
NETWORK = """
nest.ResetKernel()
nest.rng_seed = 11
neurons = nest.Create("iaf_psc_alpha", 6, {"V_m": [-70., -69., -68., -67., -66., -65.]})
layer = nest.Create("iaf_psc_exp", positions=nest.spatial.grid([3, 2]))
free = nest.Create("iaf_psc_exp", positions=nest.spatial.free([[0., 0.], [.5, .1], [.2, .4]]))
recorder = nest.Create("spike_recorder")
meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 1.0})
cell = nest.Create("cm_default")
cell.compartments = [{"parent_idx": -1, "params": {"C_m": 2.}}]
generator = nest.Create("spike_generator", params={"spike_times": [1., 2., 3.]})
nest.Connect(generator, neurons, syn_spec={"weight": 2000.})
nest.Connect(neurons[:3], neurons[3:], "one_to_one", {"synapse_model": "stdp_synapse"})
nest.Connect(neurons, recorder)
nest.Connect(meter, neurons[:2])
nest.Connect(layer, free, {"rule": "fixed_indegree", "indegree": 2})
nest.Simulate(10.)
found = nest.GetConnections(neurons, neurons)
parameter = nest.random.uniform(1., 2.)
mask = nest.CreateMask("circular", {"radius": .5})
square = nest.CreateMask("rectangular", {"lower_left": [-1., -1.], "upper_right": [0., 0.]})
drawn = nest.spatial.free(nest.random.uniform(), num_dimensions=2)
"""

EXPRESSIONS = """
len(neurons)
neurons.tolist()
list(neurons)[2].tolist()
[n.global_id for n in neurons]
neurons[2].tolist()
neurons[-1].tolist()
neurons[1:4].tolist()
neurons[::2].tolist()
neurons[::2][1].get("V_m")
neurons[:-2].tolist()
neurons[[0, 2, 4]].tolist()
neurons[(1, 3)].tolist()
neurons[np.array([1, 5])].tolist()
neurons[[True, False, True, False, True, False]].tolist()
neurons[[]].tolist()
neurons[6]
neurons[-7]
neurons[2:2]
neurons[7:]
neurons[:9]
neurons[::0]
neurons[1.5]
neurons["a"]
neurons[[0, 0]]
neurons[[1, 2.5]]
neurons[[[1], [2]]]
(neurons[:2] + neurons[4:]).tolist()
(neurons[:2] + neurons[:2])
neurons + 3
sum([neurons[:2], neurons[3:5]]).tolist()
neurons + layer
3 in neurons
77 in neurons
neurons.index(4)
neurons.index(77)
neurons == neurons
neurons == neurons[:3]
neurons[:3] == neurons[:3]
neurons != neurons[:3]
neurons == 3
bool(neurons), bool(nest.NodeCollection())
str(neurons), repr(neurons[0])
str(layer[1:3])
np.array(neurons).tolist()
np.asarray(neurons[1:3]).dtype.kind
neurons.get("V_m")
neurons[0].get("V_m")
neurons.get(["V_m", "C_m"])
neurons[1].get(["V_m", "C_m"])
neurons.get("V_m", "C_m")
neurons.get("nope")
neurons.get(3)
neurons.get([])
neurons.get(wrong=1)
sorted(neurons.get())
neurons[0].get()["V_th"]
neurons.get()["tau_m"]
neurons.V_m
neurons[2].V_m
neurons.nope
neurons.global_id
neurons[0].global_id
neurons.local
neurons.model
nest.NodeCollection([1, 2, 3]).get("V_m")
nest.NodeCollection().tolist()
nest.NodeCollection().get()
neurons[1:4]._to_array(), neurons[1:4]._to_array("rank"), neurons[1:4]._to_array("thread")
(lambda empty: (nest.ResetKernel(), len(empty), nest.Connect(empty, empty)))(nest.NodeCollection())
nest.NodeCollection().V_m
nest.NodeCollection([99])
nest.NodeCollection([2, 2])
nest.NodeCollection("x")
sorted(zip(*recorder.get("events").values()))
recorder.events["senders"].dtype.kind
sorted(recorder.get("events", "times"))
sorted(recorder.get("events", ["times", "senders"]))
sorted(recorder[0].events["senders"])
recorder.n_events
meter.get("events", "V_m").shape
meter.record_from
type(neurons.get("V_m")), type(neurons.get()), type(neurons.get()["V_m"])
type(generator.spike_times)
neurons.set(V_m=-60.)
neurons.set({"V_m": -61., "I_e": [1., 2., 3., 4., 5., 6.]})
neurons.set([{"V_m": -float(i)} for i in range(6)])
neurons.set({"nope": 1.})
neurons.set({"V_m": 1.}, I_e=2.)
neurons.set(3)
setattr(neurons, "V_m", -55.)
setattr(neurons, "nope", -55.)
layer.spatial["shape"].tolist(), layer.spatial["extent"].tolist(), layer.spatial["edge_wrap"]
free.spatial["positions"].tolist()
neurons.spatial
layer[:3].spatial["network_size"]
nest.GetPosition(layer)
nest.GetPosition(layer[2])
nest.GetPosition(layer[1:3])
nest.GetPosition(neurons)
nest.Distance(layer[0], layer)
nest.Displacement([0.1, 0.1], layer)
nest.FindNearestElement(layer, [0.1, 0.2]).tolist()
[n.tolist() for n in nest.FindNearestElement(layer, [[0.1, 0.2], [0.3, 0.3]])]
nest.FindCenterElement(layer).tolist()
[n.tolist() for n in nest.GetTargetNodes(layer[:2], free)]
type(nest.GetTargetNodes(layer[:2], free))
nest.GetTargetPositions(layer[:2], free)
nest.SelectNodesByMask(layer, [0., 0.], mask).tolist()
len(found), len(found[:2]), len(found[0])
found.get("source"), found.get("target"), found.get("weight")
found[0].get("source")
found.get(["source", "delay"])
found[1].get(["source", "delay"])
sorted(found.get())
found.source
found[1:].target
found[-1].target
list(found.sources()), list(found.targets())
found.get(3)
found[99]
found["a"]
found == found
found == found[:2]
found == 3
str(found)
str(found[0])
str(nest.GetConnections(recorder))
len(nest.GetConnections(recorder)), nest.GetConnections(recorder).get()
nest.GetConnections(recorder).get("weight")
found.set(weight=3.)
found.set({"weight": [1., 2., 3.]})
found.set([{"weight": 1.}] * 3)
found.set([{"weight": 1.}] * 2)
found.set({"nope": 1.})
setattr(found, "weight", 5.)
nest.GetConnections(3)
nest.GetConnections(neurons, synapse_model="static_synapse").get("target")
nest.GetConnections(neurons, synapse_model="nope")
nest.GetConnections(layer, free).distance
nest.GetStatus(neurons, "V_m")
nest.GetStatus(neurons[:2], ["V_m", "C_m"])
nest.GetStatus(neurons[0], "V_m")
nest.GetStatus(neurons)[0]["V_m"]
nest.GetStatus(nest.NodeCollection())
nest.GetStatus(found, "weight")
nest.GetStatus(neurons, "nope")
nest.GetStatus(3)
nest.SetStatus(neurons, "V_m", -50.)
nest.SetStatus(neurons, {"V_m": -51.})
nest.SetStatus(neurons, {"nope": -51.})
type(parameter).__name__, isinstance(parameter, nest.Parameter)
isinstance(nest.spatial.distance, nest.Parameter)
(parameter + 1.).is_spatial()
(nest.spatial.distance.x * 2.).is_spatial()
1. <= parameter.GetValue() < 2.
3. <= (parameter * 1. + 2.).GetValue() < 4.
-2. < (-parameter).GetValue() <= -1.
.25 < (1. / parameter ** 2).GetValue() <= 1.
0. <= (2. - parameter).GetValue() <= 1.
nest.math.exp(nest.CreateParameter("constant", {"value": 1.})).GetValue()
nest.math.max(parameter, 7.).GetValue()
nest.logic.conditional(parameter < 5., 1., 0.).GetValue()
nest.math.redraw(parameter, 1.5, 1.6).GetValue() < 1.6
parameter + "a"
nest.CreateParameter("nope", {})
nest.random.uniform(min="a")
nest.random.nope
nest.spatial.pos.x.is_spatial(), nest.spatial.source_pos.n(1).is_spatial()
(nest.spatial.pos.x + 1.).apply(layer)
nest.spatial.distance.apply(layer[0], [[0., 1.], [1., 1.]])
nest.spatial_distributions.gaussian(nest.spatial.distance, std=.5).apply(layer[0], [[0., 1.]])
mask.Inside([0.1, 0.1]), mask.Inside([0.9, 0.9])
(mask | square).Inside([-.9, -.9])
(mask - nest.CreateMask("circular", {"radius": .2})).Inside([0., 0.])
mask & 3
nest.CreateMask("nope", {})
nest.spatial.grid([2, 2], extent=[2., 2.]).extent
nest.spatial.free(3)
nest.spatial.free(nest.random.uniform())
len(nest.Create("iaf_psc_alpha", 4, positions=drawn))
nest.Create("iaf_psc_alpha", positions=3)
nest.Create("nope")
nest.Create()
nest.Create("iaf_psc_alpha", -1)
nest.Create("iaf_psc_alpha", 2, [{"V_m": 1.}])
nest.Create("iaf_psc_alpha", 2, {"V_m": [1., 2.]}).V_m
nest.Create("iaf_psc_alpha", 2.5)
nest.Create("iaf_psc_alpha", {"V_m": -3.}).V_m
nest.Create("iaf_psc_alpha", np.int64(2), {"V_m": np.float64(3.)}).V_m
nest.Connect([1, 2], [3, 4], "one_to_one", {"weight": [1., 2.], "delay": [1., 1.]})
nest.Connect(neurons, neurons, "nope")
nest.Connect(neurons, neurons, {"rule": "pairwise_bernoulli", "p": 2.})
nest.Connect(neurons, neurons, syn_spec=nest.CollocatedSynapses({"weight": 4.}, {"weight": 2.}))
len(nest.Connect(neurons, neurons, return_synapsecollection=True))
len(nest.CollocatedSynapses({"weight": 4.}, {"weight": 2.}))
nest.Disconnect(neurons, recorder)
nest.Disconnect(3)
nest.Disconnect(found)
found.disconnect()
nest.Simulate("a")
nest.Simulate(-1.)
nest.resolution, nest.biological_time, nest.network_size, nest.local_num_threads
nest.node_models
nest.nope
setattr(nest, "nope", 3)
setattr(nest, "network_size", 3)
setattr(nest, "resolution", 0.2)
setattr(nest, "verbosity", nest.VerbosityLevel.WARNING)
nest.verbosity.name, int(nest.verbosity)
nest.kernel_status["resolution"], nest.kernel_status["verbosity"].name
nest.GetKernelStatus("resolution")
nest.GetKernelStatus(["resolution", "network_size"])
nest.GetKernelStatus("nope")
nest.get("resolution", "network_size")
nest.set(print_time=False)
nest.SetKernelStatus({"nope": 1})
nest.SetKernelStatus({"network_size": 1})
nest.GetDefaults("iaf_psc_alpha", "V_m")
nest.GetDefaults("iaf_psc_alpha", ["V_m", "C_m"])
nest.GetDefaults("iaf_psc_alpha", "nope")
nest.GetDefaults("iaf_psc_alpha", 42)
nest.GetDefaults("nope")
nest.SetDefaults("iaf_psc_alpha", {"V_m": -60.})
nest.SetDefaults("iaf_psc_alpha", {"nope": -60.})
nest.SetDefaults("nope", {"V_m": -60.})
nest.CopyModel("iaf_psc_alpha", "mine", {"V_m": -60.})
nest.CopyModel("nope", "mine")
nest.GetNodes({"model": "iaf_psc_exp"}).tolist()
nest.GetNodes().tolist()
nest.__version__
nest.NESTError.__name__
nest.NESTErrors.UnknownModelName.__mro__[1].__name__
nest.to_json({"a": np.arange(2), "b": neurons[:2]})
nest.serialize_data([np.float64(1.5), neurons])
isinstance(neurons, nest.NodeCollection), isinstance(found, nest.SynapseCollection)
setattr(neurons, "V_m", parameter)
cell.compartments
type(cell.compartments).__name__
setattr(cell, "compartments", [{"parent_idx": 0, "params": {"C_m": 1.}}])
setattr(cell, "compartments", cell.compartments + {"parent_idx": 0})
cell.compartments + 3
neurons.get("V_m", output="json")
neurons.get(output="json")[:20]
neurons.get(["V_m"], output="pandas").to_dict()
neurons[:1].get("V_m", output="pandas").to_dict()
found.get("weight", output="pandas").to_dict()
nest.Cleanup()
nest.Prepare(), nest.Run(10.), nest.Cleanup()
nest.Rank(), nest.NumProcesses()
list(nest.GetLocalVPs())
"""

#: Where the look-alike is meant to differ, and why.
DIFFERENT = {
    # Callers see one process, of which nothing says where a node is.
    'neurons.get()["vp"]': "(0,) * 6",
    # NEST can't take a part of a part; here it is a part of the whole.
    "neurons[1::2][1:].tolist()": "[4, 6]",
    # Events are in one order, whatever the number of ranks and threads.
    'recorder.get("events", "times").tolist() == sorted(recorder.events["times"])': "True",
}


def namespace(nest: Any) -> dict[str, Any]:
    """The names of the network, made with ``nest``."""
    names: dict[str, Any] = {"nest": nest, "np": np}
    exec(NETWORK, names)
    return names


def outcome(expression: str, names: dict[str, Any]) -> Any:
    """The value of ``expression``, or its error by name and, where it is NEST's, text."""
    try:
        return plain(eval(expression, names))
    except Exception as error:
        text = str(error) if type(error).__module__ == "NESTErrors" else ""
        if text in ("", type(error).__name__):
            text = "NEST gives no further explanation"
        return ("raised", type(error).__module__, type(error).__name__, text)


def plain(value: Any) -> Any:
    """``value`` as what can be compared, types of containers and numbers included."""
    if isinstance(value, (NodeCollection, pynest.NodeCollection)):
        return ("nodes", value.tolist())
    if isinstance(value, (Handle, pynest.SynapseCollection, pynest.Parameter, pynest.Mask)):
        return ("object", type(value).__name__)
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.tolist())
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [plain(item) for item in value])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if type(value).__name__ in ("Compartments", "Receptors"):
        return (type(value).__name__, value.get_tuple())
    return (type(value).__name__, value)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("expression", EXPRESSIONS.strip().splitlines())
def test_expression_gives_what_pynest_gives(expression: str, nest: PyNest) -> None:
    expected = outcome(expression, namespace(pynest))
    assert outcome(expression, namespace(nest)) == expected


@pytest.mark.parametrize("expression", DIFFERENT)
def test_expression_gives_what_is_documented(expression: str, nest: PyNest) -> None:
    names = namespace(nest)
    assert eval(expression, names) == eval(DIFFERENT[expression])
