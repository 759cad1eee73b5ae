"""A run that pauses computes what one that doesn't computes, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nestd.kernel.native import got_table, nest_patches, switch
from nestd.kernel.nest_errors import raised_by_nest
from nestd.kernel.pynest import nest, node_ranges
from nestd.kernel.simulation import Simulation
from nestd.logs.nest_messages import messages
from protocol.errors import KernelError

NESTErrors = nest.NESTErrors


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    """Simulation of a kernel that is new, which may be patched."""
    monkeypatch.setattr(switch, "is_on", True)
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.INFO
    yield Simulation()
    nest.ResetKernel()


def balanced(delay_ms: float = 1.5) -> Any:
    """A network that fires irregularly; gives its recorder."""
    neurons = nest.Create("iaf_psc_alpha", 50, {"V_m": nest.random.uniform(-70.0, -55.0)})
    noise = nest.Create("poisson_generator", params={"rate": 8000.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(noise, neurons, syn_spec={"weight": 40.0, "delay": delay_ms})
    rule = {"rule": "fixed_total_number", "N": 400}
    nest.Connect(neurons, neurons, rule, {"weight": 20.0, "delay": delay_ms + 0.7})
    nest.Connect(neurons, recorder)
    return recorder


def on_two_threads() -> Any:
    nest.local_num_threads = 2
    return balanced()


def correlated() -> Any:
    """Its generators draw from the numbers that all threads have in common."""
    nest.local_num_threads = 2
    parents = nest.Create("mip_generator", 2, {"rate": 500.0, "p_copy": 0.4})
    parrots = nest.Create("parrot_neuron", 20)
    recorder = nest.Create("spike_recorder")
    nest.Connect(parents, parrots)
    nest.Connect(parrots, recorder)
    return recorder


def rewired() -> Any:
    """Its connections come and go, by those numbers, too."""
    nest.structural_plasticity_update_interval = 20.0
    nest.CopyModel("static_synapse", "growing", {"weight": 10.0, "delay": 1.0})
    nest.structural_plasticity_synapses = {
        "growing": {
            "synapse_model": "growing",
            "post_synaptic_element": "Den",
            "pre_synaptic_element": "Axon",
        }
    }
    curve = {"growth_curve": "gaussian", "growth_rate": 0.05, "eta": 0.0, "eps": 0.05}
    neurons = nest.Create(
        "iaf_psc_alpha", 20, {"synaptic_elements": {"Den": curve, "Axon": curve}, "I_e": 300.0}
    )
    noise = nest.Create("poisson_generator", params={"rate": 9000.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(noise, neurons, syn_spec={"weight": 30.0, "delay": 1.0})
    nest.Connect(neurons, recorder)
    return recorder


def coupled() -> Any:
    """Neurons that iterate over each of NEST's slices until they agree."""
    nest.use_wfr = True
    neurons = nest.Create("hh_psc_alpha_gap", 4, {"I_e": 700.0})
    neurons[0].V_m = -10.0
    gaps = {"rule": "all_to_all", "allow_autapses": False}
    nest.Connect(neurons, neurons, gaps, {"synapse_model": "gap_junction", "weight": 5.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    return recorder


def plain(steps: list[float]) -> None:
    for t in steps:
        nest.Simulate(t)


def sliced(simulation: Simulation, budget: int, steps: list[float]) -> int:
    """Simulate in slices; gives the number of pauses."""
    pauses = 0
    for t in steps:
        simulation.budget = budget
        paused = simulation.simulate(t)
        while paused is not None:
            pauses += 1
            assert paused.at_ms == pytest.approx(nest.biological_time)
            paused = simulation.resume(budget)
    return pauses


def outcome(build: Callable[[], Any], simulate: Callable[[], None]) -> list[Any]:
    """What the network did, and what is drawn from all kinds of random numbers afterwards."""
    nest.ResetKernel()
    recorder = build()
    simulate()
    events = recorder.events
    order = np.lexsort((events["senders"], events["times"]))
    spikes = nest.local_spike_counter
    more = nest.Create("iaf_psc_alpha", 30, {"V_m": nest.random.normal(-65.0, 3.0)})
    nest.Connect(more, more, {"rule": "fixed_total_number", "N": 40})
    nest.Connect(more, more, {"rule": "pairwise_bernoulli", "p": 0.1})
    return [
        events["times"][order].tolist(),
        events["senders"][order].tolist(),
        spikes,
        nest.biological_time,
        nest.num_connections,
        nest.random.uniform().GetValue(),
        more.V_m,
        sorted(
            zip(*nest.GetConnections(more, more).get(["source", "target"]).values(), strict=True)
        ),
    ]


@pytest.mark.parametrize("build", [balanced, on_two_threads, correlated, rewired, coupled])
@pytest.mark.parametrize("budget", [1, 7, 100, 1000])
@pytest.mark.parametrize("steps", [[120.0], [33.3, 50.1, 0.0, 21.7]])
def test_pauses_change_nothing(
    simulation: Simulation, build: Callable[[], Any], budget: int, steps: list[float]
) -> None:
    pauses = 0

    def in_slices() -> None:
        nonlocal pauses
        pauses = sliced(simulation, budget, steps)

    simulation.forget()
    assert outcome(build, in_slices) == outcome(build, lambda: plain(steps))
    assert simulation.problem == ""
    # A network that rewires itself pauses only where it does.
    assert pauses >= min(3, sum(t > budget * 0.1 for t in steps))


def switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "is_on", False)


def other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(got_table, "nest", SimpleNamespace(__version__="3.11.0"))


def no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nest_patches, "COUNTERS", "_ZN4nest7missingEv")


def with_copied_model() -> Any:
    """Its generators are of a model that only by its type is one that draws."""
    nest.CopyModel("mip_generator", "copied", {"rate": 500.0, "p_copy": 0.4})
    parents = nest.Create("copied", 2)
    parrots = nest.Create("parrot_neuron", 20)
    recorder = nest.Create("spike_recorder")
    nest.Connect(parents, parrots)
    nest.Connect(parrots, recorder)
    return recorder


@pytest.mark.parametrize(
    ("unavailable", "problem"),
    [(switched_off, "NESTD_NATIVE is off"), (other_version, "3.11.0"), (no_table, "missing")],
)
def test_patches_are_made_only_where_they_are_known(
    simulation: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    unavailable: Callable[[pytest.MonkeyPatch], None],
    problem: str,
) -> None:
    assert simulation.problem == ""
    unavailable(monkeypatch)
    assert problem in Simulation().problem


@pytest.mark.parametrize(
    ("build", "is_cut"),
    [
        (balanced, True),
        (on_two_threads, True),
        (coupled, True),
        (correlated, False),
        (with_copied_model, False),
        (rewired, False),
    ],
)
def test_without_patches_spikes_are_those_of_one_run(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch, build: Callable[[], Any], is_cut: bool
) -> None:
    switched_off(monkeypatch)
    simulation = Simulation()
    pauses = 0

    def in_slices() -> None:
        nonlocal pauses
        pauses = sliced(simulation, 100, [120.0, 33.3])

    found, expected = outcome(build, in_slices), outcome(build, lambda: plain([120.0, 33.3]))
    assert (pauses > 3) == is_cut
    # In one piece not only the spikes are those of NEST.
    assert found[:2] == expected[:2] if is_cut else found == expected


def test_ranges_of_nodes_are_those_of_their_models() -> None:
    nest.ResetKernel()
    assert node_ranges() == []
    nest.CopyModel("spike_recorder", "other recorder")
    for model, count in (("parrot_neuron", 3), ("other recorder", 1), ("parrot_neuron", 100)):
        nest.Create(model, count)
    assert node_ranges() == [
        (1, 3, "parrot_neuron"),
        (4, 4, "other recorder"),
        (5, 104, "parrot_neuron"),
    ]


def test_pauses_between_prepare_and_cleanup(simulation: Simulation) -> None:
    def in_slices() -> None:
        simulation.budget = 30
        nest.Prepare()
        for t in (40.4, 20.0):
            paused = simulation.run(t)
            while paused is not None:
                paused = simulation.resume(30)
        nest.Cleanup()

    def at_once() -> None:
        nest.Prepare()
        nest.Run(40.4)
        nest.Run(20.0)
        nest.Cleanup()

    assert outcome(balanced, in_slices) == outcome(balanced, at_once)


def test_stopped_run_is_as_if_it_had_been_that_long(simulation: Simulation) -> None:
    def stopped() -> None:
        simulation.budget = 30
        simulation.simulate(100.0)
        paused = simulation.resume(200)
        assert paused.at_ms == pytest.approx(23.0)
        simulation.stop()
        nest.Simulate(30.0)

    assert outcome(balanced, stopped) == outcome(balanced, lambda: plain([23.0, 30.0]))


def test_nest_reports_a_run_once_and_its_level_of_messages_is_restored(
    simulation: Simulation, capfd: pytest.CaptureFixture[str]
) -> None:
    balanced()
    simulation.budget = 15
    capfd.readouterr()
    assert simulation.simulate(100.0) is not None
    for _ in range(5):
        simulation.resume(15)
    simulation.stop()
    said = capfd.readouterr()
    assert (said.out + said.err).count("Simulation finished") == 1
    assert nest.verbosity == nest.VerbosityLevel.INFO


def test_error_in_a_later_slice_leaves_a_kernel_that_can_be_reset(simulation: Simulation) -> None:
    neuron = nest.Create("aeif_cond_alpha")
    stimulus = nest.Create("dc_generator", params={"amplitude": 1e12, "start": 50.0})
    nest.Connect(stimulus, neuron)
    simulation.budget = 10
    paused = simulation.simulate(100.0)
    with pytest.raises(NESTErrors.NumericalInstability):
        while paused is not None:
            paused = simulation.resume(10)
    assert nest.verbosity == nest.VerbosityLevel.INFO
    nest.ResetKernel()
    simulation.forget()
    simulation.budget = 10
    assert simulation.simulate(5.0) is not None
    simulation.stop()


@pytest.mark.parametrize("t", [-1.0, 0.05, float("inf"), float("nan")])
def test_wrong_times_raise_what_they_raise_without_pauses(simulation: Simulation, t: float) -> None:
    simulation.budget = 1
    with pytest.raises(NESTErrors.BadParameter):
        simulation.simulate(t)
    assert simulation.simulate(0.1) is None


def test_run_without_prepare_raises_what_it_raises_without_pauses(simulation: Simulation) -> None:
    simulation.budget = 1
    with pytest.raises(NESTErrors.KernelException):
        simulation.run(100.0)
    nest.Prepare()
    assert simulation.run(100.0) is not None
    simulation.stop()


def test_short_runs_after_the_first_do_not_ask_for_a_status_that_grows(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    balanced()
    simulation.budget = 0
    simulation.simulate(10.0)
    asked = []
    api = nest.ll_api.nestkernel
    get = api.llapi_get_kernel_status
    monkeypatch.setattr(api, "llapi_get_kernel_status", lambda: asked.append(1) or get())
    for _ in range(3):
        assert simulation.simulate(10.0) is None
    assert asked == []
    # More nodes may take more time.
    simulation.grow()
    simulation.simulate(10.0)
    assert asked == [1]


@pytest.mark.parametrize(
    ("calls", "text"),
    [
        (["prepare", "prepare"], "Prepare called twice."),
        (["cleanup"], "Cleanup called without calling Prepare."),
        (["run"], "Run called without calling Prepare."),
        (["prepare", "cleanup", "run"], "Run called without calling Prepare."),
    ],
)
def test_error_has_the_explanation_that_nest_prints(
    simulation: Simulation, calls: list[str], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    nest.Create("iaf_psc_alpha")
    *before, last = [getattr(simulation, call) for call in calls]
    arguments = [10.0] if calls[-1] == "run" else []
    for call in before:
        call()
    assert messages.capture() == ""
    with pytest.raises(KernelError, match=text), raised_by_nest("Run"):
        last(*arguments)
    # The log has it, too.
    assert text in capfd.readouterr().err
