"""Connections have one order however their targets are spread over ranks."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial.connections import (
    ConnectionChange,
    ConnectionColumns,
    ConnectionRecords,
    ConnectionValues,
    FoundConnections,
    Placement,
)
from protocol.errors import ArgumentError, KernelError
from protocol.wire.values import Reference
from tests.unit.partial.ranks import merged, numbers
from tests.unit.strategies import same

Row = tuple[int, int, int, int]
REFERENCE = Reference("SynapseCollection", 1, "g")


def part(*rows: Row, **more: list[Any]) -> dict[str, list[Any]]:
    """Columns of connections given as (source, target, synapse_id, port)."""
    names = ("source", "target", "synapse_id", "port")
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else []
    return dict(zip(names, columns, strict=False)) | more


def joined(
    family: type[ConnectionColumns],
    *parts: dict[str, Any],
    more: tuple[Any, ...] = (),
    rows: list[list[int]] | None = None,
) -> Any:
    """The merged answer of ranks that have ``parts`` of the connections."""
    answers = [
        family(numbers(), None, each, None if rows is None else numbers(*rows[rank]), *more)
        for rank, each in enumerate(parts)
    ]
    return merged("the call", *answers)


def listing(*parts: dict[str, Any]) -> Any:
    """What GetConnections answers who can't hold references."""
    return joined(ConnectionColumns, *parts)


def values(*parts: dict[str, Any], asked: Any, rows: list[list[int]] | None = None) -> Any:
    """What SynapseCollection.get answers."""
    return joined(ConnectionValues, *parts, more=(asked, ""), rows=rows)


def records(*parts: dict[str, Any], asked: Any, output: str = "") -> Any:
    """What GetStatus answers."""
    return joined(ConnectionRecords, *parts, more=(asked, output))


def found(*parts: dict[str, Any]) -> Placement:
    """What becomes of connections that were looked up by reference."""
    placement = joined(FoundConnections, *parts, more=(REFERENCE,))
    assert isinstance(placement, Placement)
    return placement


PARTS = (
    part((1, 2, 0, 0), (3, 2, 0, 1), weight=[12.0, 32.0]),
    part((2, 1, 0, 0), (1, 3, 0, 1), (1, 1, 0, 2), weight=[21.0, 13.0, 11.0]),
)


def test_connections_are_in_one_order_for_any_number_of_ranks() -> None:
    columns = listing(*PARTS)
    assert (columns["source"], columns["target"]) == ([1, 1, 1, 2, 3], [1, 2, 3, 1, 2])
    assert columns["weight"] == [11.0, 12.0, 13.0, 21.0, 32.0]


def test_connections_that_a_caller_ordered_keep_his_order() -> None:
    assert values(*PARTS, asked="weight", rows=[[3, 0], [1, 4, 2]]) == [
        32.0,
        21.0,
        11.0,
        12.0,
        13.0,
    ]


def test_connections_of_several_that_a_row_names_come_together() -> None:
    twice = (part((1, 2, 0, 4), (1, 2, 0, 3), (3, 2, 0, 1)), part((2, 1, 0, 0)))
    columns = values(*twice, asked=["source", "port"], rows=[[1, 1, 0], [2]])
    assert columns == {"source": [3, 1, 1, 2], "port": [1, 3, 4, 0]}


def test_connections_looked_up_by_reference_are_given_their_places() -> None:
    placement = found(*PARTS)
    assert (placement.reference, placement.total) == (REFERENCE, 5)
    assert [rows.tolist() for rows in placement.rows] == [[1, 4], [3, 2, 0]]
    placement = found(part(), PARTS[1], part())
    assert [rows.tolist() for rows in placement.rows] == [[], [2, 1, 0], []]


def test_no_connections_are_an_empty_object_or_list() -> None:
    assert listing(part(), part()) == {}
    assert values(part(), part(), asked=None) == {}
    assert values(part(), part(), asked="weight") == ()
    assert values(part(), part(), asked=["weight"]) == ()
    assert records(part(), part(), asked="weight") == ()


def test_one_connection_has_scalars() -> None:
    parts = (part((1, 2, 0, 0), weight=[5.0]), part())
    assert values(*parts, asked="weight") == 5.0
    assert records(*parts, asked="weight") == (5.0,)


def test_records_are_dictionaries_or_a_list_of_values_or_text() -> None:
    assert records(*PARTS, asked=["source", "weight"])[:2] == ((1, 11.0), (1, 12.0))
    assert records(*PARTS, asked=None)[0]["weight"] == 11.0
    assert records(*PARTS, asked="source") == [1, 1, 1, 2, 3]
    assert records(*PARTS, asked="source", output="json") == "[1,1,1,2,3]"


def test_field_that_some_synapse_models_lack_is_none_there() -> None:
    parts = (part((1, 2, 0, 0)), part((1, 1, 1, 0), Wmax=[100.0]))
    assert listing(*parts)["Wmax"] == [None, 100.0]


def test_thread_of_a_target_is_that_of_one_process_with_all_virtual_processes() -> None:
    parts = (part((1, 2, 0, 0), target_thread=[1]), part((1, 1, 0, 0), target_thread=[0]))
    assert listing(*parts)["target_thread"] == [1, 2]
    one = part((1, 1, 0, 0), (1, 2, 0, 0), target_thread=np.array([1, 2]))
    assert listing(one)["target_thread"] == [1, 2]


@pytest.mark.parametrize("get", [values, records])
def test_field_that_no_connection_has_is_what_it_is_to_pynest(get: Any) -> None:
    assert get(*PARTS, asked="nope") == []
    for parts, asked in ((PARTS, ["nope"]), ([part((1, 2, 0, 0), weight=[12.0])], "nope")):
        with pytest.raises(KernelError, match="nope"):
            get(*parts, asked=asked)


#: What a caller described, and as which parameter.
DESCRIPTION = ("conns", {"source": [1, 2, 3, 4, 5], "target": [1, 1, 1, 1, 1]})


@pytest.mark.parametrize(
    "parts",
    [
        [ConnectionColumns(numbers(*rows), DESCRIPTION, {}, None) for rows in ([0, 2, 3], [1, 3])],
        [ConnectionChange(numbers(*rows), DESCRIPTION, True) for rows in ([0, 2, 3], [3, 4])],
        [
            FoundConnections(numbers(*rows), DESCRIPTION, {}, None, REFERENCE)
            for rows in ([2, 3], [3])
        ],
    ],
    ids=["columns", "change", "found"],
)
def test_row_that_no_rank_has_is_an_error_naming_it(parts: list[Any]) -> None:
    with pytest.raises(ArgumentError, match="no connection with source 4, target 1") as raised:
        merged("SetStatus", *parts)
    assert (raised.value.call, raised.value.parameter) == ("SetStatus", "conns")


identities = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2), st.integers(0, 9)),
    max_size=20,
    unique=True,
)


def by_synapse(row: Row) -> Row:
    """The order of connections: by synapse model, source, target, port."""
    source, target, synapse, port = row
    return synapse, source, target, port


@given(identities=identities, ranks=st.integers(1, 5), as_arrays=st.booleans())
def test_connections_are_the_same_however_the_targets_are_spread(
    identities: list[Row], ranks: int, as_arrays: bool
) -> None:
    spread = [[row for row in identities if row[1] % ranks == rank] for rank in range(ranks)]
    ordered = sorted(identities, key=by_synapse)
    parts = [part(*rows) for rows in spread]
    if as_arrays:
        arrays = [{name: np.array(each[name]) for name in each} for each in parts]
        whole = {name: np.array(column) for name, column in sorted(part(*ordered).items())}
        assert same(listing(*arrays), whole)
    else:
        assert listing(*parts) == part(*ordered)
    # The places of each rank's rows say the same.
    for rows, places in zip(spread, found(*parts).rows, strict=True):
        assert [ordered[place] for place in places] == rows


def test_columns_of_one_rank_are_not_copied() -> None:
    columns = {name: np.arange(5) for name in part((1, 1, 0, 0))}
    assert all(listing(columns)[name] is columns[name] for name in columns)


# Collecting


def local(columns: dict[str, Any], **more: Any) -> Any:
    """A rank's part of connections."""

    def wanted_columns(wanted: Collection[str] | None) -> dict[str, Any]:
        return {name: columns[name] for name in columns if wanted is None or name in wanted}

    facts = {"rows": None, "missing": numbers(), "description": None, "is_deferred": False} | more
    return SimpleNamespace(columns=wanted_columns, **facts)


def test_what_tells_connections_apart_is_read_with_what_was_asked_for() -> None:
    conns = local(part((1, 2, 0, 0), weight=[1.0], delay=[1.0]), rows=numbers(4))
    read = ConnectionValues.collect(conns, ["weight"], "weight", "")
    assert read.columns.keys() == {"source", "target", "synapse_id", "port", "weight"}
    assert (read.asked, read.output, read.rows) == ("weight", "", numbers(4))
    assert "delay" in ConnectionColumns.collect(conns).columns


def test_weight_that_nest_does_not_set_is_no_number() -> None:
    drift = part((1, 2, 0, 0), (1, 2, 1, 0), weight=[1.0, 7.0], drift_factor=[None, 1.0])
    weights = ConnectionColumns.collect(local(drift)).columns["weight"]
    assert weights[0] == 1.0
    assert np.isnan(weights[1])
    read = FoundConnections.collect_found(local(drift))
    assert read.columns == part((1, 2, 0, 0), (1, 2, 1, 0))


def test_change_says_whether_it_waits() -> None:
    conns = local({}, missing=numbers(3), description=DESCRIPTION, is_deferred=True)
    assert ConnectionChange.collect(conns) == ConnectionChange(conns.missing, DESCRIPTION, True)
