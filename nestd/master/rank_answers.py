"""Courses that make one value of what the ranks answer.

All that the master knows of partial answers stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nestd.master.courses import Course
from nestd.master.instructions import ExecuteOnRanks, WriteFile
from nestd.partial.answers import shown
from nestd.partial.connections import ConnectionChange, Placement
from nestd.partial.merging import deferred, merge
from nestd.partial.slices import SimulationPause
from nestd.partial.spatial import Nodes, TextFile
from protocol.wire.messages import Action, Executed, Operation
from protocol.wire.values import Value


def ask(operation: Operation, references: bool = False) -> Course[Value]:
    """Have the ranks execute an operation, and return the value of the whole."""
    answers = yield ExecuteOnRanks(operation, references)
    return merge(operation, answers)


def list_recorders() -> Course[Value]:
    """Ask for the first id, last id and model of each range of recorders."""
    return ask(Operation(Action.RECORDERS))


def execute(operation: Operation, references: bool) -> Course[list[Executed]]:
    """Have the ranks execute what they have deferred, if they have; return all answers.

    Parameters
    ----------
    operation : to be executed
    references : whether kernel objects are answered as references
    """
    answers: list[Executed] = yield ExecuteOnRanks(operation, references)
    if not isinstance(answers[0].value, ConnectionChange):
        return answers
    commit = deferred(operation, answers)
    if commit is not None:
        answers = yield ExecuteOnRanks(commit, references)
    return answers


def whole(operation: Operation, answers: list[Executed], references: bool) -> Course[Value]:
    """Return the value of the whole network, of all answers of the ranks.

    Raises
    ------
    NestdError
        What ranks raised, or that their answers can't be merged.
    """
    return finish(merge(operation, answers), references)


def finish(value: Value, references: bool) -> Course[Value]:
    """Return a merged value with what merging could only name made real.

    Parameters
    ----------
    value : merged
    references : whether kernel objects are answered as references
    """
    if isinstance(value, Nodes):
        if not references:
            return value.ids
        return (yield from ask(Operation(Action.CALL_JSON, "NodeCollection", [value.ids]), True))
    if isinstance(value, (list, tuple)) and any(
        isinstance(item, (Nodes, list, tuple)) for item in value
    ):
        items = []
        for item in value:
            items.append((yield from finish(item, references)))
        return type(value)(items)
    if isinstance(value, Placement):
        order = [value.reference, value.rows, value.total]
        yield from ask(Operation(Action.ASSIGN_ORDER, args=order), references)
        return replace(value.reference, size=value.total)
    if isinstance(value, TextFile):
        problem = yield WriteFile(value.name, "\n".join([*value.lines, ""]))
        if problem is not None:
            raise problem
        return None
    return value


def each(answers: Sequence[Executed]) -> list[Value]:
    """Return every rank's answer as the rank gave it, for callers who want them unmerged."""
    return [_as_value(answer) for answer in answers]


def _as_value(answer: Executed) -> Value:
    if answer.error is not None:
        error = answer.error
        return {"rank": answer.rank, "error": error.error_name, "message": error.message}
    return {"rank": answer.rank, "value": shown(answer.value)}


def paused(answers: Sequence[Executed]) -> SimulationPause | None:
    """Return where a simulation has paused; ``None`` if no rank has paused."""
    for answer in answers:
        if isinstance(answer.value, SimulationPause):
            return answer.value
    return None
