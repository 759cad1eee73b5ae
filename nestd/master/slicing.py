"""Simulations in slices, between which others get their turn."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import replace

from nestd.call_traits import CallTraits
from nestd.master.activity import Activity, SimulationProgress
from nestd.master.courses import Course, Turn
from nestd.master.instructions import CheckRoom, ExecuteOnRanks
from nestd.master.rank_answers import ask, execute, list_recorders, paused
from protocol.errors import CallerError, Cancelled, NestdError
from protocol.warned import Warned, bounded
from protocol.wire.messages import Action, Executed, Operation
from protocol.wire.values import Text

#: What a slice should take by the clock.
SLICE_S = 0.22
#: What a slice should take after something was done to the network, which may be slower now.
CAREFUL_S = 0.02
#: What recorders that write files record to.
_FILE_BACKENDS = frozenset(["ascii", "sionlib"])
_CHECK_ROOM = CheckRoom()
#: How many times longer than the last a slice may be.
_GROWTH = 8


class SliceBudget:
    """Estimate of how fast the network is simulated, and how long slices may be."""

    def __init__(self) -> None:
        #: Steps a second; ``None`` if nothing is known.
        self._rate: float | None = None
        #: Steps of the last slice.
        self._last = 0
        self._careful = True

    def budget(self) -> int:
        """Return the steps of biological time that the next slice may have; 0 if unknown."""
        if self._rate is None:
            return 0
        if self._careful:
            return int(self._rate * CAREFUL_S)
        return max(1, min(int(self._rate * SLICE_S), self._last * _GROWTH))

    def note(self, steps: int, took_s: float) -> None:
        """Note how many steps a slice had, and how long the slice took."""
        self._rate = steps / max(took_s, 1e-6)
        self._last = steps
        self._careful = False

    def invalidate(self, traits: CallTraits) -> None:
        """Forget the estimate after a call that may have made the network slower."""
        if traits.builds:
            self._rate = None
        elif traits.changes_kernel:
            self._careful = True


class Slices:
    """Executes operations; those that simulate, in slices.

    Parameters
    ----------
    turn : in which events are handled
    ranks : number of ranks
    activity : that is told how much was simulated
    pause : course between two slices; returns why the simulation is to end, if it is
    """

    def __init__(
        self,
        turn: Turn,
        ranks: int,
        activity: Activity,
        pause: Callable[[SimulationProgress], Course[str | None]],
    ) -> None:
        self._turn = turn
        self._ranks = ranks
        self._activity = activity
        self._pause = pause
        self._budget = SliceBudget()
        self._min_delay_ms: float | None = None
        #: Whether anything was simulated since the last reset, as far as is known here.
        self._has_run = False

    def execute(
        self, operation: Operation, traits: CallTraits, references: bool
    ) -> Course[list[Executed]]:
        """Have the ranks execute an operation, and return the answer of every rank.

        Raises
        ------
        Cancelled
            If the simulation was ended between two slices.
        DataDirectoryFull
            If the files that would grow have all the room that they may have.
        Refused
            If there is a link among them.
        """
        if traits.writes_more:
            problem: CallerError | None = yield _CHECK_ROOM
            if problem is not None and (traits.reads or (yield from records_to_files())):
                raise type(problem)(
                    f"{operation.call} was not begun, as it would write more: {problem.message}",
                    call=operation.call,
                )
        if traits.prepares and self._ranks > 1 and not self._has_run:
            self._min_delay_ms = yield from _shortest_delay_ms()
        if traits.simulates:
            return (yield from self._simulate(operation, references))
        if traits.resets_time:
            self._min_delay_ms = None
            self._has_run = False
        self._budget.invalidate(traits)
        return (yield from execute(operation, references))

    def _simulate(self, operation: Operation, references: bool) -> Course[list[Executed]]:
        first_s = began_s = self._turn.now_s
        step = replace(operation, budget=self._budget.budget(), min_delay_ms=self._min_delay_ms)
        total_ms, done_ms = _time_of(operation), 0.0
        #: Whether recorders may write files, as far as anybody has asked.
        may_write = True
        warned: list[Warned] = []
        while True:
            answers: list[Executed] = yield ExecuteOnRanks(step, references)
            warned += [item for answered in answers for item in answered.warnings]
            ended_s = self._turn.now_s
            failed = any(answer.error for answer in answers)
            pause = paused(answers)
            if pause is None:
                self._has_run = self._has_run or (total_ms > 0 and not failed)
                self._activity.add_simulated(done_ms if failed else total_ms)
                return _with_warnings(answers, warned)
            if failed:
                # Ranks that have paused are not to wait for the others.
                yield from self._abort(operation, done_ms)
                return _with_warnings(answers, warned)
            self._budget.note(pause.steps, ended_s - began_s)
            at_ms, until_ms = pause.at_ms, pause.until_ms
            total_ms, done_ms = until_ms - pause.from_ms, at_ms - pause.from_ms
            progress = SimulationProgress(pause.from_ms, at_ms, until_ms, ended_s - first_s)
            reason = yield from self._pause(progress)
            ending: type[CallerError] = Cancelled
            if reason is None and may_write:
                problem: CallerError | None = yield _CHECK_ROOM
                if problem is not None:
                    may_write = yield from records_to_files()
                    reason, ending = problem.message if may_write else None, type(problem)
            if reason is not None:
                yield from self._abort(operation, done_ms)
                raise ending(
                    f"{operation.call} was ended at {at_ms:.12g} ms of biological time, "
                    f"{until_ms - at_ms:.12g} ms before its end: {reason}",
                    call=operation.call,
                )
            step = Operation(Action.RESUME, operation.call, budget=self._budget.budget())
            began_s = self._turn.now_s

    def _abort(self, operation: Operation, done_ms: float) -> Course[None]:
        """End a simulation that has paused, where it is."""
        yield ExecuteOnRanks(Operation(Action.ABORT, operation.call))
        self._activity.add_simulated(done_ms)


def _with_warnings(answers: list[Executed], warned: list[Warned]) -> list[Executed]:
    """Return answers to the last slice with the warnings of all slices."""
    return [replace(answers[0], warnings=bounded(warned)), *answers[1:]] if warned else answers


def _shortest_delay_ms() -> Course[float | None]:
    """Ask for the shortest delay of all ranks, none of which knows others' before a first run."""
    try:
        value = yield from ask(Operation(Action.CALL_JSON, "GetKernelStatus", ["min_delay"]))
    except NestdError:
        return None
    return float(value)


def records_to_files() -> Course[bool]:
    """Ask whether the network has recorders that write files."""
    for first, last, _ in (yield from list_recorders()):
        nodes = list(range(first, last + 1))
        get = Operation(Action.CALL_JSON, "GetStatus", [nodes, "record_to"])
        if any(backend in _FILE_BACKENDS for backend in (yield from ask(get))):
            return True
    return False


def _time_of(operation: Operation) -> float:
    """Return the biological time in ms that a call asks for; 0 if that can't be seen."""
    t = operation.args[0] if operation.args else operation.kwargs.get("t")
    if isinstance(t, Text):
        with contextlib.suppress(ValueError):
            t = float(t.values[0])
    return float(t) if isinstance(t, (int, float)) and math.isfinite(t) else 0.0
