"""Recorders to memory and to files, and what can be set about them."""

from __future__ import annotations

from tests.acceptance.oracle.asking import Ask

_NEURONS = [1, 2, 3, 4, 5, 6]


def _firing(ask: Ask) -> None:
    ask("Create", "iaf_psc_alpha", 6)
    ask("Create", "poisson_generator", 1, {"rate": 12000.0})
    ask("Connect", [7], _NEURONS, "all_to_all", {"weight": 60.0})


def spikes_to_memory(ask: Ask) -> None:
    """spike_recorder: whole, by column, windowed, in steps, several at once, emptied."""
    _firing(ask)
    recorders = ask("Create", "spike_recorder", 3)
    ask("SetStatus", recorders[1:2], {"time_in_steps": True})
    ask("SetStatus", recorders[2:], {"start": 20.0, "stop": 60.0, "origin": 5.0})
    for recorder in recorders:
        ask("Connect", _NEURONS, [recorder])
    for time_ms in (40.0, 33.3):
        ask("Simulate", time_ms)
        ask("GetStatus", recorders)
        ask("GetStatus", recorders, "events")
        ask("GetStatus", recorders, ["n_events", "events"])
        for column in ("times", "senders"):
            ask.maybe("NodeCollection.get", recorders[:1], "events", column)
            ask.maybe("NodeCollection.get", recorders, "events", column)
        ask("NodeCollection.get", recorders, "n_events")
        ask("NodeCollection.get", recorders[:1], "events", ["times", "senders"])
        ask.maybe("NodeCollection.get", recorders[:1], "events", "nothing")
    ask("SetStatus", recorders, {"n_events": 0})
    ask("GetStatus", recorders, "events")


def traces_to_memory(ask: Ask) -> None:
    """multimeter and voltmeter: several recordables, intervals, in steps."""
    _firing(ask)
    ask("Create", "multimeter", 1, {"record_from": ["V_m", "I_syn_ex"], "interval": 1.0})
    ask("Create", "multimeter", 1, {"record_from": ["I_syn_in"], "interval": 0.5, "offset": 0.3})
    ask("Create", "voltmeter", 1, {"interval": 2.0, "time_in_steps": True})
    for meter in (8, 9, 10):
        ask("Connect", [meter], _NEURONS)
    ask("Simulate", 25.0)
    ask("GetStatus", [8, 9, 10])
    ask("GetStatus", [8, 9, 10], "events")
    for column in ("times", "senders", "V_m", "I_syn_ex"):
        ask("NodeCollection.get", [8], "events", column)


def precise_times(ask: Ask) -> None:
    """Spikes off the grid: times between steps and offsets."""
    ask("Create", "iaf_psc_alpha_ps", 4)
    ask("Create", "poisson_generator_ps", 1, {"rate": 9000.0})
    ask("Connect", [5], [1, 2, 3, 4], "all_to_all", {"weight": 60.0})
    ask("Create", "spike_recorder", 2)
    ask("SetStatus", [7], {"time_in_steps": True})
    ask("Connect", [1, 2, 3, 4], [6, 7])
    ask("Simulate", 40.0)
    ask("GetStatus", [6, 7])
    ask("off_grid_spiking")


def to_files(ask: Ask) -> None:
    """All recorders to ascii: names of the files of all ranks, and what is in them."""
    ask("SetKernelStatus", {"data_prefix": "run-", "overwrite_files": True})
    _firing(ask)
    ask("Create", "spike_recorder", 1, {"record_to": "ascii", "label": "spikes"})
    ask("Create", "multimeter", 1, {"record_to": "ascii", "record_from": ["V_m"], "interval": 5.0})
    ask("Create", "voltmeter", 1, {"record_to": "ascii", "precision": 3, "file_extension": "txt"})
    ask("Create", "weight_recorder", 1, {"record_to": "ascii", "label": "weights"})
    ask("CopyModel", "stdp_synapse", "recorded", {"weight_recorder": [11]})
    ask("Connect", [1, 2], [3, 4], "all_to_all", {"synapse_model": "recorded"})
    ask("Connect", _NEURONS, [8])
    ask("Connect", [9], _NEURONS)
    ask("Connect", [10], _NEURONS)
    ask("Simulate", 30.0)
    ask.files()
    for recorder in (8, 9, 10, 11):
        ask("GetStatus", [recorder])
        ask("GetStatus", [recorder], "n_events")
        ask("GetStatus", [recorder], "filenames")


def to_the_screen(ask: Ask) -> None:
    """Recording backends: those that exist, and one that doesn't."""
    ask("recording_backends")
    ask("stimulation_backends")
    _firing(ask)
    recorder = ask("Create", "spike_recorder", 1, {"record_to": "screen"})
    ask("Connect", _NEURONS, recorder)
    ask("Simulate", 10.0)
    ask("GetStatus", recorder)
    ask.refusal("SetStatus", recorder, {"record_to": "nowhere"})
    ask("SetStatus", recorder, {"record_to": "memory"})
    ask("Simulate", 10.0)
    ask("GetStatus", recorder, "events")


def spins_and_correlations(ask: Ask) -> None:
    """spin_detector and the correlation detectors."""
    ask("Create", "ginzburg_neuron", 3, {"theta": 0.0, "tau_m": 10.0})
    detector = ask("Create", "spin_detector")
    ask("Connect", [1, 2, 3], detector)
    spins = ask("Create", "correlospinmatrix_detector", 1, {"N_channels": 3})
    for channel in range(3):
        ask("Connect", [channel + 1], spins, "all_to_all", {"receptor_type": channel})
    ask("Create", "iaf_psc_alpha", 2)
    ask("Create", "poisson_generator", 1, {"rate": 12000.0})
    ask("Connect", [8], [6, 7], "all_to_all", {"weight": 60.0})
    pair = ask("Create", "correlation_detector", 1, {"tau_max": 10.0, "delta_tau": 1.0})
    matrix = ask("Create", "correlomatrix_detector", 1, {"N_channels": 2})
    for channel in range(2):
        spec = {"receptor_type": channel}
        ask("Connect", [6 + channel], pair, "all_to_all", spec)
        ask("Connect", [6 + channel], matrix, "all_to_all", spec)
    ask("Simulate", 200.0)
    for recorder in (detector, spins, pair, matrix):
        ask("GetStatus", recorder)
    ask("GetStatus", pair, ["n_events", "histogram"])
