"""Has the ranks execute a command, and makes one answer of theirs."""

from __future__ import annotations

import logging
from pathlib import Path

from nestd.activity import Activity
from nestd.live_spikes import LiveSpikes
from nestd.merging import Placement, merge, put_off
from nestd.ranks import Ranks
from nestd.slices import Between, Slices
from nestd.spatial import Nodes, TextFile
from protocol.errors import ArgumentError, Diverged, InternalError, NestdError
from protocol.jobs import SIMULATING
from protocol.messages import Action, Command, Executed, Failure, Message, Operation, Result
from protocol.values import Value

log = logging.getLogger(__name__)


class Execution:
    """Executes commands.

    Parameters
    ----------
    ranks : that execute
    generation : of the kernel, goes into every answer
    activity : says what simulates
    spikes : that are told while it does
    """

    def __init__(
        self, ranks: Ranks, generation: str, activity: Activity, spikes: LiveSpikes
    ) -> None:
        self._ranks = ranks
        self._generation = generation
        self._activity = activity
        self._spikes = spikes
        self._slices = Slices(ranks)

    def perform(self, command: Command, between: Between) -> Message:
        """Have the ranks execute a command; its answer.

        Parameters
        ----------
        command : to be executed
        between : what is done between two slices of a simulation

        Raises
        ------
        Diverged
            If the kernel is of no use any more.
        """
        with self._spikes.kept_up(command.operation):
            return self._perform(command, between)

    def _perform(self, command: Command, between: Between) -> Message:
        operation = command.operation
        if operation.call in SIMULATING:
            self._activity.enter(operation.call)
        try:
            answers = self._slices.execute(operation, command.references, between)
            if operation.call in SIMULATING:
                self._spikes.note()
            rest = put_off(operation, answers)
            if rest is not None:
                answers = self._ranks.execute(rest, command.references)
            if command.unmerged:
                value: Value = [_as_value(answer) for answer in answers]
            else:
                value = finish(self._ranks, merge(operation, answers), command.references)
            return Result(command.id, self._generation, value)
        except Diverged:
            raise
        except InternalError as error:
            log.error("%s", error, exc_info=error)
            return Failure(command.id, self._generation, error)
        except NestdError as error:
            return Failure(command.id, self._generation, error)


def finish(ranks: Ranks, value: Value, references: bool) -> Value:
    """``value`` with what merging could only name made real.

    Parameters
    ----------
    ranks : that make it
    value : merged
    references : whether kernel objects are answered as references
    """
    if isinstance(value, Nodes):
        if not references:
            return value.ids
        make = Operation(Action.CALL, "NodeCollection", [value.ids])
        return merge(make, ranks.execute(make, references))
    if isinstance(value, (list, tuple)) and any(
        isinstance(item, (Nodes, list, tuple)) for item in value
    ):
        return type(value)(finish(ranks, item, references) for item in value)
    if isinstance(value, Placement):
        place = Operation(Action.PLACE, args=[value.reference, value.rows, value.total])
        merge(place, ranks.execute(place, references))
        return value.reference
    if isinstance(value, TextFile):
        try:
            Path(value.path).write_text("\n".join([*value.lines, ""]), encoding="utf-8")
        except OSError as error:
            raise ArgumentError(f"can't write {value.path}: {error.strerror}") from error
        return None
    return value


def _as_value(answer: Executed) -> Value:
    """One rank's answer, as it is."""
    if answer.error is not None:
        error = answer.error
        return {"rank": answer.rank, "error": error.error_name, "message": error.message}
    return {"rank": answer.rank, "value": answer.value}
