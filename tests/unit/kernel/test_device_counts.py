"""A kernel has no more devices after ResetKernel than a new process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nestd.kernel.native import device_counts as module
from nestd.kernel.native import switch
from nestd.kernel.native.device_counts import DeviceCounts
from nestd.kernel.pynest import nest


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeviceCounts]:
    monkeypatch.setattr(switch, "is_on", True)
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    made = DeviceCounts()
    made.forget()
    assert made.problem == ""
    yield made
    nest.ResetKernel()
    made.forget()


def counted(counts: DeviceCounts) -> list[int]:
    return [counts._count(counts._manager, thread) for thread in range(nest.local_num_threads)]


def network() -> dict[str, Any]:
    """Make devices of all kinds, and return what they record and how they are connected."""
    neurons = nest.Create("iaf_psc_alpha", 5, {"I_e": 400.0})
    noise = nest.Create("poisson_generator", 3, {"rate": 8000.0})
    spikes = nest.Create("spike_recorder")
    voltages = nest.Create("voltmeter")
    nest.Connect(noise, neurons, syn_spec={"weight": 30.0})
    nest.Connect(neurons, spikes)
    nest.Connect(voltages, neurons)
    nest.Simulate(100.0)
    found = {
        "connections": sorted(
            zip(*nest.GetConnections().get(["source", "target", "weight"]).values(), strict=True)
        ),
        "spikes": sorted(
            zip(spikes.events["times"].tolist(), spikes.events["senders"].tolist(), strict=True)
        ),
        "voltages": voltages.events["V_m"].tolist(),
    }
    assert found["spikes"]
    return found


@pytest.mark.parametrize("threads", [1, 3])
def test_networks_after_many_devices_are_as_in_a_new_process(
    counts: DeviceCounts, threads: int
) -> None:
    nest.local_num_threads = threads
    new = network()
    assert min(counted(counts)) > 0
    for _ in range(3):
        nest.ResetKernel()
        counts.forget()
        nest.local_num_threads = threads
        assert counted(counts) == [0] * threads
        nest.Create("poisson_generator", 1000)
        nest.ResetKernel()
        counts.forget()
        nest.local_num_threads = threads
        assert network() == new
    assert counts.problem == ""


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("_KNOWN", ("9.",), "not known"),
        ("_METHODS", "_ZTVN4nest12SomethingElseE", "undefined symbol"),
        ("_KERNEL", "_ZN4nest13KernelManager5otherE", "undefined symbol"),
    ],
)
def test_unknown_nest_keeps_its_counts(
    counts: DeviceCounts, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, problem: str
) -> None:
    monkeypatch.setattr(module, name, value)
    other = DeviceCounts()
    assert problem in other.problem
    nest.Create("poisson_generator", 7)
    other.forget()
    assert counted(counts) == [7]


def test_nothing_is_written_where_the_counts_are_not(
    counts: DeviceCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (3, 4):
        nest.Create("poisson_generator", number)
    for place in range(module._COUNTS_AT):
        monkeypatch.setattr(module, "_COUNTS_AT", place)
        other = DeviceCounts()
        other.forget()
        assert "not where they are" in other.problem
        assert counted(counts) == [7]


def test_nothing_is_touched_when_native_access_is_off(
    counts: DeviceCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "is_on", False)
    other = DeviceCounts()
    assert other.problem == "NESTD_NATIVE is off"
    nest.Create("poisson_generator", 7)
    other.forget()
    assert counted(counts) == [7]
