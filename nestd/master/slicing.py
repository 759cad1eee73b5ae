"""Has the ranks simulate in slices, with a look at everything else between two of them."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass, replace
from typing import Protocol

from nestd.master.slice_budget import SliceBudget
from nestd.partial.merging import merge
from nestd.partial.slices import SimulationPause
from nestd.ranks.transport import Ranks
from protocol.errors import Cancelled, NestdError
from protocol.wire.messages import SIMULATING, Action, Executed, Operation
from protocol.wire.values import Text

#: Calls before which the ranks have to know the shortest delay of all, until they have run.
_PREPARING = frozenset(["Prepare", "Simulate"])
#: Calls that may set biological time to zero.
_RESETTING = frozenset(["ResetKernel", "SetKernelStatus", "set"])


@dataclass(frozen=True)
class SimulationProgress:
    """How far a simulation is, in ms of biological time."""

    #: Where it began, is, and ends.
    from_ms: float
    at_ms: float
    until_ms: float
    #: Time since its beginning, by the clock.
    took_s: float


class SliceCallbacks(Protocol):
    """What is done between two slices, or calls of a batch, and at the end."""

    def pause(self, progress: SimulationProgress) -> str | None:
        """Give others their turn; why the simulation is to end here, if it is."""

    def turn(self) -> str | None:
        """The same between two calls of a batch; why it is to end, if it is."""

    def simulated(self, biological_ms: float) -> None:
        """So much was simulated in all."""


class Slices:
    """Executes operations, those that simulate in slices.

    Parameters
    ----------
    ranks : that execute
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._pace = SliceBudget()
        self._min_delay_ms: float | None = None
        #: Whether anything was simulated since the last reset, as far as is known here.
        self._has_run = False

    def execute(
        self, operation: Operation, references: bool, between: SliceCallbacks
    ) -> list[Executed]:
        """One answer of every rank; never raises for the operation.

        Raises
        ------
        Diverged
            If the kernel is of no use any more.
        Cancelled
            If ``between`` has ended the simulation.
        """
        called = operation.action in (Action.CALL_JSON, Action.CALL_PYNEST)
        if called and operation.call in _PREPARING and self._ranks.size > 1 and not self._has_run:
            self._min_delay_ms = self._shortest_delay_ms()
        if operation.call not in SIMULATING or not called:
            if operation.call in _RESETTING or operation.action is Action.SET:
                self._min_delay_ms = None
                self._has_run = False
            self._pace.invalidate(operation)
            return self._ranks.execute(operation, references)
        step = replace(operation, budget=self._pace.budget(), min_delay_ms=self._min_delay_ms)
        first_s = time.monotonic()
        total_ms, done_ms = _time_of(operation), 0.0
        while True:
            began_s = time.monotonic()
            answers = self._ranks.execute(step, references)
            ended_s = time.monotonic()
            paused = _paused(answers)
            if paused is None:
                failed = any(answer.error for answer in answers)
                self._has_run = self._has_run or (total_ms > 0 and not failed)
                between.simulated(done_ms if failed else total_ms)
                return answers
            if any(answer.error for answer in answers):
                # Those that have paused are not to wait for the others.
                self._stop(operation)
                between.simulated(done_ms)
                return answers
            self._pace.note(paused.steps, ended_s - began_s)
            at_ms, until_ms = paused.at_ms, paused.until_ms
            total_ms, done_ms = until_ms - paused.from_ms, at_ms - paused.from_ms
            progress = SimulationProgress(paused.from_ms, at_ms, until_ms, ended_s - first_s)
            reason = between.pause(progress)
            if reason is not None:
                self._stop(operation)
                between.simulated(done_ms)
                raise Cancelled(
                    f"{operation.call} was ended at {at_ms:.12g} ms of biological time, "
                    f"{until_ms - at_ms:.12g} ms before its end: {reason}",
                    call=operation.call,
                )
            step = Operation(Action.RESUME, operation.call, budget=self._pace.budget())

    def _shortest_delay_ms(self) -> float | None:
        """Of all ranks, none of which knows the others' before the first run."""
        asked = Operation(Action.CALL_JSON, "GetKernelStatus", ["min_delay"])
        try:
            return float(merge(asked, self._ranks.execute(asked, references=False)))
        except NestdError:
            return None

    def _stop(self, operation: Operation) -> None:
        self._ranks.execute(Operation(Action.ABORT, operation.call), references=False)


def _time_of(operation: Operation) -> float:
    """Biological time in ms that a call asks for; 0 if that can't be seen."""
    t = operation.args[0] if operation.args else operation.kwargs.get("t")
    if isinstance(t, Text):
        with contextlib.suppress(ValueError):
            t = float(t.values[0])
    return float(t) if isinstance(t, (int, float)) and math.isfinite(t) else 0.0


def _paused(answers: list[Executed]) -> SimulationPause | None:
    """Where the ranks are, if any of them has paused."""
    for answer in answers:
        if isinstance(answer.value, SimulationPause):
            return answer.value
    return None
