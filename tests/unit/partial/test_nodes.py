"""Values of nodes are the same however the nodes are spread over ranks."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial.nodes import LocalNodes, NodeRecords, NodeValues
from nestd.partial.policies import GENERIC
from protocol.errors import ArgumentError, InternalError, KernelError
from tests.unit.partial.ranks import merged
from tests.unit.strategies import same

#: What callers get of nodes: ``get(columns of each rank, which nodes it has, asked, output)``.
Get = Callable[..., Any]


def values(
    columns: list[dict[str, Any]], local: list[list[bool]], *asked: Any, output: str = ""
) -> Any:
    """What NodeCollection.get makes of ``columns``."""
    parts = [
        NodeValues(np.array(own, bool), column, list(asked), output)
        for column, own in zip(columns, local, strict=True)
    ]
    return merged("NodeCollection.get", *parts)


def records(
    columns: list[dict[str, Any]], local: list[list[bool]], asked: Any, output: str = ""
) -> Any:
    """What GetStatus makes of ``columns``."""
    parts = [
        NodeRecords(np.array(own, bool), column, asked, output)
        for column, own in zip(columns, local, strict=True)
    ]
    return merged("GetStatus", *parts)


# Nodes 1 and 3 are on rank 1, node 2 on rank 0, node 4 is a device on both.
LOCAL = [[False, True, False, True], [True, False, True, True]]
COLUMNS: list[dict[str, Any]] = [
    {"V_m": [None, -62.0, None, None], "local": [False, True, False, True]},
    {"V_m": [-61.0, None, -63.0, None], "local": [True, False, True, True]},
]
VOLTAGES = (-61.0, -62.0, -63.0, None)
EVERYWHERE = [[True], [True]]


def test_value_of_a_node_is_from_the_rank_that_has_it_in_the_order_of_nodes() -> None:
    assert values(COLUMNS, LOCAL, "V_m") == VOLTAGES


def test_one_node_has_a_scalar_from_the_rank_that_has_it() -> None:
    assert values([{}, {"V_m": [-61.0]}], [[False], [True]], "V_m") == -61.0


def test_several_keys_give_a_dictionary_and_none_gives_all() -> None:
    both = {"V_m": VOLTAGES, "local": (True,) * 4}
    assert values(COLUMNS, LOCAL, ["V_m", "local"]) == both
    assert values(COLUMNS, LOCAL) == both


@pytest.mark.parametrize("get", [values, records], ids=["get", "GetStatus"])
def test_key_that_no_rank_has_is_the_key_error_of_pynest(get: Get) -> None:
    with pytest.raises(KernelError, match=r"KeyError in .*nope") as raised:
        get([{}, {}], LOCAL, "nope")
    assert raised.value.error_name == "KeyError"


def test_key_that_one_rank_lacks_is_none_where_the_nodes_have_none() -> None:
    # Rank 0 has no node with V_m at all, so it did not answer it.
    columns = [{}, {"V_m": [-61.0, None, -63.0, None]}]
    assert values(columns, LOCAL, "V_m") == (-61.0, None, -63.0, None)


def test_place_of_a_node_is_that_of_one_process_with_all_virtual_processes() -> None:
    # Of four virtual processes rank 0 has 0 and 2, rank 1 has 1 and 3.
    places: list[dict[str, Any]] = [
        {"vp": [1, 2, 3, 0], "thread": [None, 1, None, 0]},
        {"vp": [1, 2, 3, 1], "thread": [0, None, 1, 0]},
    ]
    expected = (1, 2, 3, 0)
    assert values(places, LOCAL, ["thread", "vp"]) == {"thread": expected, "vp": expected}


@pytest.mark.parametrize("field", sorted(GENERIC.keys() - {"num_processes"}))
def test_fields_of_a_process_are_constants_for_any_number_of_ranks(field: str) -> None:
    assert values([{field: [7, 8, 9, 10]}], [[True] * 4], field) == (GENERIC[field],) * 4
    two = [{field: [0, 1, 0, 1]}, {field: [1, 0, 1, 0]}]
    assert values(two, LOCAL, field) == (GENERIC[field],) * 4


def test_counts_of_a_device_are_added_and_its_parameters_are_the_same() -> None:
    columns = [{"n_events": [26], "start": [0.0]}, {"n_events": [38], "start": [0.0]}]
    assert values(columns, EVERYWHERE) == {"n_events": 64, "start": 0.0}


def test_field_without_a_rule_that_differs_is_an_error_naming_call_and_field() -> None:
    with pytest.raises(InternalError, match=r"field 'start' of GetStatus, .* rank 0 and rank 1;"):
        records([{"start": [0.0]}, {"start": [1.0]}], EVERYWHERE, None)


def test_records_of_status_are_one_dictionary_or_list_or_value_a_node() -> None:
    assert records(COLUMNS, LOCAL, "V_m") == VOLTAGES
    assert records(COLUMNS, LOCAL, ["V_m", "local"]) == tuple((each, True) for each in VOLTAGES)
    dictionaries = tuple({"V_m": each, "local": True} for each in VOLTAGES)
    assert records(COLUMNS, LOCAL, None) == dictionaries


@pytest.mark.parametrize("asked", [None, "V_m", ["V_m"]])
def test_status_of_no_nodes_is_an_empty_list(asked: Any) -> None:
    assert records([{}, {}], [[], []], asked) == ()


def test_output_json_is_text_of_the_merged_value() -> None:
    assert json.loads(records(COLUMNS, LOCAL, "V_m", "json")) == [-61.0, -62.0, -63.0, None]
    with pytest.raises(ArgumentError, match="output can be 'json' or '', not 'pandas'"):
        records(COLUMNS, LOCAL, "V_m", "pandas")


@given(
    owners=st.lists(st.none() | st.integers(0, 4), min_size=1, max_size=9), ranks=st.integers(1, 5)
)
def test_values_are_those_of_one_rank_however_nodes_are_spread(
    owners: list[int | None], ranks: int
) -> None:
    # Without an owner it is a device, which has counted on rank 0.
    local = [[owner is None or owner % ranks == rank for owner in owners] for rank in range(ranks)]
    columns = [
        {"n_events": [_count(index, owner, rank, ranks) for index, owner in enumerate(owners)]}
        for rank in range(ranks)
    ]
    whole = [{"n_events": list(range(len(owners)))}], [[True] * len(owners)]
    assert values(columns, local, "n_events") == values(*whole, "n_events")
    assert records(columns, local, None) == records(*whole, None)


def _count(index: int, owner: int | None, rank: int, ranks: int) -> int | None:
    if owner is None:
        return index if rank == 0 else 0
    return index if owner % ranks == rank else None


# Recorders


def events(*rows: tuple[float, int, float]) -> dict[str, np.ndarray[Any, Any]]:
    """Columns of a multimeter's events."""
    times, senders, voltages = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "V_m": np.array(voltages, float),
        "senders": np.array(senders, np.int64),
        "times": np.array(times, float),
    }


def recorder(*parts: dict[str, Any], asked: Any = ()) -> Any:
    """What a recorder answers that has ``parts`` on the ranks."""
    return values([{"events": [part]} for part in parts], [[True]] * len(parts), *asked)


WHOLE = events((1.0, 1, 5.0), (1.0, 2, 4.0), (2.0, 1, 3.0), (2.0, 2, 2.0))
SPLIT = (events((2.0, 2, 2.0), (1.0, 2, 4.0)), events((1.0, 1, 5.0), (2.0, 1, 3.0)))


def test_events_of_all_ranks_are_in_the_order_of_time_then_sender() -> None:
    assert same(recorder(*SPLIT)["events"], WHOLE)
    # A proxy's rank gives events of a node that is nowhere else.
    found = values([{"events": [None]}, {"events": [SPLIT[0]]}], [[False], [True]], "events")
    assert found["times"].tolist() == [1.0, 2.0]


def test_field_of_events_has_the_order_of_the_events() -> None:
    assert same(recorder(*SPLIT, asked=("events", "V_m")), WHOLE["V_m"])
    found = recorder(*SPLIT, asked=("events", ["times", "senders"]))
    assert same(found, {"times": WHOLE["times"], "senders": WHOLE["senders"]})
    with pytest.raises(KernelError, match="nope"):
        recorder(*SPLIT, asked=("events", "nope"))
    with pytest.raises(KernelError, match="nope"):
        recorder(*SPLIT, asked=("nope", "times"))


def test_fields_of_several_recorders_are_lists() -> None:
    columns = [{"events": [events(row), events()]} for row in ((1.0, 1, 5.0), (2.0, 2, 4.0))]
    times = values(columns, [[True, True]] * 2, "events", "times")
    assert [each.tolist() for each in times] == [[1.0, 2.0], []]


def test_inside_of_what_has_no_names_is_an_argument_error() -> None:
    with pytest.raises(ArgumentError, match="'start' has no values with names"):
        values([{"start": [0.0]}, {"start": [0.0]}], EVERYWHERE, "start", "times")


def test_no_events_are_empty_columns_of_their_types() -> None:
    assert same(recorder(events(), events())["events"], events())
    assert same(recorder(events(), WHOLE)["events"], WHOLE)


rows = st.lists(
    st.tuples(st.integers(0, 5).map(float), st.integers(1, 6), st.sampled_from([-1.0, 0.0, 1.0])),
    max_size=20,
)


@given(rows=rows, ranks=st.integers(1, 5))
def test_events_are_the_same_however_the_senders_are_spread(
    rows: list[tuple[float, int, float]], ranks: int
) -> None:
    parts = [events(*(row for row in rows if row[1] % ranks == rank)) for rank in range(ranks)]
    assert same(recorder(*parts)["events"], events(*sorted(rows)))


# Collecting


class Tuple:
    """Value of PyNEST that is a tuple inside."""

    def get_tuple(self) -> list[int]:
        return [1, 2]


class Recordings:
    """Has the fields of nodes as PyNEST gives them."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def get_one(self, nodes: Any, key: str) -> Any:
        return self.fields[key]

    def get(self, nodes: Any, keys: Collection[str] = ()) -> dict[str, Any]:
        return dict(self.fields)


def collected(fields: dict[str, Any], local: list[bool], keys: list[str] | None) -> Any:
    """The columns that a rank reads which has virtual processes 1 and 3."""
    nodes = LocalNodes("nodes", np.array(local, bool), Recordings(fields), lambda: (3, 1))
    return NodeValues.collect(nodes, keys, [], "").columns


def test_keys_of_nodes_that_this_rank_has_are_read() -> None:
    fields = {"V_m": (1.0, None), "C_m": (None, None), "model": ("a", "b")}
    local = [True, False]
    assert collected(fields, local, None) == fields
    assert collected(fields, local, ["V_m", "model"]) == {"V_m": (1.0, None), "model": ("a", "b")}
    # Whether that is an error shows when all ranks have answered.
    assert collected(fields, local, ["V_m", "C_m", "nope"]) == {"V_m": (1.0, None)}
    assert collected(fields, local, ["nope"]) == {}
    assert collected(fields, [False, False], ["C_m", "V_m"]).keys() == {"C_m", "V_m"}


def test_single_node_has_columns_of_one_value() -> None:
    fields = {"V_m": 1.0, "C_m": None}
    assert collected(fields, [True], None) == {"V_m": [1.0], "C_m": [None]}
    assert collected(fields, [True], ["V_m", "C_m"]) == {"V_m": [1.0]}
    assert collected(fields, [False], ["V_m"]) == {"V_m": [1.0]}


def test_value_of_pynest_becomes_the_tuple_inside() -> None:
    assert collected({"nodes": Tuple()}, [True, True], None) == {"nodes": [1, 2]}


def test_no_node_has_no_columns() -> None:
    assert collected({}, [], ["V_m"]) == {}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("sr-1-3.dat",), ["sr-1-1.dat", "sr-1-3.dat"]),
        (("data-9-03",), ["data-9-01", "data-9-03"]),
        (("odd.dat",), ("odd.dat",)),
        ((), ()),
        (None, None),
    ],
)
def test_files_are_those_of_all_threads_of_the_rank(names: Any, expected: Any) -> None:
    assert collected({"filenames": names}, [True], ["filenames"]) == {"filenames": [expected]}
