"""The kernel's attributes, models, and calls that are about no network."""

from __future__ import annotations

from tests.acceptance.oracle.asking import Ask
from tests.acceptance.oracle.known import BUFFERS, MEASURED

#: Attributes and the values that they are set to.
_SETTABLE = {
    "adaptive_target_buffers": False,
    "data_prefix": "run-",
    "dict_miss_is_error": False,
    "eprop_learning_window": 500.0,
    "eprop_reset_neurons_on_update": False,
    "eprop_update_interval": 500.0,
    "growth_factor_buffer_target_data": 2.0,
    "keep_source_table": False,
    "local_num_threads": 8,
    "max_buffer_size_target_data": 1 << 20,
    "overwrite_files": True,
    "print_time": False,
    "resolution": 0.5,
    "rng_seed": 99,
    "rng_type": "Philox_64",
    "sort_connections_by_source": False,
    "structural_plasticity_update_interval": 100.0,
    "total_num_virtual_procs": 8,
    "use_compressed_spikes": False,
    "use_wfr": False,
    "wfr_comm_interval": 2.0,
    "wfr_interpolation_order": 1,
    "wfr_max_iterations": 20,
    "wfr_tol": 1e-5,
}

#: Attributes that depend on the number of ranks, or are measured.
_OWN = {*BUFFERS, *MEASURED}


def attributes_read(ask: Ask) -> None:
    """Every attribute, alone, by GetKernelStatus and by get."""
    status = ask("GetKernelStatus")
    for name in sorted(status):
        if name in _OWN or name.startswith("time_"):
            ask.measured("GetKernelStatus", name)
        else:
            ask("GetKernelStatus", name)
            ask("get", name)
            ask.maybe(name)
    for name in ("memory_size", "max_update_time", "min_update_time", "buffer_size_spike_data",
                 "buffer_size_target_data", "spike_buffer_resize_log",
                 "recv_buffer_size_secondary_events",
                 "send_buffer_size_secondary_events"):  # fmt: skip
        ask.measured(name)
    ask("GetKernelStatus", ["resolution", "min_delay", "rng_seed"])
    ask("get", "resolution", "min_delay")
    ask("kernel_status")
    for name in ("userdict", "verbosity", "build_info"):
        ask.maybe(name)


def attributes_set(ask: Ask) -> None:
    """Every attribute that can be set, on an empty network."""
    for name, value in _SETTABLE.items():
        ask.maybe("SetKernelStatus", {name: value})
        ask.maybe("GetKernelStatus", name)
        ask.maybe("set", **{name: value})
    ask("GetKernelStatus")
    ask.anew()
    ask("Create", "iaf_psc_alpha", 4)
    for name, value in _SETTABLE.items():
        ask.maybe("SetKernelStatus", {name: value})
    ask("GetKernelStatus")
    ask("ResetKernel")
    # ResetKernel leaves this as it is.
    ask("SetKernelStatus", {"dict_miss_is_error": True})
    ask("GetKernelStatus", ["resolution", "rng_seed", "network_size", "data_prefix"])


def models_and_help(ask: Ask) -> None:
    """Models, backends, documentation."""
    ask("Models")
    ask("Models", "nodes")
    ask("Models", "synapses", "stdp")
    ask("node_models")
    ask("synapse_models")
    ask("CopyModel", "iaf_psc_alpha", "mine", {"V_th": -50.0})
    ask("SetDefaults", "mine", {"C_m": 111.0})
    ask("GetDefaults", "mine", ["C_m", "V_th"])
    ask("GetDefaults", "mine", "C_m", "json")
    ask("Models", "nodes", "mine")
    ask("GetStatus", ask("Create", "mine", 5), ["model", "C_m", "V_th"])
    ask.refusal("help", "nothing_of_that_name")
    ask("help")
    ask("growth_curves")
    ask("rng_types")
    ask.refusal("CopyModel", "iaf_psc_alpha", "mine")
    ask.refusal("CopyModel", "nope", "other")
    ask.refusal("SetDefaults", "mine", {"nope": 1.0})


def one_process_to_its_callers(ask: Ask) -> None:
    """What would tell a caller how many ranks there are."""
    ask("Rank")
    ask("NumProcesses")
    ask("GetLocalVPs")
    ask("num_processes")
    ask("local_num_threads")
    ask("total_num_virtual_procs")
    ask("GetKernelStatus", ["mpi_rank", "num_processes", "local_num_threads"])
    ask.refusal("SetKernelStatus", {"num_processes": 2})
    ask("SetKernelStatus", {"local_num_threads": 8})
    ask("GetLocalVPs")
    ask("GetKernelStatus", ["local_num_threads", "total_num_virtual_procs"])


def messages_and_verbosity(ask: Ask) -> None:
    """What is only said: messages, verbosity, MUSIC without MUSIC, modules that aren't there."""
    ask.maybe("get_verbosity")
    ask.maybe("set_verbosity", 20)
    ask.maybe("set_verbosity", "M_WARNING")
    ask.maybe("get_verbosity")
    ask.maybe("message", "from a caller")
    ask.maybe("SetAcceptableLatency", "port", 1.0)
    ask.maybe("SetMaxBuffered", "port", 2)
    ask.refusal("Install", "no_such_module")


def refused(ask: Ask) -> None:
    """Errors of every kind, after each of which the network is as before."""
    ask("Create", "iaf_psc_alpha", 4)
    for call, args in (
        ("Create", ["nope"]),
        ("Create", ["iaf_psc_alpha", 0]),
        ("Create", ["iaf_psc_alpha", -1]),
        ("Create", ["iaf_psc_alpha", 2, {"nope": 1.0}]),
        ("GetStatus", [[1], "nope"]),
        ("GetStatus", [[1, 2, 3], "nope"]),
        ("GetStatus", [[3], ["V_m", "nope"]]),
        ("GetStatus", [[99]]),
        ("NodeCollection.get", [[2], "nope"]),
        ("GetPosition", [[1, 2]]),
        ("GetPosition", [[2]]),
        ("Distance", [[1], [2]]),
        ("FindCenterElement", [[1, 2]]),
        ("Connect", [[1], [2], "no_such_rule"]),
        ("Connect", [[1], [2], "one_to_one", "no_such_synapse"]),
        ("Connect", [[1], [2], "one_to_one", {"delay": -1.0}]),
        ("Connect", [[1, 2], [2], "one_to_one"]),
        ("Disconnect", [[1], [2]]),
        ("Simulate", [0.05]),
        ("Simulate", [-1.0]),
        ("SetStatus", [[1, 2, 3, 4], {"nope": 1}]),
        ("SetStatus", [[1, 2, 3, 4], {"C_m": -1.0}]),
        ("SetStatus", [[1, 2, 3, 4], {"C_m": [1.0, 2.0]}]),
        ("SetStatus", [[3], {"C_m": -1.0}]),
        ("SetStatus", [[2], {"V_m": "text"}]),
        ("SetKernelStatus", [{"no_such_attribute": 1}]),
        ("SetKernelStatus", [{"resolution": -1.0}]),
        ("GetDefaults", ["nope"]),
        ("GetDefaults", ["iaf_psc_alpha", "nope"]),
        ("GetKernelStatus", ["nope"]),
        ("Run", [10.0]),
        ("Cleanup", []),
    ):
        ask.maybe(call, *args)
        ask("GetStatus", [1, 2, 3, 4])
    ask("Simulate", 5.0)
    ask("GetStatus", [1, 2, 3, 4])
