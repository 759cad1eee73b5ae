"""A rank's part of connections, used with rows of the whole; two parts make two ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nestd.kernel import connections
from nestd.kernel.connections import Connections, find_connections
from nestd.kernel.kernel import Kernel
from nestd.kernel.pynest import SynapseCollection, nest

#: Which rows of the whole, ordered by source and target, go to targets with odd ids.
ODD = [0, 2, 3, 5, 6, 8]
EVEN = [1, 4, 7]


@pytest.fixture
def parts(kernel: Kernel) -> list[Connections]:
    """All connections of three neurons, those with even targets and those with odd ones."""
    nodes = nest.Create("iaf_psc_alpha", 3)
    # Weights by row of the whole; Connect takes them by target and source.
    nest.Connect(nodes, nodes, "all_to_all", {"weight": np.arange(9.0).reshape(3, 3).T})
    found = nest.GetConnections()
    made = []
    for parity in (0, 1):
        rows = [
            (conn.source - 1) * 3 + conn.target - 1 for conn in found if conn.target % 2 == parity
        ]
        chosen = [
            datum
            for datum, target in zip(found._datum, found.targets(), strict=True)
            if target % 2 == parity
        ]
        part = Connections(SynapseCollection(chosen))
        part.place(np.array(rows), 9)
        made.append(part)
    return made


def weights(parts: list[Connections]) -> list[float | None]:
    """Weights by row of the whole; ``None`` where no part has it."""
    whole: list[float | None] = [None] * parts[0].total
    for part in parts:
        found = part.local.get("weight") if len(part.local) else []
        for row, weight in zip(
            part.rows, found if isinstance(found, list) else [found], strict=True
        ):
            whole[row] = weight
    return whole


def test_parts_know_their_rows(parts: list[Connections]) -> None:
    assert [sorted(part.rows.tolist()) for part in parts] == [EVEN, ODD]
    assert [part.size() for part in parts] == [9, 9]


@pytest.mark.parametrize(
    "params",
    [
        {"weight": list(range(10, 19))},
        {"weight": np.arange(10.0, 19.0)},
        [{"weight": float(weight)} for weight in range(10, 19)],
    ],
    ids=["list", "array", "dictionaries"],
)
def test_lists_are_as_long_as_the_whole_and_each_part_takes_its_own(
    parts: list[Connections], params: Any
) -> None:
    for part in parts:
        part.set(params)
    assert weights(parts) == [float(weight) for weight in range(10, 19)]


def test_one_value_is_for_all_and_keywords_work(parts: list[Connections]) -> None:
    for part in parts:
        part.set({"weight": 4.0, "delay": [2.0] * 9})
    assert weights(parts) == [4.0] * 9
    for part in parts:
        part.set(weight=np.arange(9.0))
        with pytest.raises(TypeError, match="but not both"):
            part.set({"weight": 1.0}, delay=1.0)
    assert weights(parts) == list(np.arange(9.0))


@pytest.mark.parametrize("params", [{"weight": [1.0] * 6}, [{"weight": 1.0}] * 6])
def test_lists_of_another_length_change_nothing_on_any_rank(
    parts: list[Connections], params: Any
) -> None:
    before = weights(parts)
    for part in parts:
        with pytest.raises(TypeError, match="9"):
            part.set(params)
    assert weights(parts) == before


@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [
        (None, None, None),
        (2, 7, None),
        (None, None, 3),
        (None, None, -1),
        (-3, None, None),
        (5, 5, 1),
    ],
)
def test_slice_of_the_parts_is_that_of_the_whole(
    parts: list[Connections], start: int | None, stop: int | None, step: int | None
) -> None:
    whole = weights(parts)[start:stop:step]
    sliced = [part.slice(start, stop, step) for part in parts]
    assert weights(sliced) == whole
    assert [part.size() for part in sliced] == [len(whole)] * 2


@pytest.mark.parametrize("indices", [0, -1, [4], [7, 0, 3], [-9, 8], []])
def test_chosen_connections_keep_the_chosen_order(parts: list[Connections], indices: Any) -> None:
    whole = weights(parts)
    wanted = [indices] if isinstance(indices, int) else indices
    taken = [part.take(indices) for part in parts]
    assert weights(taken) == [whole[index] for index in wanted]
    again = [part.take(slice_of) for part in taken for slice_of in ([],)]
    assert weights(again) == []


@pytest.mark.parametrize("indices", [9, -10, [0, 9]])
def test_index_outside_of_the_whole_is_an_index_error_on_every_rank(
    parts: list[Connections], indices: Any
) -> None:
    for part in parts:
        with pytest.raises(IndexError, match="out of range"):
            part.take(indices)


def test_disconnecting_the_parts_disconnects_the_whole(parts: list[Connections]) -> None:
    for part in (part.slice(0, 3) for part in parts):
        part.disconnect()
    assert sorted(nest.GetConnections().get("source")) == [2, 2, 2, 3, 3, 3]


def test_connections_of_one_rank_are_put_in_order_when_somebody_looks(kernel: Kernel) -> None:
    nodes = nest.Create("iaf_psc_alpha", 3)
    for target in nodes:
        nest.Connect(nodes, target)
    found = nest.GetConnections()
    conns = Connections(found, total=9)
    conns.set({"weight": 2.0})
    assert conns.rows is None
    assert weights([conns.slice(0, 1)]) == [2.0]
    assert conns.rows is not None
    identity = list(zip(found.get("source"), found.get("target"), strict=True))
    assert [identity.index(pair) for pair in sorted(identity)] == np.argsort(conns.rows).tolist()


def test_connections_without_places_have_no_order_on_several_ranks(
    parts: list[Connections], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "RANKS", 2)
    with pytest.raises(ValueError, match="have not been put in order"):
        Connections(parts[0].local).slice(0, 1)


def test_described_connections_have_the_order_of_their_description(
    parts: list[Connections],
) -> None:
    found = find_connections({"source": [3, 1], "target": [2, 1]}, "conns")
    assert found.rows is not None
    assert (found.rows.tolist(), found.total) == ([0, 1], 2)
    assert list(found.local.get("weight")) == [7.0, 0.0]
    assert found.missing.tolist() == []


def test_row_that_fits_nothing_is_missing_and_nothing_is_done_yet(parts: list[Connections]) -> None:
    nest.Disconnect(nest.GetConnections(nest.NodeCollection([1]), nest.NodeCollection([2])))
    found = find_connections({"source": [1, 1], "target": [1, 2]}, "conns")
    assert (found.missing.tolist(), found.is_deferred) == ([1], True)
    assert found.description == ("conns", {"source": [1, 1], "target": [1, 2]})
    found.set({"weight": 99.0})
    assert 99.0 not in nest.GetConnections().get("weight")


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
def test_columns_are_arrays_of_numbers_and_lists_where_a_model_lacks_a_field(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(connections, "_AT_A_TIME", at_a_time)
    nodes = nest.Create("parrot_neuron", 3)
    nest.Connect(nodes, nodes, "one_to_one", {"weight": 2.5})
    nest.Connect(nodes, nodes, "one_to_one", {"synapse_model": "stdp_synapse", "lambda": 0.5})
    local = nest.GetConnections()
    columns = Connections(local).columns(None)
    assert (columns["source"].dtype, columns["weight"].dtype) == (np.int64, np.float64)
    assert columns["lambda"] == [None] * 3 + [0.5] * 3
    # What PyNEST itself makes of them.
    assert {
        field: column.tolist() if isinstance(column, np.ndarray) else column
        for field, column in columns.items()
    } == local.get()
    assert list(Connections(local).columns({"weight", "nope"})) == ["weight"]
