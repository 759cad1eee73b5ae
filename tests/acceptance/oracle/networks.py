"""Networks: made, connected by every rule, simulated in every way, taken apart."""

from __future__ import annotations

from typing import Any

from tests.acceptance.oracle.asking import Ask, expression

_UNIFORM = expression("random.uniform", 0.0, 1.0)
VOLTAGES = [-61.0, -66.5, -63.0, -64.0, -62.0]


def created_with_values_for_each_node(ask: Ask) -> None:
    """Create: one value, a list of values, a dictionary a node, a random parameter."""
    for params in (
        {"V_m": -60.0},
        {"V_m": VOLTAGES, "C_m": 200.0},
        [{"V_m": value} for value in VOLTAGES],
        {"V_m": _UNIFORM},
        {
            "V_m": expression("random.normal", -60.0, 2.0),
            "C_m": [210.0, 220.0, 230.0, 240.0, 250.0],
        },
    ):
        nodes = ask("Create", "iaf_psc_alpha", 5, params)
        ask("GetStatus", nodes, "V_m")
        ask("GetStatus", nodes, ["V_m", "C_m"])
    ask("Create", "spike_generator", 2, {"spike_times": [1.0, 2.0]})
    ask("GetStatus", [26, 27], "spike_times")
    ask("network_size")
    ask("GetNodes")
    ask("GetNodes", {"model": "iaf_psc_alpha"})
    ask("GetNodes", {"V_m": -63.0})
    ask("GetNodes", local_only=True)
    ask("GetLocalNodeCollection", [1, 2, 3, 26])
    ask("PrintNodes")


def set_for_all_for_each_and_from_parameters(ask: Ask) -> None:
    """SetStatus and NodeCollection.set in all their forms, also out of order and on parts."""
    ask("Create", "iaf_psc_alpha", 5)
    ask("Create", "iaf_psc_exp", 3)
    for call, args in (
        ("SetStatus", [[1, 2, 3, 4, 5], {"V_m": -61.0}]),
        ("SetStatus", [[1, 2, 3, 4, 5], {"V_m": VOLTAGES}]),
        ("SetStatus", [[1, 2, 3, 4, 5], "V_m", VOLTAGES]),
        ("SetStatus", [[1, 2, 3, 4, 5], "V_m", -59.0]),
        ("SetStatus", [[1, 2, 3, 4, 5], [{"V_m": value} for value in VOLTAGES]]),
        ("SetStatus", [[2, 3, 7], [{"V_m": value} for value in VOLTAGES[:3]]]),
        ("NodeCollection.set", [[1, 3, 5], {"V_m": VOLTAGES[:3]}]),
        ("NodeCollection.set", [[4], {"V_m": -50.0}]),
        ("SetStatus", [[1, 2, 3, 4, 5], {"V_m": _UNIFORM}]),
        ("SetStatus", [[6, 7, 8], {"V_m": expression("random.uniform_int", 10)}]),
    ):
        ask.maybe(call, *args)
        ask("GetStatus", [1, 2, 3, 4, 5, 6, 7, 8], "V_m")
    ask("NodeCollection.set", nodes=[1, 2], V_m=[-1.0, -2.0])
    ask("NodeCollection.get", [1, 2], "V_m")
    ask("GetStatus", [1, 2, 3, 4, 5, 6, 7, 8])


def each_node_read_alone(ask: Ask) -> None:
    """Every node has its status wherever it lives."""
    ask("Create", "iaf_psc_alpha", 6, {"V_m": [*VOLTAGES, -1.0]})
    ask("Create", "poisson_generator")
    ask("Create", "spike_recorder")
    ask("Create", "parrot_neuron", 2)
    for node in range(1, 11):
        ask("GetStatus", [node])
        ask("GetStatus", [node], ["model", "vp", "local", "thread", "global_id"])
        ask("NodeCollection.get", [node])
        ask("NodeCollection.get", [node], "model")
        ask("NodeCollection.get", [node], ["model", "element_type"])
        ask("NodeCollection.get", [node], output="json")


def _rules() -> list[Any]:
    return [
        "all_to_all",
        {"rule": "all_to_all", "allow_autapses": False},
        "one_to_one",
        {"rule": "fixed_indegree", "indegree": 3},
        {"rule": "fixed_indegree", "indegree": 3, "allow_multapses": False},
        {"rule": "fixed_outdegree", "outdegree": 3},
        {"rule": "fixed_total_number", "N": 17},
        {"rule": "pairwise_bernoulli", "p": 0.4},
        {"rule": "pairwise_poisson", "pairwise_avg_num_conns": 0.7},
        {"rule": "symmetric_pairwise_bernoulli", "p": 0.4, "allow_autapses": False,
         "make_symmetric": True},
    ]  # fmt: skip


def connected_by_every_rule(ask: Ask) -> None:
    """Connect: every rule of NEST, random ones included."""
    ask("ConnectionRules")
    ask("connection_rules")
    for rule in _rules():
        ask.anew()
        ask("Create", "iaf_psc_alpha", 7)
        ask("Connect", list(range(1, 8)), list(range(1, 8)), rule)
        ask("GetConnections")
        ask("num_connections")
        ask("GetConnections", [2, 3], [5, 6, 7])


def connected_with_random_and_listed_parameters(ask: Ask) -> None:
    """syn_spec: parameters, arrays, labels, receptor types, collocated synapses."""
    ask("Create", "iaf_psc_alpha", 4)
    nodes = [1, 2, 3, 4]
    for spec in (
        {"weight": _UNIFORM},
        {"weight": expression("random.lognormal", 0.0, 0.3), "delay": 1.7},
        {"delay": expression("math.redraw", expression("random.normal", 1.5, 0.5), 1.0, 2.0)},
        {"synapse_model": "stdp_synapse", "alpha": expression("random.exponential", 1.0)},
        {"synapse_model": "static_synapse_lbl", "synapse_label": 5, "weight": 3.0},
        {"weight": [[float(4 * i + j) for j in range(4)] for i in range(4)]},
    ):
        ask("Connect", nodes, nodes, "all_to_all", spec)
        ask("GetConnections")
    ask("Connect", nodes, nodes, "one_to_one", {"weight": [1.0, 2.0, 3.0, 4.0]})
    ask("Connect", [3, 1, 1], [2, 2, 4], "one_to_one", {"weight": [1.0, 2.0, 3.0],
                                                        "delay": [1.0, 2.0, 3.0]})  # fmt: skip
    both = expression(
        "CollocatedSynapses",
        {"weight": -2.0},
        {"synapse_model": "stdp_synapse", "weight": 2.0, "delay": 3.0},
    )
    ask("Connect", nodes, nodes, "one_to_one", both)
    ask("Connect", nodes[:2], nodes, {"rule": "fixed_indegree", "indegree": 2}, "stdp_synapse")
    ask("GetConnections")
    ask("GetConnections", synapse_model="stdp_synapse")
    ask("GetConnections", synapse_label=5)
    ask("min_delay")
    ask("max_delay")


def connected_through_astrocytes(ask: Ask) -> None:
    """TripartiteConnect: neurons and the astrocytes between them."""
    ask("Create", "aeif_cond_alpha_astro", 6)
    ask("Create", "astrocyte_lr_1994", 3)
    ask(
        "TripartiteConnect",
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
        {"rule": "pairwise_bernoulli", "p": 0.8},
        {
            "rule": "third_factor_bernoulli_with_pool",
            "p": 0.8,
            "pool_size": 2,
            "pool_type": "random",
        },
        {
            "primary": {"synapse_model": "tsodyks_synapse"},
            "third_in": {"synapse_model": "tsodyks_synapse"},
            "third_out": {"synapse_model": "sic_connection"},
        },
    )
    ask("GetConnections")
    ask("Simulate", 20.0)
    ask("GetConnections")


def connections_read_and_set_in_any_order(ask: Ask) -> None:
    """Connections described by a caller: in his order, each with its own value."""
    ask("Create", "iaf_psc_alpha", 3)
    ask("Connect", [1, 2, 3], [1, 2, 3])
    ask("Connect", [1, 2], [2, 3], "one_to_one", {"synapse_model": "stdp_synapse"})
    conns = {"source": [3, 1, 2], "target": [1, 1, 2], "synapse_model": ["static_synapse"] * 3}
    ask("SetStatus", conns, {"weight": [31.0, 11.0, 22.0]})
    ask("SetStatus", conns, "delay", [3.0, 1.0, 2.0])
    ask("SetStatus", conns, [{"weight": value} for value in (1.5, 2.5, 3.5)])
    ask("SynapseCollection.set", conns, {"weight": 7.5})
    ask("SynapseCollection.get", conns, "weight")
    ask("SynapseCollection.get", conns, ["weight", "delay", "source"])
    ask("SynapseCollection.get", conns)
    ask("GetStatus", conns, ["weight", "target"])
    ask("SynapseCollection.size", conns)
    ask("SynapseCollection.slice", conns, 1, 3)
    ask("SynapseCollection.take", conns, [2, 0])
    ask("GetConnections")
    ask("SynapseCollection.disconnect", {"source": [2], "target": [2]})
    ask("Disconnect", {"source": [1, 3], "target": [1, 1], "synapse_model": ["static_synapse"] * 2})
    ask("GetConnections")
    ask.refusal("Disconnect", {"source": [1], "target": [1]})
    ask.refusal("SetStatus", {"source": [1, 3], "target": [2, 1]}, {"weight": 1.0})
    ask("GetConnections")


def connections_held_by_reference(ask: Ask) -> None:
    """References to connections: ordered, sliced, set, read, disconnected, released."""
    ask("Create", "iaf_psc_alpha", 4)
    ask("Connect", [1, 2, 3, 4], [1, 2, 3, 4], "all_to_all", {"weight": _UNIFORM})
    conns = ask.held("GetConnections")
    ask("SynapseCollection.size", conns)
    ask("SynapseCollection.get", conns, "source")
    ask("SynapseCollection.get", conns, ["source", "target", "weight"])
    ask("SynapseCollection.set", conns, {"weight": [float(i) for i in range(16)]})
    part = ask.held("SynapseCollection.slice", conns, 2, 14, 3)
    ask("SynapseCollection.get", part)
    few = ask.held("SynapseCollection.take", part, [3, -4])
    ask("GetStatus", few, "weight")
    ask("SetStatus", few, [{"weight": 100.0}, {"weight": 200.0}])
    ask("Disconnect", few)
    ask("GetConnections")
    own = ask.held("GetConnections", [1])
    ask("GetStatus", own)
    ask.refusal("SynapseCollection.take", own, 99)
    ask.refusal("SynapseCollection.set", own, {"weight": [1.0]})


def nodes_held_by_reference(ask: Ask) -> None:
    """References to nodes: sliced, joined, indexed, read and set."""
    first = ask.held("Create", "iaf_psc_alpha", 6)
    second = ask.held("Create", "iaf_psc_exp", 3)
    both = ask.held("NodeCollection.join", first, second)
    ask("NodeCollection.tolist", both)
    ask("NodeCollection.size", both)
    ask("NodeCollection.text", both)
    ask("NodeCollection.slice", first, 1, 6, 2)
    ask("NodeCollection.take", both, [0, 3, 8])
    ask("NodeCollection.take", first, [True, False, True, False, True, False])
    ask("NodeCollection.take", both, -1)
    ask("NodeCollection.index", both, 8)
    ask("NodeCollection.spatial", first)
    odd = ask.held("NodeCollection.slice", first, 0, 6, 2)
    ask("NodeCollection.set", odd, {"V_m": [-1.0, -2.0, -3.0]})
    ask("NodeCollection.get", both, ["V_m", "model"])
    ask("Connect", odd, second, "one_to_one")
    ask("GetConnections", odd)
    ask("NodeCollection")
    ask("NodeCollection", [2, 3, 9])
    ask.refusal("NodeCollection", [2, 99])
    ask.refusal("NodeCollection.index", both, 77)
    ask.refusal("NodeCollection.take", both, 9)


def run_in_every_way(ask: Ask) -> None:
    """Simulate and Prepare, Run, Cleanup, in odd portions, with the network changed between."""
    _firing(ask, 8)
    for time_ms in (50.0, 30.3, 0.1, 0.0):
        ask("Simulate", time_ms)
        ask("GetStatus", [9], "events")
        ask("GetStatus", [9], "n_events")
        ask("biological_time")
        ask("local_spike_counter")
    ask("Connect", [1], [8])
    ask("Disconnect", [1], [8])
    ask("GetConnections", target=[8, 9])
    ask("Prepare")
    ask("Run", 10.0)
    ask("Run", 2.5)
    ask("GetStatus", [9], "n_events")
    ask("Cleanup")
    ask("SetStatus", [9], {"n_events": 0})
    ask("GetStatus", [9], "events")
    ask("Simulate", 20.0)
    ask("GetStatus", [9])
    ask("GetStatus", list(range(1, 9)), "V_m")
    ask("SetKernelStatus", {"biological_time": 0.0})
    ask("Simulate", 20.0)
    ask("GetStatus", [9])
    ask("SyncProcesses")


def _firing(ask: Ask, neurons: int) -> None:
    """Neurons 1..n that fire, and a recorder of them, node n + 1."""
    ask("Create", "iaf_psc_alpha", neurons)
    ask("Create", "spike_recorder")
    ask("Create", "poisson_generator", 1, {"rate": 20000.0})
    ask("Connect", [neurons + 2], list(range(1, neurons + 1)), "all_to_all", {"weight": 50.0})
    ask("Connect", list(range(1, neurons + 1)), [neurons + 1])


def balanced_network(ask: Ask) -> None:
    """A balanced random network of 200 neurons, by fixed indegree, weights that sum exactly."""
    ask("SetKernelStatus", {"rng_seed": 1234, "resolution": 0.1})
    excitatory = ask("Create", "iaf_psc_delta", 160, {"V_m": _UNIFORM, "tau_m": 20.0})
    inhibitory = ask("Create", "iaf_psc_delta", 40)
    noise = ask("Create", "poisson_generator", params={"rate": 18000.0})
    recorder = ask("Create", "spike_recorder")
    everyone = excitatory + inhibitory
    ask("Connect", noise, everyone, "all_to_all", {"weight": 0.125, "delay": 1.5})
    rule = {"rule": "fixed_indegree", "indegree": 16}
    ask("Connect", excitatory, everyone, rule, {"weight": 0.125, "delay": 1.5})
    rule = {"rule": "fixed_indegree", "indegree": 4}
    ask("Connect", inhibitory, everyone, rule, {"weight": -0.625, "delay": 1.5})
    ask("Connect", everyone, recorder)
    ask("Simulate", 300.0)
    assert ask("GetStatus", recorder, "n_events")[0] > 500
    ask("GetStatus", recorder, "events")
    ask("NodeCollection.get", recorder, "events", "times")
    ask("GetConnections", [1, 77, 200])
    ask("num_connections")
    ask("GetStatus", everyone, "V_m")


def delays_that_only_one_rank_has(ask: Ask) -> None:
    """Asking for connections between making and running them hides no delay from any rank."""
    nodes = ask("Create", "parrot_neuron", 8)
    train = ask("Create", "spike_generator", 1, {"spike_times": [1.0, 2.0, 3.3]})
    recorder = ask("Create", "spike_recorder")
    ask("Connect", train, nodes[:4], "all_to_all", {"delay": 2.0})
    for index in range(4):
        spec = {"delay": 1.0 + 0.5 * index}
        ask("Connect", nodes[index : index + 1], nodes[7 - index : 8 - index], "one_to_one", spec)
    ask("Connect", nodes, recorder, "all_to_all", {"delay": 2.0})
    ask("GetConnections")
    ask("GetKernelStatus", ["min_delay", "max_delay"])
    ask("min_delay")
    ask("Simulate", 20.0)
    ask("GetStatus", recorder, "events")
    ask("min_delay")


def small_network_after_a_big_one(ask: Ask) -> None:
    """What NEST's buffers still hold of the last network is not taken for the next one's."""
    for number, indegree in ((200, 16), (12, 2), (5, 2), (60, 9), (7, 1)):
        ask.anew()
        nodes = ask("Create", "parrot_neuron", number)
        trains = ask("Create", "spike_generator", number)
        times = [{"spike_times": [1.0 + (i % 7), 9.0 + (i % 3)]} for i in range(number)]
        ask("SetStatus", trains, times)
        ask("Connect", trains, nodes, "one_to_one")
        targets = ask("Create", "iaf_psc_delta", number)
        # Most connections come from the nodes of one rank.
        rule = {"rule": "fixed_indegree", "indegree": indegree}
        ask("Connect", sorted({*nodes[::4], *nodes[:2]}), targets, rule, {"weight": 16.0})
        recorder = ask("Create", "spike_recorder")
        ask("Connect", targets, recorder)
        ask("GetConnections")
        ask("Simulate", 20.0)
        ask("GetStatus", recorder, "events")


def dopamine_and_weights_recorded(ask: Ask) -> None:
    """A volume transmitter and a weight recorder, given as ids."""
    _firing(ask, 4)
    transmitter = ask("Create", "volume_transmitter")
    weights = ask("Create", "weight_recorder")
    ask("CopyModel", "stdp_synapse", "recorded", {"weight_recorder": weights})
    ask("CopyModel", "stdp_dopamine_synapse", "dopamine", {"volume_transmitter": transmitter})
    ask("GetDefaults", "recorded", "weight_recorder")
    ask("GetDefaults", "dopamine", "volume_transmitter")
    ask("Connect", [1, 2], transmitter)
    ask("Connect", [1, 2], [3, 4], "all_to_all", {"synapse_model": "recorded", "weight": 3.0})
    ask("Connect", [1, 2], [3, 4], "all_to_all", {"synapse_model": "dopamine", "weight": 2.0})
    ask("Simulate", 60.5)
    ask("GetStatus", weights)
    ask("GetStatus", weights, "events")
    ask("GetConnections", synapse_model="recorded")
    ask("GetConnections", synapse_model="dopamine")


def gap_junctions_and_rates(ask: Ask) -> None:
    """Secondary events: gap junctions with waveform relaxation, and rates."""
    ask("SetKernelStatus", {"use_wfr": True, "resolution": 0.05})
    ask("Create", "hh_psc_alpha_gap", 3, {"I_e": 200.0})
    ask("Connect", [1, 2], [2, 3], {"rule": "one_to_one", "make_symmetric": True},
        {"synapse_model": "gap_junction", "weight": 0.5})  # fmt: skip
    ask("Create", "lin_rate_ipn", 3, {"mu": [1.0, 2.0, 3.0], "sigma": 0.1})
    ask("Connect", [4, 5, 6], [4, 5, 6], "all_to_all",
        {"synapse_model": "rate_connection_instantaneous", "weight": 0.125})  # fmt: skip
    ask("Create", "multimeter", 1, {"record_from": ["V_m"], "interval": 0.5})
    ask("Create", "multimeter", 1, {"record_from": ["rate"], "interval": 0.5})
    ask("Connect", [7], [1, 2, 3])
    ask("Connect", [8], [4, 5, 6])
    ask("Simulate", 20.0)
    ask("GetStatus", [7, 8])
    ask("GetConnections")


def compartments_and_receptors(ask: Ask) -> None:
    """A neuron of compartments, built before and after Create."""
    soma = {"parent_idx": -1, "params": {"C_m": 1.0, "g_C": 0.1, "g_L": 0.1, "e_L": -70.0}}
    dendrite = {"parent_idx": 0, "params": {"C_m": 0.1, "g_C": 0.1, "g_L": 0.1, "e_L": -70.0}}
    ask("Create", "cm_default", 3, {"compartments": [soma, dendrite], "V_th": 100.0})
    ask("SetStatus", [1, 2, 3], {"receptors": [{"comp_idx": 1, "receptor_type": "AMPA"}]})
    ask("GetStatus", [1, 2, 3], "compartments")
    ask("GetStatus", [1, 2, 3], "receptors")
    ask("NodeCollection.get", [2], "compartments")
    ask("GetStatus", [1, 2, 3])
    ask("Create", "spike_generator", 1, {"spike_times": [2.0, 7.0]})
    ask("Connect", [4], [1, 2, 3], "all_to_all", {"weight": 0.25, "receptor_type": 0})
    ask("Create", "multimeter", 1, {"record_from": ["v_comp0", "v_comp1"], "interval": 0.5})
    ask("Connect", [5], [1, 2, 3])
    ask("Simulate", 20.0)
    ask("GetStatus", [5], "events")
    held = ask.held("NodeCollection", [1, 2, 3])
    ask.maybe("Compartments", held, [soma])
    ask.maybe("Receptors", held, [{"comp_idx": 0, "receptor_type": "GABA"}])
