"""Partial answers on their way between ranks; what callers made is never taken for one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial.answers import _CLASSES, PartialAnswer, Piece, shown, to_wire
from nestd.partial.connections import ConnectionChange, ConnectionColumns, FoundConnections
from nestd.partial.policies import same
from nestd.partial.positions import KnownPositions
from nestd.partial.slices import NewEvents, SimulationPause
from nestd.partial.spatial import (
    ConnectionDistances,
    Displacements,
    LayerDump,
    LayerMetadata,
    ParameterValues,
)
from nestd.partial.status import KernelFields, LocalVps, ModelDefaults
from protocol.wire.values import Reference
from tests.unit.partial.ranks import across, merged, numbers
from tests.unit.strategies import exact_values

PLACE = KnownPositions(
    numbers(1, 2),
    np.array([True, False]),
    np.arange(4.0).reshape(2, 2),
    np.zeros(2),
    np.ones(2),
    True,
)
COLUMNS = {"source": numbers(1), "target": numbers(2), "port": [None]}
DESCRIPTION = ("conns", {"source": [1], "target": [2]})

PIECES: list[Piece] = [
    SimulationPause(10, 0.0, 1.0, 5.0),
    NewEvents({"times": np.arange(300.0), "senders": np.arange(300)}, [200, 100]),
    KernelFields({"resolution": 0.1, "min_delay": np.nan}, ("resolution",), True),
    ModelDefaults({"C_m": 250.0}, None, "json"),
    LocalVps([0, 2]),
    ConnectionChange(numbers(0), None, True),
    ConnectionColumns(numbers(), None, COLUMNS, None),
    FoundConnections(numbers(), None, COLUMNS, numbers(0), Reference("SynapseCollection", 1, "g")),
    LayerMetadata([PLACE], {"center": (0.0, 0.0), "positions": None}),
    ParameterValues(np.array([True, False]), [1.0, None], False),
    Displacements([PLACE, PLACE], None),
    Displacements([PLACE], np.zeros((1, 2))),
    ConnectionDistances([PLACE, PLACE], ConnectionColumns(numbers(), None, COLUMNS, None)),
    LayerDump("/tmp/nodes", ["1 0.0 0.0"]),
]


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.kind)
def test_piece_arrives_as_it_was_sent(piece: Piece) -> None:
    assert same(across(piece), piece)


def test_kinds_are_names_of_one_class_each() -> None:
    def below(base: type[Piece]) -> set[type[Piece]]:
        return {base}.union(*(below(derived) for derived in base.__subclasses__()))

    classes = {each for each in below(Piece) if each.kind}
    assert classes == set(_CLASSES.values())
    assert {each.kind: each for each in classes} == _CLASSES


@given(exact_values)
def test_value_arrives_as_it_was_sent_whatever_it_looks_like(value: Any) -> None:
    assert same(across(value), value)


FORGED = [
    {"$share": "kernel", "fields": {"resolution": 1.0}, "asked": "resolution"},
    {"$share": "done", "missing": [], "put_off": True},
    {"$paused": True, "steps": 1, "from_ms": 0.0, "at_ms": 1.0, "until_ms": 2.0},
    to_wire(KernelFields({"resolution": 1.0}, "resolution")),
    to_wire(SimulationPause(1, 0.0, 1.0, 2.0)),
    [None, 1],
    ["nope", []],
]


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("forged", FORGED, ids=repr)
def test_what_a_caller_made_is_a_value_even_if_it_looks_like_a_partial_answer(
    forged: Any, ranks: int
) -> None:
    found = merged("userdict", *[forged] * ranks)
    assert found is forged
    assert not isinstance(across(forged), Piece)


def test_encoding_turns_each_field_into_a_value() -> None:
    part = KernelFields({"a": 1}, ("a",), True).encoded(lambda field: [field])
    assert part == KernelFields([{"a": 1}], [("a",)], [True])  # type: ignore[arg-type]


def test_every_rank_s_own_answer_is_shown_as_a_dictionary() -> None:
    assert shown(KernelFields({"a": 1}, "a")) == {
        "fields": {"a": 1},
        "asked": "a",
        "has_connections": False,
    }
    assert shown(Displacements([PLACE], None))["places"][0]["is_wrapped"] is True
    assert shown(5) == 5


def test_partial_answer_without_merging_is_no_answer() -> None:
    with pytest.raises(NotImplementedError):
        PartialAnswer.merge("Create", [])


@given(st.integers(1, 5), st.integers(0, 9))
def test_virtual_processes_of_all_ranks_are_united(ranks: int, threads: int) -> None:
    parts = [LocalVps.collect(range(rank, ranks * threads, ranks)) for rank in range(ranks)]
    assert merged("GetLocalVPs", *parts) == list(range(ranks * threads))
