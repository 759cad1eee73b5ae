"""One answer, or error, of those of all ranks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nestd.partial.connections import ConnectionChange
from nestd.partial.merging import deferred, merge
from nestd.partial.nodes import NodeRecords
from nestd.partial.slices import SimulationPause
from nestd.partial.status import KernelFields
from protocol.errors import ArgumentError, InternalError, KernelError, NestdError, StaleReference
from protocol.wire.messages import Action, Executed, Operation
from protocol.wire.values import Expression, Reference, Text
from tests.unit.partial.ranks import across, merged, numbers
from tests.unit.strategies import same

OPERATION = Operation(Action.CALL_JSON, "SetStatus", [{"source": [1]}, {"weight": 2.0}])

VALUES = [
    None,
    1,
    2.5,
    float("nan"),
    complex(0.0, float("nan")),
    "text",
    b"bytes",
    [1, [2.0, None]],
    [1.0, float("nan")],
    (1, [2.0, float("nan")]),
    {"a": 1, "b": [2]},
    np.arange(5),
    np.array([1.0, np.nan]),
    np.array([complex(0.0, np.nan)]),
    {"events": {"times": np.array([1.0, np.nan])}},
    Reference("NodeCollection", 1, "g", np.arange(1, 4)),
    Expression("random.uniform", [0.0], {"max": 2.0}),
]


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_identical_answers_are_one_answer(value: Any, ranks: int) -> None:
    assert same(merged("Create", *[value] * ranks), value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        (None, 0),
        (1.0, float("nan")),
        ([1, 2], [2, 1]),
        ([1, 2], [1, 2.0]),
        ([1], (1,)),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": True}),
        (np.arange(3), np.arange(4)),
        (np.arange(3), np.arange(3.0)),
        (np.arange(3), [0, 1, 2]),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (np.array([0.0, 1.0]), np.array([0.0, np.nextafter(1.0, 2.0)])),
        (Reference("NodeCollection", 1, "g"), Reference("NodeCollection", 2, "g")),
        (
            Reference("NodeCollection", 1, "g", numbers(1)),
            Reference("NodeCollection", 1, "g", numbers(2)),
        ),
        (Text(("a",)), Text(("b",))),
        (KernelFields({}, None), None),
    ],
    ids=repr,
)
def test_answers_that_differ_without_a_rule_are_an_error_naming_call_and_ranks(
    one: Any, other: Any
) -> None:
    with pytest.raises(
        InternalError, match=r"no rule .* Create, .* rank 0 and rank 1, 3; \?ranks=all"
    ) as raised:
        merged("Create", one, other, one, other)
    assert raised.value.ranks == (0, 1, 3)
    assert raised.value.call == "Create"


def test_partial_answers_that_do_not_fit_are_an_error_naming_the_call() -> None:
    part = NodeRecords(np.array([True]), {"V_m": 5}, None, "")
    with pytest.raises(InternalError, match="answers to GetStatus can't be merged") as raised:
        merged("GetStatus", part, part)
    assert raised.value.call == "GetStatus"


def test_pause_is_no_answer_but_the_same_on_all_ranks() -> None:
    pause = SimulationPause(1, 0.0, 1.0, 2.0)
    assert merged("Run", pause, pause) is pause


def failing(*errors: NestdError | None) -> Any:
    """What is raised when ranks raise ``errors``."""
    answers = [Executed(1, rank, error=error) for rank, error in enumerate(errors)]
    with pytest.raises(NestdError) as raised:
        merge(OPERATION, answers)
    return raised.value


def test_error_of_some_ranks_names_them() -> None:
    failure = KernelError("BadProperty in set: C_m", error_name="BadProperty", call="set")
    found = failing(None, failure, None, failure)
    assert found is failure
    assert (found.ranks, found.error_name) == ((1, 3), "BadProperty")


@pytest.mark.parametrize("ranks", [1, 4])
def test_error_of_all_ranks_is_the_error_of_one_process(ranks: int) -> None:
    found = failing(*[ArgumentError("wrong")] * ranks)
    assert (type(found), found.message, found.ranks) == (ArgumentError, "wrong", ())


def test_of_several_errors_that_of_the_first_rank_counts() -> None:
    found = failing(None, KernelError("first"), StaleReference("second"))
    assert (type(found), found.ranks) == (KernelError, (1, 2))


def test_error_about_the_lowest_node_is_given_as_one_process_would_raise_it() -> None:
    found = failing(
        *(KernelError(f"Setting status of node ID {node}: no") for node in (10, 9, 100))
    )
    assert (found.message, found.ranks) == ("Setting status of node ID 9: no", ())


#: What a caller described, and as which parameter.
DESCRIPTION = ("conns", {"source": [1, 2, 3], "target": [1, 1, 1]})


def change(*missing: int, is_deferred: bool = True) -> ConnectionChange:
    """The answer of a rank that lacks rows."""
    return ConnectionChange(numbers(*missing), DESCRIPTION, is_deferred)


def answered(*values: Any) -> list[Executed]:
    """Answers of ranks 0, 1, …"""
    return [Executed(1, rank, across(value)) for rank, value in enumerate(values)]


def test_deferred_change_is_made_once_no_row_is_missing_on_all_ranks() -> None:
    commit = replace(OPERATION, action=Action.COMMIT)
    assert deferred(OPERATION, answered(change(0, 2), change(1))) == commit
    assert deferred(OPERATION, answered(change())) == commit
    assert merged("SetStatus", change(0, 2), change(1)) is None
    with pytest.raises(ArgumentError, match="no connection with source 1, target 1"):
        deferred(OPERATION, answered(change(0, 2), change(0)))


@pytest.mark.parametrize(
    "answers",
    [
        [*answered(change()), Executed(1, 1, error=KernelError("wrong"))],
        answered(change(is_deferred=False)),
        answered(change(), change(is_deferred=False)),
        answered(None),
        answered({"is_deferred": True, "put_off": True}),
    ],
    ids=["error", "made", "made on one", "none", "a caller's own"],
)
def test_nothing_is_committed_without_every_rank(answers: list[Executed]) -> None:
    assert deferred(OPERATION, answers) is None


def test_nothing_is_committed_twice() -> None:
    assert deferred(replace(OPERATION, action=Action.COMMIT), answered(change())) is None
