"""Merging what the ranks answered; four ranks here are four answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nestd.merging import merge
from nestd.ranks import Answer
from protocol.errors import ArgumentError, InternalError, KernelError, StaleReference
from protocol.messages import Action, Operation
from protocol.values import Expression, Reference
from tests.unit.strategies import same

OPERATION = Operation(Action.CALL, "Create", ["iaf_psc_alpha"])

VALUES = [
    None,
    1,
    2.5,
    float("nan"),
    "text",
    [1, [2.0, None]],
    {"a": 1, "b": [2]},
    np.arange(5),
    {"events": {"times": np.array([1.0, np.nan])}},
    Reference("NodeCollection", 1, "g", np.arange(1, 4)),
    Expression("random.uniform", [0.0], {"max": 2.0}),
]


def copy(value: Any) -> Any:
    """Equal, but another object, as values of different ranks are."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list):
        return [copy(item) for item in value]
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_identical_answers_are_one_answer(value: Any, ranks: int) -> None:
    answers = [Answer(rank, copy(value)) for rank in range(ranks)]
    assert same(merge(OPERATION, answers), value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        (None, 0),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 1, "b": 2}),
        (np.arange(3), np.arange(4)),
        (np.arange(3), np.arange(3.0)),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (np.array([0.0, 1.0]), np.array([0.0, np.nextafter(1.0, 2.0)])),
        (Reference("NodeCollection", 1, "g"), Reference("NodeCollection", 2, "g")),
    ],
    ids=repr,
)
def test_answers_that_differ_are_an_error_naming_the_ranks(one: Any, other: Any) -> None:
    answers = [Answer(0, one), Answer(1, other), Answer(2, copy(one)), Answer(3, other)]
    with pytest.raises(InternalError, match="rank 1, 3 differs from that of rank 0") as raised:
        merge(OPERATION, answers)
    assert raised.value.ranks == (1, 3)
    assert raised.value.call == "Create"


def test_error_of_some_ranks_names_them() -> None:
    failure = KernelError("BadProperty in set: C_m", error_name="BadProperty", call="set")
    answers = [Answer(0), Answer(1, error=failure), Answer(2), Answer(3, error=failure)]
    with pytest.raises(KernelError, match="BadProperty in set") as raised:
        merge(OPERATION, answers)
    assert raised.value.ranks == (1, 3)
    assert raised.value.error_name == "BadProperty"


@pytest.mark.parametrize("ranks", [1, 4])
def test_error_of_all_ranks_is_the_error_of_one_process(ranks: int) -> None:
    answers = [Answer(rank, error=ArgumentError("wrong")) for rank in range(ranks)]
    with pytest.raises(ArgumentError, match="wrong") as raised:
        merge(OPERATION, answers)
    assert raised.value.ranks == ()


def test_of_several_errors_that_of_the_first_rank_counts() -> None:
    answers = [
        Answer(0),
        Answer(1, error=KernelError("first")),
        Answer(2, error=StaleReference("second")),
    ]
    with pytest.raises(KernelError, match="first") as raised:
        merge(OPERATION, answers)
    assert raised.value.ranks == (1, 2)
