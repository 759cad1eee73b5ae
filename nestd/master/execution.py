"""Has the ranks execute a command, and makes one answer of theirs."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from nestd.master.activity import Activity
from nestd.master.live_spikes import LiveSpikes
from nestd.master.slicing import SliceCallbacks, Slices
from nestd.partial.answers import shown
from nestd.partial.connections import Placement
from nestd.partial.merging import deferred, merge
from nestd.partial.spatial import Nodes, TextFile
from nestd.ranks.transport import Ranks
from protocol.errors import ArgumentError, Cancelled, Diverged, InternalError, NestdError
from protocol.wire.messages import (
    SIMULATING,
    Action,
    Batch,
    Command,
    Executed,
    Failure,
    Message,
    Operation,
    Result,
)
from protocol.wire.values import Value

log = logging.getLogger(__name__)

#: Key of an argument that is what an earlier call of the batch returns.
RESULT = "$result"


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

    def perform(self, command: Command | Batch, between: SliceCallbacks) -> Message:
        """Have the ranks execute a command or a batch; its answer.

        Parameters
        ----------
        command : to be executed
        between : what is done between two slices of a simulation, and two calls of a batch

        Raises
        ------
        Diverged
            If the kernel is of no use any more.
        """
        try:
            if isinstance(command, Batch):
                value: Value = self._values(command, between)
            else:
                operation, references = command.operation, command.references
                answers = self._answers(operation, references, between)
                if command.unmerged:
                    value = [_as_value(answer) for answer in answers]
                else:
                    value = finish(self._ranks, merge(operation, answers), references)
            return Result(command.id, self._generation, value)
        except Diverged:
            raise
        except InternalError as error:
            log.error("%s", error, exc_info=error)
            return Failure(command.id, self._generation, error)
        except NestdError as error:
            return Failure(command.id, self._generation, error)

    def _values(self, batch: Batch, between: SliceCallbacks) -> list[Value]:
        """The values of all operations of a batch.

        Raises
        ------
        NestdError
            What one of them raised, or that it was cancelled before one.
        """
        values: list[Value] = []
        for index, operation in enumerate(batch.operations):
            try:
                reason = between.turn() if index else None
                if reason is not None:
                    raise Cancelled(
                        f"the batch was ended before call {index}, {operation.call}: {reason}",
                        call=operation.call,
                    )
                filled = _filled(operation, values)
                answers = self._answers(filled, batch.references, between)
                values.append(finish(self._ranks, merge(filled, answers), batch.references))
            except Diverged:
                # What the network was is of no use any more.
                raise
            except NestdError as error:
                error.index, error.results = index, values
                raise
        return values

    def _answers(
        self, operation: Operation, references: bool, between: SliceCallbacks
    ) -> list[Executed]:
        """Every rank's answer to an operation."""
        with self._spikes.kept_up(operation):
            if operation.call in SIMULATING:
                self._activity.enter(operation.call)
            answers = self._slices.execute(operation, references, between)
            if operation.call in SIMULATING:
                self._spikes.note()
            rest = deferred(operation, answers)
            return answers if rest is None else self._ranks.execute(rest, references)


def _filled(operation: Operation, values: list[Value]) -> Operation:
    """An operation of a batch with the values of those before it where it asks for them."""

    def fill(argument: Value) -> Value:
        if not isinstance(argument, dict) or argument.keys() != {RESULT}:
            return argument
        index = argument[RESULT]
        if type(index) is not int or not 0 <= index < len(values):
            raise ArgumentError(
                f"{RESULT} must be the index of an earlier call of the batch, not {index!r:.40}",
                call=operation.call,
            )
        return values[index]

    args = [fill(argument) for argument in operation.args]
    kwargs = {name: fill(argument) for name, argument in operation.kwargs.items()}
    return replace(operation, args=args, kwargs=kwargs)


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
        make = Operation(Action.CALL_JSON, "NodeCollection", [value.ids])
        return merge(make, ranks.execute(make, references))
    if isinstance(value, (list, tuple)) and any(
        isinstance(item, (Nodes, list, tuple)) for item in value
    ):
        return type(value)(finish(ranks, item, references) for item in value)
    if isinstance(value, Placement):
        place = Operation(Action.ASSIGN_ORDER, args=[value.reference, value.rows, value.total])
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
    return {"rank": answer.rank, "value": shown(answer.value)}
