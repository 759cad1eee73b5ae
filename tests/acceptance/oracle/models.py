"""Every node model and every synapse model: made, read, set, simulated and recorded."""

from __future__ import annotations

from typing import Any

from tests.acceptance.oracle.asking import Ask

NODES = 5
RUN_MS = 30.0
#: Not a whole number of slices.
MORE_MS = 20.3

#: What a stimulator needs to do something.
ACTIVE: dict[str, dict[str, Any]] = {
    "ac_generator": {"amplitude": 400.0, "offset": 500.0, "frequency": 100.0},
    "dc_generator": {"amplitude": 600.0},
    "gamma_sup_generator": {"rate": 500.0, "n_proc": 10},
    "inhomogeneous_poisson_generator": {"rate_times": [1.0, 20.0], "rate_values": [9e3, 2e4]},
    "mip_generator": {"rate": 900.0},
    "noise_generator": {"mean": 500.0, "std": 200.0},
    "poisson_generator": {"rate": 9000.0},
    "poisson_generator_ps": {"rate": 9000.0},
    "ppd_sup_generator": {"rate": 500.0, "n_proc": 10},
    "pulsepacket_generator": {"activity": 50, "sdev": 2.0, "pulse_times": [5.0, 15.0]},
    "sinusoidal_gamma_generator": {"rate": 900.0, "amplitude": 300.0, "frequency": 50.0},
    "sinusoidal_poisson_generator": {"rate": 900.0, "amplitude": 300.0, "frequency": 50.0},
    "spike_generator": {
        "spike_times": [1.0, 4.5, 9.0, 21.7],
        "spike_weights": [1.0, 2.0, 3.0, 4.0],
    },
    "spike_train_injector": {"spike_times": [1.0, 4.5, 9.0, 21.7]},
    "step_current_generator": {"amplitude_times": [2.0, 9.0], "amplitude_values": [400.0, 700.0]},
    "step_rate_generator": {"amplitude_times": [2.0, 9.0], "amplitude_values": [40.0, 70.0]},
}

#: What a neuron needs before it can be simulated.
EQUIPPED: dict[str, dict[str, Any]] = {
    "cm_default": {
        "compartments": [{"parent_idx": -1, "params": {"C_m": 1.0, "g_C": 0.1, "g_L": 0.1}}],
        "receptors": [{"comp_idx": 0, "receptor_type": "AMPA"}],
    },
    "iaf_psc_alpha_multisynapse": {"tau_syn": [2.0, 4.0]},
    "iaf_psc_exp_multisynapse": {"tau_syn": [2.0, 4.0]},
    "gif_cond_exp_multisynapse": {"tau_syn": [2.0, 4.0], "E_rev": [0.0, -80.0]},
    "gif_psc_exp_multisynapse": {"tau_syn": [2.0, 4.0]},
    "aeif_cond_alpha_multisynapse": {"tau_syn": [2.0, 4.0], "E_rev": [0.0, -80.0]},
    "aeif_cond_beta_multisynapse": {
        "tau_rise": [1.0, 2.0],
        "tau_decay": [2.0, 4.0],
        "E_rev": [0.0, -80.0],
    },
}


def node_model(ask: Ask, model: str) -> None:
    """Made, read as a whole and field by field, set, made anew and simulated."""
    defaults = ask("GetDefaults", model)
    nodes = ask("Create", model, NODES)
    ask("GetStatus", nodes)
    for key in sorted(defaults):
        ask.maybe("GetStatus", nodes, key)
    ask("NodeCollection.get", nodes)
    ask("NodeCollection.get", nodes[1:4], ["model", "global_id", "vp"])
    ask("NodeCollection.get", [nodes[3]])
    for number, (key, value) in enumerate(sorted(defaults.items())):
        if type(value) is float and number % 2:
            ask.maybe("SetStatus", nodes, {key: value * 0.9 + 0.1})
            ask.maybe("SetDefaults", model, {key: value * 0.9 + 0.1})
        elif type(value) is float:
            each = [value + 0.1 * i for i in range(NODES)]
            if "error" in _as_object(ask.maybe("SetStatus", nodes, {key: each})):
                # Ranks have set their nodes up to the first that was refused (docs/merging.md).
                ask.maybe("SetStatus", nodes, {key: value})
        elif type(value) is list:
            ask.maybe("SetStatus", nodes, {key: [*value, 1.0]})
        else:
            continue
        ask.maybe("GetStatus", nodes, key)
    ask("GetStatus", nodes)
    ask.maybe("Create", model, 3)
    ask("GetDefaults", model)
    ask("CopyModel", model, "copied", {})
    ask("GetStatus", ask("Create", "copied", 2))
    ask("GetDefaults", "copied")
    ask.anew()
    _run(ask, model, defaults)


def _run(ask: Ask, model: str, defaults: dict[str, Any]) -> None:
    match defaults["element_type"]:
        case "stimulator":
            _stimulate(ask, model)
        case "recorder":
            _record(ask, model, defaults)
        case _:
            _excite(ask, model, defaults)


def _excite(ask: Ask, model: str, defaults: dict[str, Any]) -> None:
    """Neurons with noise and each other as input, and all that they let be recorded."""
    if model.startswith("eprop"):
        ask("SetKernelStatus", {"eprop_update_interval": 10.0, "eprop_learning_window": 10.0})
    nodes = ask("Create", model, NODES, EQUIPPED.get(model))
    noise = ask("Create", "poisson_generator", params={"rate": 8000.0})
    current = ask("Create", "dc_generator", params={"amplitude": 150.0})
    spikes = ask("Create", "spike_recorder")
    receptors = defaults.get("receptor_types") or {}
    for receptor in sorted({0, 1, *receptors.values()}):
        spec = {"weight": 10.0, "receptor_type": receptor}
        ask.maybe("Connect", noise, nodes, "all_to_all", spec)
        # Out of the order in which they are updated.
        ask.maybe("Connect", nodes[1:3], nodes[3:], "all_to_all", spec | {"delay": 1.5})
    ask.maybe("Connect", current, nodes)
    for synapse in ("rate_connection_delayed", "rate_connection_instantaneous"):
        spec = {"synapse_model": synapse, "weight": 0.3}
        ask.maybe("Connect", nodes[1:3], nodes[3:], "all_to_all", spec)
    spec = {"synapse_model": "diffusion_connection", "drift_factor": 0.5}
    ask.maybe("Connect", nodes[1:3], nodes[3:], "all_to_all", spec)
    ask.maybe("Connect", nodes, spikes)
    recorders = [*spikes]
    if defaults.get("recordables"):
        meter = ask("Create", "multimeter", params={"record_from": sorted(defaults["recordables"])})
        recorders += meter
        ask.maybe("Connect", meter, nodes)
    _simulate(ask, recorders)
    ask("GetStatus", nodes)
    ask("GetConnections")


def _stimulate(ask: Ask, model: str) -> None:
    """Stimulators, each with receivers of what they send."""
    if model == "spike_dilutor":
        # It needs one thread a rank (``nest_itself``).
        return
    nodes = ask("Create", model, 2, ACTIVE.get(model))
    recorders: list[int] = []
    for target in ("parrot_neuron", "parrot_neuron_ps", "iaf_psc_alpha", "lin_rate_ipn"):
        targets = ask("Create", target, 3)
        for spec in ({"weight": 20.0}, {"synapse_model": "rate_connection_delayed"}):
            if "error" in _as_object(ask.maybe("Connect", nodes, targets, "all_to_all", spec)):
                continue
            spikes = ask("Create", "spike_recorder")
            meter = ask("Create", "multimeter")
            recorders += spikes
            ask.maybe("Connect", targets, spikes)
            if target in ("iaf_psc_alpha", "lin_rate_ipn"):
                recorded = "V_m" if target == "iaf_psc_alpha" else "rate"
                ask("SetStatus", meter, {"record_from": [recorded]})
                recorders += meter
                ask("Connect", meter, targets)
    _simulate(ask, recorders)
    ask("GetStatus", nodes)


def _record(ask: Ask, model: str, defaults: dict[str, Any]) -> None:
    """Recorders of neurons that fire."""
    source = "ginzburg_neuron" if model == "spin_detector" else "iaf_psc_alpha"
    neurons = ask("Create", source, NODES)
    noise = ask("Create", "poisson_generator", params={"rate": 8000.0})
    ask.maybe("Connect", noise, neurons, "all_to_all", {"weight": 60.0})
    nodes = ask("Create", model, 2)
    if "record_from" in defaults and not defaults["record_from"]:
        ask("SetStatus", nodes, {"record_from": ["V_m"]})
    if model == "weight_recorder":
        ask("CopyModel", "stdp_synapse", "recorded", {"weight_recorder": nodes[:1]})
        ask("Connect", neurons, neurons, "all_to_all", {"synapse_model": "recorded"})
    # One neuron each: of several in one step, the order of delivery would count (``nest_itself``).
    for receptor in (0, 1):
        spec = {"receptor_type": receptor}
        senders = neurons[receptor : receptor + 1] if model.startswith("corr") else neurons
        ask.maybe("Connect", senders, nodes, "all_to_all", spec)
    ask.maybe("Connect", nodes, neurons)
    _simulate(ask, nodes)


def _simulate(ask: Ask, recorders: list[int]) -> None:
    for time_ms in (RUN_MS, MORE_MS):
        ask.maybe("Simulate", time_ms)
        if recorders:
            ask("GetStatus", sorted(recorders))
    for recorder in recorders:
        events = ask.maybe("GetStatus", [recorder], "events")
        if isinstance(events, list):
            for column in events[0]:
                ask("NodeCollection.get", [recorder], "events", column)
            ask("NodeCollection.get", [recorder], "events", sorted(events[0]))


def _as_object(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else {}


#: Neurons between which a synapse model can be used, where iaf_psc_alpha won't do.
PARTNERS: dict[str, tuple[str, str]] = {
    "clopath_synapse": ("hh_psc_alpha_clopath", "hh_psc_alpha_clopath"),
    "diffusion_connection": ("siegert_neuron", "siegert_neuron"),
    "eprop_learning_signal_connection": ("eprop_readout", "eprop_iaf"),
    "eprop_learning_signal_connection_bsshslm_2020": (
        "eprop_readout_bsshslm_2020",
        "eprop_iaf_bsshslm_2020",
    ),
    "eprop_synapse": ("eprop_iaf", "eprop_iaf"),
    "eprop_synapse_bsshslm_2020": ("eprop_iaf_bsshslm_2020", "eprop_iaf_bsshslm_2020"),
    "gap_junction": ("hh_psc_alpha_gap", "hh_psc_alpha_gap"),
    "rate_connection_delayed": ("lin_rate_ipn", "lin_rate_ipn"),
    "rate_connection_instantaneous": ("lin_rate_ipn", "lin_rate_ipn"),
    "sic_connection": ("astrocyte_lr_1994", "aeif_cond_alpha_astro"),
    "urbanczik_synapse": ("pp_cond_exp_mc_urbanczik", "pp_cond_exp_mc_urbanczik"),
}


def synapse_model(ask: Ask, model: str) -> None:
    """Used to connect, read whole and field by field, set for all and for each, run, removed."""
    defaults = ask("GetDefaults", model)
    basic = model.removesuffix("_hpc").removesuffix("_lbl")
    source, target = PARTNERS.get(basic, ("iaf_psc_alpha", "iaf_psc_alpha"))
    if basic.startswith("eprop"):
        ask("SetKernelStatus", {"eprop_update_interval": 10.0, "eprop_learning_window": 10.0})
    sources = ask("Create", source, 4)
    targets = ask("Create", target, 4 if basic == "gap_junction" else 3)
    if basic == "stdp_dopamine_synapse":
        ask("SetDefaults", model, {"volume_transmitter": ask("Create", "volume_transmitter")[0]})
    spec: dict[str, Any] = {"synapse_model": model}
    rule: dict[str, Any] = {"rule": "all_to_all"}
    if basic == "gap_junction":
        rule = {"rule": "one_to_one", "make_symmetric": True}
    if basic == "urbanczik_synapse":
        spec["receptor_type"] = 1
    if model.endswith("_lbl"):
        spec["synapse_label"] = 7
    ask.maybe("Connect", sources, targets, rule, spec)
    found = ask("GetConnections")
    ask("GetConnections", sources[1:3])
    ask("GetConnections", target=targets[1:], synapse_model=model)
    number = len(found.get("source", []))
    for key in sorted(found):
        ask("GetStatus", found, key)
    for key, value in sorted(defaults.items()):
        if type(value) is float and number:
            ask.maybe("SetStatus", found, {key: value * 0.9 + 0.1})
            each = [value * 0.9 + 0.001 * i for i in range(1, number + 1)]
            ask.maybe("SetStatus", found, {key: each})
            ask.maybe("SetDefaults", model, {key: value * 0.9 + 0.1})
    ask("GetConnections")
    ask("GetDefaults", model)
    ask("CopyModel", model, "copied")
    ask("GetDefaults", "copied")
    ask.anew()
    _use(ask, model, basic, (source, target), spec, rule)


def _use(
    ask: Ask,
    model: str,
    basic: str,
    partners: tuple[str, str],
    spec: dict[str, Any],
    rule: dict[str, Any],
) -> None:
    """The model's connections between neurons that fire, read after they did."""
    if basic.startswith("eprop"):
        ask("SetKernelStatus", {"eprop_update_interval": 10.0, "eprop_learning_window": 10.0})
    sources, targets = ask("Create", partners[0], 3), ask("Create", partners[1], 3)
    noise = ask("Create", "poisson_generator", params={"rate": 8000.0})
    recorder = ask("Create", "spike_recorder")
    receptor = 1 if basic == "urbanczik_synapse" else 0
    if basic == "stdp_dopamine_synapse":
        transmitter = ask("Create", "volume_transmitter")
        ask("SetDefaults", model, {"volume_transmitter": transmitter[0]})
        ask("Connect", sources, transmitter)
    for nodes in (sources, targets):
        ask.maybe(
            "Connect", noise, nodes, "all_to_all", {"weight": 60.0, "receptor_type": receptor}
        )
    ask.maybe("Connect", sources, targets, rule, spec)
    ask.maybe("Connect", [*sources, *targets], recorder)
    for time_ms in (RUN_MS, MORE_MS):
        ask.maybe("Simulate", time_ms)
        ask("GetStatus", recorder)
        ask("GetConnections", synapse_model=model)
    ask("num_connections")
    ask.maybe("Disconnect", sources[:1], targets[:1], syn_spec={"synapse_model": model})
    found = ask("GetConnections", synapse_model=model)
    if found:
        two = {key: found[key][:2] for key in ("source", "target", "synapse_model", "port")}
        ask.maybe("Disconnect", two)
    ask("GetConnections")
