"""Simulations in slices, with pauses between them.

NEST holds Python's lock for the whole of a run, so nothing can be reported or stopped before it
returns. A run that takes longer than its budget therefore pauses at the end of a slice,
and continues when it is told to. Slices end where NEST itself exchanges spikes, at multiples
of min_delay of biological time, and :class:`NestPatches` suppresses what NEST does between two
runs. The slices compute what one uninterrupted run computes.

Without the patches each slice draws from the random numbers that all ranks and threads have in
common. A simulation that draws from them itself then runs in one piece, so that its spikes are
those of NEST. Others are cut: they have the same spikes, but what is drawn from these numbers
afterwards differs, and NEST's counter of spikes has those of the last slice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nestd.call_traits import NOTHING, TRAITS
from nestd.kernel.native.nest_patches import COUNTERS, SYNCHRONY, NestPatches
from nestd.kernel.pynest import RANKS, NodeCollection, nest, node_ranges, set_kernel_status
from nestd.logs.nest_messages import messages
from nestd.partial.slices import SimulationPause

#: Updates of nodes, and steps in which ranks wait for each other, that take tenths of a second.
#: A first slice has no more, as long as the speed of the network is unknown: short simulations are
#: not cut at all, whatever the machine is.
_UPDATES = 4_000_000
_STEPS = 10_000

#: Models that draw from the random numbers of all threads while they run; structural plasticity
#: does, too.
_DRAWING = frozenset(["mip_generator"])

_INJECTOR = "spike_train_injector"


@dataclass
class _Paused:
    """Run that has not come to its end."""

    #: Whether the run is a Simulate, which cleans up.
    cleans_up: bool
    step_ms: float
    #: Slices end at multiples of so many steps of biological time.
    grid: int
    #: Biological time, in steps: where the run began, is, and ends.
    began: int
    at: int
    until: int
    #: NEST's level of messages, to be restored.
    verbosity: Any

    def stop(self, budget: int) -> int:
        """Return where a slice of ``budget`` steps ends, or else the shortest possible slice."""
        last = (self.at + budget) // self.grid * self.grid
        return min(self.until, max(last, (self.at // self.grid + 1) * self.grid))


class Simulation:
    """Runs of this process's kernel."""

    def __init__(self) -> None:
        self._patches = NestPatches()
        self._paused: _Paused | None = None
        self._times: tuple[float, int] | None = None
        #: Number of nodes; ``None`` if NEST has to be asked for it.
        self._size: int | None = None
        #: Whether there are nodes that no run has had.
        self._has_new_nodes = False
        #: Whether anything was simulated since the last reset, as far as is known here.
        self._has_run = False
        #: Whether NEST was prepared, and neither cleaned up nor reset since.
        self._is_prepared = False
        #: NEST's status before Prepare, until the first run of all.
        self._before: dict[str, Any] | None = None
        #: Whether NEST may have been asked for its status since Prepare.
        self._asked = False
        #: Steps after which a run pauses at the end of a slice; 0 for a number of steps that should
        #: take no time worth mentioning, ``None`` for a run without pauses.
        self.budget: int | None = None
        #: The shortest delay of all ranks, where NEST must not be asked for it.
        self.min_delay_ms: float | None = None

    @property
    def problem(self) -> str:
        """Return why pauses can be noticed in results; empty if they can't."""
        return self._patches.problem

    def forget(self) -> None:
        """Drop what is known of a kernel that was reset, or may have another resolution."""
        self._paused = None
        self._times = None
        self._before = None
        self._has_run = False
        self._is_prepared = False
        self._size = None

    def grow(self) -> None:
        """Drop the number of nodes, as there are more than before."""
        self._size = None
        self._has_new_nodes = True

    def equalize(self) -> None:
        """Drop what this rank may know and others don't, as a call has failed on some of them.

        What is asked of NEST is asked on all ranks, which may wait for each other.
        """
        self._times = self._size = None

    def note(self, call: str) -> None:
        """Take note of a call that is about to be executed."""
        asks = not TRAITS.get(call, NOTHING).keeps_delays
        self._asked = self._before is not None and (self._asked or asks)

    def prepare(self) -> None:
        """Call Prepare, after which all ranks have the same min_delay.

        NEST 3.10 lets the ranks agree on the delays' extremes only if connections were made since
        the last GetConnections. Else each rank uses its own, and a first run hangs. Connecting no
        pair counts as making connections; it draws no random number. Asking for the status of the
        kernel makes each rank use its own again, until they have run.

        Later the status is not asked for: it has all changes of the sizes of NEST's buffers, which
        are many after many runs, and then takes longer than a short run.
        """
        self._before = None
        if RANKS > 1 and self._has_new_nodes:
            self._has_new_nodes = False
            _agree_on_precise_times()
        if RANKS > 1 and not self._has_run:
            self._before = nest.kernel_status
            if self._before["network_size"] and not self._before["biological_time"]:
                node = NodeCollection([1])
                with messages.unheard():
                    nest.Connect(node, node, {"rule": "fixed_indegree", "indegree": 0})
        nest.Prepare()
        self._is_prepared = True
        self._asked = False

    def cleanup(self) -> None:
        """Call Cleanup, after which there is no run before the next Prepare."""
        self._before = None
        nest.Cleanup()
        self._is_prepared = False

    def simulate(self, t: float) -> Any:
        """Call Simulate, and clean up if it fails.

        PyNEST does not clean up after an error, and the next Simulate then raises "Prepare called
        twice".
        """
        self._refuse_time(t)
        self.prepare()
        try:
            paused = self._begin(t, cleans_up=True)
        except BaseException:
            self.cleanup()
            raise
        if paused is None:
            self.cleanup()
        return paused

    def run(self, t: float) -> Any:
        """Call Run, which pauses when its budget is used up."""
        return self._begin(t, cleans_up=False)

    def resume(self, budget: int) -> Any:
        """Continue the paused run for up to ``budget`` steps; return as :meth:`run`."""
        return self._slice(budget, COUNTERS, SYNCHRONY)

    def stop(self) -> None:
        """End the paused run where it is."""
        if self._paused is not None:
            self._end()

    def _begin(self, t: Any, cleans_up: bool) -> Any:
        if self.budget is None or not isinstance(t, (int, float)) or not math.isfinite(t):
            return self._run(t)
        before = self._before
        is_first = RANKS > 1 and before is not None and not before["biological_time"]
        if is_first and self._asked:
            # Once more: nothing was simulated since, and the ranks agree again.
            self.cleanup()
            self.prepare()
        if is_first and self.min_delay_ms is None:
            return self._run(t)
        tics_per_ms, tics_per_step = self._tics()
        steps = int(t * tics_per_ms + 0.5) // tics_per_step
        budget = self.budget or self._careful_budget()
        if steps <= budget:
            return self._run(t)
        if is_first and before is not None:
            status = before | {"min_delay": self.min_delay_ms}
        else:
            status = nest.kernel_status
        if self.problem and _draws_common_numbers(status):
            return self._run(t)
        step_ms = tics_per_step / tics_per_ms
        grid = round(status["min_delay"] / step_ms)
        if status["structural_plasticity_synapses"]:
            # NEST grows synaptic elements where a run ends, and also where it rewires.
            interval_ms = status["structural_plasticity_update_interval"]
            grid = math.lcm(grid, round(interval_ms / step_ms))
        at = round(status["biological_time"] / step_ms)
        paused = _Paused(cleans_up, step_ms, grid, at, at, at + steps, status["verbosity"])
        if paused.stop(budget) == paused.until:
            return self._run(t)
        # A run over no time only compares random numbers: here those of the start of the whole
        # run, later those of its end.
        nest.Run(0.0)
        self._paused = paused
        return self._slice(budget, SYNCHRONY)

    def _careful_budget(self) -> int:
        """Return a number of steps that take no time worth mentioning on any machine."""
        if self._size is None:
            size: int = (self._before or nest.kernel_status)["network_size"]
            self._size = size
        return min(_STEPS, _UPDATES // max(1, self._size))

    def _run(self, t: Any) -> None:
        """Run in one piece."""
        nest.Run(t)
        self._before = None
        self._has_run = self._has_run or (isinstance(t, (int, float)) and t > 0)

    def _slice(self, budget: int, *suppressed: str) -> Any:
        paused = self._paused
        assert paused is not None
        stop = paused.stop(budget)
        try:
            with self._patches.suppressed(*suppressed):
                nest.Run((stop - paused.at) * paused.step_ms)
        except BaseException:
            self._clear_up(paused)
            raise
        self._before = None
        self._has_run = True
        before, paused.at = paused.at, stop
        if stop == paused.until:
            self._end()
            return None
        # NEST reports each run that it begins and ends, but this is none.
        nest.verbosity = max(paused.verbosity, nest.VerbosityLevel.WARNING)
        return SimulationPause(
            paused.at - before,
            round(paused.began * paused.step_ms, 9),
            round(paused.at * paused.step_ms, 9),
            round(paused.until * paused.step_ms, 9),
        )

    def _end(self) -> None:
        paused = self._paused
        assert paused is not None
        try:
            nest.Run(0.0)
        finally:
            self._clear_up(paused)
        if paused.cleans_up:
            self.cleanup()

    def _clear_up(self, paused: _Paused) -> None:
        self._paused = None
        nest.verbosity = paused.verbosity

    def _tics(self) -> tuple[float, int]:
        """Return the tics per ms and per step; asking NEST takes longer than a short run."""
        if self._times is None:
            status = self._before or nest.kernel_status
            self._times = status["tics_per_ms"], status["tics_per_step"]
        return self._times

    def _refuse_time(self, t: float) -> None:
        """Raise what NEST's Run would raise for a time, before Prepare has sized its buffers.

        NEST 3.10 does not size them anew for longer delays of connections that are made after a
        Prepare without a Run, and then writes beyond them.
        """
        problem = None
        if not math.isfinite(t):
            problem = "The simulation time must be finite."
        elif t < 0:
            problem = "The simulation time cannot be negative."
        else:
            tics_per_ms, tics_per_step = self._tics()
            if int(t * tics_per_ms + 0.5) % tics_per_step:
                problem = "The simulation time must be a multiple of the simulation resolution."
        if problem is not None:
            raise nest.NESTErrors.BadParameter(problem)


def _draws_common_numbers(status: dict[str, Any]) -> bool:
    """Return whether the network draws from common random numbers while it runs."""
    models = {model for _, _, model in node_ranges()}
    return bool(status["structural_plasticity_synapses"]) or any(
        nest.GetDefaults(model)["type_id"] in _DRAWING for model in models
    )


def _agree_on_precise_times() -> None:
    """Have all ranks exchange precise times of spikes if one of them may have to.

    NEST learns from a node that its spikes have precise times on the rank that has the node, and
    other ranks then exchange spikes of another size: they wait for each other for ever. Of all
    models only this one can change that, and lives on one rank. Precise times of others are 0.
    """
    for model in {model for _, _, model in node_ranges()}:
        if _INJECTOR in (model, nest.GetDefaults(model).get("type_id")):
            set_kernel_status({"off_grid_spiking": True})
