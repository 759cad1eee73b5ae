"""Events read where NEST has them are those that PyNEST gives."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nestd.kernel.native import got_table, switch
from nestd.kernel.native import recorder_memory as module
from nestd.kernel.native.recorder_memory import Recordings
from nestd.kernel.pynest import nest


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recordings]:
    """Reader of the memory of a kernel that is new."""
    monkeypatch.setattr(switch, "is_on", True)
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(data_path=str(tmp_path), overwrite_files=True)
    yield Recordings()
    nest.ResetKernel()


def network() -> dict[str, Any]:
    """Recorders of all kinds, and what they record; each has recorded something."""
    neurons = nest.Create("iaf_psc_alpha", 7, {"I_e": 500.0})
    recorders = {
        "spikes": nest.Create("spike_recorder"),
        "steps": nest.Create("spike_recorder", params={"time_in_steps": True}),
        "none": nest.Create("spike_recorder", params={"start": 1e6}),
        "file": nest.Create("spike_recorder", params={"record_to": "ascii"}),
        "analog": nest.Create("multimeter", 2, {"record_from": ["V_m", "I_syn_ex"]}),
        "voltage": nest.Create("voltmeter"),
        "weights": nest.Create("weight_recorder"),
    }
    nest.CopyModel("stdp_synapse", "watched", {"weight_recorder": recorders["weights"]})
    nest.Connect(neurons, neurons, syn_spec={"synapse_model": "watched", "weight": 30.0})
    for name in ("spikes", "steps", "none", "file"):
        nest.Connect(neurons, recorders[name])
    for name in ("analog", "voltage"):
        nest.Connect(recorders[name], neurons)
    nest.Simulate(300.0)
    return recorders | {"neurons": neurons}


def same(one: Any, other: Any) -> bool:
    """Whether values are equal, arrays with their types, dicts with the order of their keys."""
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        # PyNEST gives empty columns as floats, whatever they are of.
        typed = one.dtype == other.dtype or not len(one)
        return typed and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return bool(one == other)


@pytest.mark.parametrize("threads", [1, 3])
def test_everything_is_as_pynest_gives_it(recordings: Recordings, threads: int) -> None:
    nest.local_num_threads = threads
    recorders = network()
    assert recorders["spikes"].n_events > 50
    for name, nodes in recorders.items():
        assert same(recordings.get(nodes), dict(nodes.get())), name
    mixed = nest.NodeCollection(
        sorted(node for nodes in recorders.values() for node in nodes.tolist())
    )
    assert same(recordings.get(mixed), dict(mixed.get()))
    assert recordings.problem == ""


def test_events_that_nobody_wants_are_left_where_they_are(recordings: Recordings) -> None:
    spikes = network()["spikes"]
    few = recordings.get(spikes, ["n_events", "label"])
    assert "events" not in few
    assert few["n_events"] == spikes.n_events
    assert same(recordings.get(spikes, ["label", "events"]), dict(spikes.get()))


def test_fields_are_as_pynest_gives_them(recordings: Recordings) -> None:
    recorders = network()
    for name, key in (
        ("spikes", "n_events"),
        ("spikes", "events"),
        ("steps", "events"),
        ("steps", "time_in_steps"),
        ("file", "time_in_steps"),
        ("analog", "events"),
        ("analog", "record_from"),
        ("none", "events"),
        ("neurons", "V_m"),
    ):
        assert same(recordings.get_one(recorders[name], key), recorders[name].get(key)), name
    for name, key in (("neurons", "events"), ("spikes", "nope")):
        with pytest.raises(KeyError):
            recordings.get_one(recorders[name], key)


def test_events_are_copies_that_outlive_those_of_nest(recordings: Recordings) -> None:
    recorder = network()["spikes"]
    before = recordings.get_one(recorder, "events")
    kept = {name: column.copy() for name, column in before.items()}
    recorder.n_events = 0
    nest.Simulate(300.0)
    assert same(before, kept)
    assert not same(recordings.get_one(recorder, "events"), kept)


def test_pynest_gives_events_to_everybody_else(recordings: Recordings) -> None:
    recorder = network()["spikes"]
    recordings.get(recorder)
    with pytest.raises(KeyError):
        recordings.get_one(recorder, "nope")
    assert len(recorder.get("events", "times")) == recorder.n_events


def test_memory_that_is_otherwise_is_noticed_and_pynest_asked(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spikes = network()["spikes"]

    class Shifted(ctypes.Structure):
        """As if a member had been added in front of the others."""

        _fields_ = [("new", ctypes.c_size_t), *module._DeviceData._fields_]

    monkeypatch.setattr(module, "_DeviceData", Shifted)
    assert same(recordings.get(spikes), dict(spikes.get()))
    assert recordings.problem
    assert "through PyNEST" in caplog.text


def switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "is_on", False)


def other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(got_table, "nest", SimpleNamespace(__version__="3.11.0"))


def no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GET_STATUS", "_ZN4nest7missingEv")


@pytest.mark.parametrize(
    ("unavailable", "problem"),
    [(switched_off, "NESTD_NATIVE is off"), (other_version, "3.11.0"), (no_table, "missing")],
)
def test_without_native_access_pynest_is_asked(
    recordings: Recordings,
    monkeypatch: pytest.MonkeyPatch,
    unavailable: Callable[[pytest.MonkeyPatch], None],
    problem: str,
) -> None:
    unavailable(monkeypatch)
    without = Recordings()
    assert problem in without.problem
    recorder = network()["spikes"]
    assert same(without.get(recorder), recordings.get(recorder))
    assert same(without.get_one(recorder, "events"), recordings.get_one(recorder, "events"))


def joined(recordings: Recordings, recorder: Any, told: list[int]) -> tuple[Any, list[int]]:
    """Events of the recorder beyond ``told``, as a list of rows, and what is told then."""
    columns, now = recordings.beyond(recorder, told)
    assert {len(column) for column in columns.values()} == {len(columns["times"])}
    return list(zip(*(columns[name].tolist() for name in sorted(columns)), strict=True)), now


@pytest.mark.parametrize("through_pynest", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ["spikes", "steps", "analog", "weights"])
def test_what_was_gained_adds_up_whatever_is_cleared(
    recordings: Recordings, name: str, threads: int, through_pynest: bool
) -> None:
    nest.local_num_threads = threads
    recorder = network()[name][0]
    if through_pynest:
        recordings.problem = "asked by the test"
    rows, told = joined(recordings, recorder, [])
    for _ in range(3):
        nest.Simulate(40.0)
        more, told = joined(recordings, recorder, told)
        assert more
        rows += more
        assert joined(recordings, recorder, told) == ([], told)
    events = recorder.events
    wanted = list(zip(*(events[one].tolist() for one in sorted(events)), strict=True))
    assert sorted(rows) == sorted(wanted)
    recorder.n_events = 0
    nothing, told = joined(recordings, recorder, told)
    assert (nothing, sum(told)) == ([], 0)
    nest.Simulate(300.0)
    assert len(joined(recordings, recorder, told)[0]) == recorder.n_events > 0


def test_events_of_the_same_time_are_gained_once(recordings: Recordings) -> None:
    generators = nest.Create("spike_generator", 3, {"spike_times": [1.0, 2.0, 3.0]})
    parrots = nest.Create("parrot_neuron", 3)
    recorder = nest.Create("spike_recorder")
    nest.Connect(generators, parrots, "one_to_one", {"delay": 1.0})
    nest.Connect(parrots, recorder)
    told: list[int] = []
    rows = []
    for _ in range(50):
        nest.Simulate(0.1)
        more, told = joined(recordings, recorder, told)
        rows += more
    assert sorted(rows) == [(sender, time) for sender in (4, 5, 6) for time in (2.0, 3.0, 4.0)]


def test_what_records_nothing_gains_nothing(recordings: Recordings) -> None:
    recorders = network()
    for name in ("neurons", "file"):
        with pytest.raises(KeyError):
            recordings.beyond(recorders[name][0], [])
    assert joined(recordings, recorders["none"], [])[0] == []


def test_many_events_are_looked_at_instead_of_compared(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_COMPARED_EVENTS", 0)
    recorders = network()
    for name, nodes in recorders.items():
        assert same(recordings.get(nodes), dict(nodes.get())), name
    assert recordings.problem == ""
    # Both are so without a kernel that has simulated.
    nest.ResetKernel()
    nest.Create("parrot_neuron", 3)
    for senders, times in (([1, 4], [0.0, 0.0]), ([0, 3], [0.0, 0.0]), ([1, 2], [0.0, 5.0])):
        events = {"senders": np.array(senders), "times": np.array(times)}
        with pytest.raises(module._Unexpected):
            module._check_plausible(events)
