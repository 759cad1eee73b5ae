"""Merging what the ranks answered; four ranks here are four answers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial import ordering, policies
from nestd.partial.policies import GENERIC, Placement, Policy, merge
from protocol.errors import ArgumentError, InternalError, KernelError, StaleReference
from protocol.wire.messages import Action, Executed, Operation
from protocol.wire.values import Expression, Reference
from tests.unit.strategies import same

OPERATION = Operation(Action.CALL_JSON, "Create", ["iaf_psc_alpha"])

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


def merged(call: str, *values: Any) -> Any:
    """What becomes of the values that ranks 0, 1, … gave for ``call``."""
    answers = [Executed(1, rank, value) for rank, value in enumerate(values)]
    return merge(Operation(Action.CALL_JSON, call), answers)


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_identical_answers_are_one_answer(value: Any, ranks: int) -> None:
    assert same(merged("Create", *(copy(value) for _ in range(ranks))), value)


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
def test_answers_that_differ_without_a_rule_are_an_error_naming_call_and_ranks(
    one: Any, other: Any
) -> None:
    with pytest.raises(
        InternalError, match=r"no rule .* Create, .* rank 0 and rank 1, 3; \?ranks=all"
    ) as raised:
        merged("Create", one, other, copy(one), other)
    assert raised.value.ranks == (0, 1, 3)
    assert raised.value.call == "Create"


def test_share_that_is_none_is_an_error_naming_the_call() -> None:
    with pytest.raises(InternalError, match="answers to GetStatus can't be merged") as raised:
        merged("GetStatus", {"$share": "nodes"}, {"$share": "nodes"})
    assert raised.value.call == "GetStatus"


# Errors


def test_error_of_some_ranks_names_them() -> None:
    failure = KernelError("BadProperty in set: C_m", error_name="BadProperty", call="set")
    answers = [Executed(1, rank, error=failure if rank % 2 else None) for rank in range(4)]
    with pytest.raises(KernelError, match="BadProperty in set") as raised:
        merge(OPERATION, answers)
    assert raised.value.ranks == (1, 3)
    assert raised.value.error_name == "BadProperty"


@pytest.mark.parametrize("ranks", [1, 4])
def test_error_of_all_ranks_is_the_error_of_one_process(ranks: int) -> None:
    answers = [Executed(1, rank, error=ArgumentError("wrong")) for rank in range(ranks)]
    with pytest.raises(ArgumentError, match="wrong") as raised:
        merge(OPERATION, answers)
    assert raised.value.ranks == ()


def test_of_several_errors_that_of_the_first_rank_counts() -> None:
    answers = [
        Executed(1, 0),
        Executed(1, 1, error=KernelError("first")),
        Executed(1, 2, error=StaleReference("second")),
    ]
    with pytest.raises(KernelError, match="first") as raised:
        merge(OPERATION, answers)
    assert raised.value.ranks == (1, 2)


# Policies


@pytest.mark.parametrize(
    ("policy", "field", "values", "expected"),
    [
        (Policy.IDENTICAL, "C_m", [250.0, 250.0], 250.0),
        (Policy.SUM, "n_events", [26, 38], 64),
        (Policy.MAXIMUM, "max_update_time", [1.5, 2.5], 2.5),
        (Policy.MINIMUM, "min_update_time", [1.5, 2.5], 1.5),
        (Policy.FILES, "filenames", [["a-0", "a-2"], ["a-1", "a-3"]], ["a-3", "a-2", "a-1", "a-0"]),
        (Policy.VIRTUAL_PROCESSES, "local_num_threads", [2, 2], 4),
        (Policy.WALL_TIME, "time_simulate", [1.0, 3.0], 3.0),
        (Policy.GENERIC, "vp", [0, 1], GENERIC["vp"]),
    ],
    ids=lambda value: value.name if isinstance(value, Policy) else None,
)
def test_policy_of_two_ranks(
    policy: Policy, field: str, values: list[Any], expected: object
) -> None:
    assert policies.merge_field("call", field, policy, values) == expected


@pytest.mark.parametrize("policy", [Policy.BY_THREAD, Policy.WALL_TIME], ids=lambda p: p.name)
def test_entries_of_threads_are_in_the_order_of_virtual_processes(policy: Policy) -> None:
    # 2 ranks of 3 threads: virtual process v is on rank v % 2.
    values = [np.array([0, 2, 4]), np.array([1, 3, 5])]
    assert policies.merge_field("call", "capacity", policy, values).tolist() == list(range(6))


def test_every_policy_is_used_or_tested_here() -> None:
    tested = {
        *policies.NODE_FIELDS.values(),
        *policies.KERNEL_FIELDS.values(),
        *policies.DEFAULT_FIELDS.values(),
        Policy.IDENTICAL,
        Policy.WALL_TIME,
    }
    assert tested == set(Policy)


def test_generic_fields_have_a_constant() -> None:
    for table in (policies.NODE_FIELDS, policies.KERNEL_FIELDS, policies.DEFAULT_FIELDS):
        generic = {field for field, policy in table.items() if policy is Policy.GENERIC}
        assert generic <= GENERIC.keys()


# Nodes: nodes 1 and 3 are on rank 1, node 2 on rank 0, node 4 is a device on both.

LOCAL = [[False, True, False, True], [True, False, True, True]]


def nodes(
    *columns: dict[str, list[Any]],
    asked: Any = (),
    output: str = "",
    local: list[list[bool]] | None = None,
) -> list[dict[str, Any]]:
    """Shares of ranks that have ``columns`` of nodes."""
    return [
        {
            "$share": "nodes",
            "local": np.array(own),
            "columns": column,
            "asked": list(asked) if isinstance(asked, tuple) else asked,
            "output": output,
        }
        for column, own in zip(columns, local or LOCAL, strict=True)
    ]


V_M = (
    {"V_m": [None, -62.0, None, None], "local": [False, True, False, True]},
    {"V_m": [-61.0, None, -63.0, None], "local": [True, False, True, True]},
)


def test_value_of_a_node_is_from_the_rank_that_has_it_in_the_order_of_nodes() -> None:
    found = merged("NodeCollection.get", *nodes(*V_M, asked=("V_m",)))
    assert found == (-61.0, -62.0, -63.0, None)


def test_one_node_has_a_scalar_from_the_rank_that_has_it() -> None:
    shares = nodes({}, {"V_m": [-61.0]}, asked=("V_m",), local=[[False], [True]])
    assert merged("NodeCollection.get", *shares) == -61.0


def test_several_keys_give_a_dictionary_and_none_gives_all() -> None:
    local = (True,) * 4
    voltages = (-61.0, -62.0, -63.0, None)
    asked = nodes(*V_M, asked=(["V_m", "local"],))
    assert merged("NodeCollection.get", *asked) == {"V_m": voltages, "local": local}
    assert merged("NodeCollection.get", *nodes(*V_M)) == {"V_m": voltages, "local": local}


@pytest.mark.parametrize("call", ["NodeCollection.get", "GetStatus"])
def test_key_that_no_rank_has_is_the_key_error_of_pynest(call: str) -> None:
    asked: Any = "nope" if call == "GetStatus" else ("nope",)
    with pytest.raises(KernelError, match=r"KeyError in .*nope") as raised:
        merged(call, *nodes({}, {}, asked=asked))
    assert raised.value.error_name == "KeyError"


def test_key_that_one_rank_lacks_is_none_where_the_nodes_have_none() -> None:
    # Rank 0 has no node with V_m at all, so it did not answer it.
    shares = nodes({}, {"V_m": [-61.0, None, -63.0, None]}, asked=("V_m",))
    assert merged("NodeCollection.get", *shares) == (-61.0, None, -63.0, None)


@pytest.mark.parametrize("field", sorted(GENERIC.keys() - {"num_processes"}))
def test_fields_of_a_process_are_constants_for_any_number_of_ranks(field: str) -> None:
    one = nodes({field: [7, 8, 9, 10]}, asked=(field,), local=[[True] * 4])
    two = nodes({field: [0, 1, 0, 1]}, {field: [1, 0, 1, 0]}, asked=(field,))
    assert merged("NodeCollection.get", *one) == (GENERIC[field],) * 4
    assert merged("NodeCollection.get", *two) == (GENERIC[field],) * 4


DEVICE = [[True], [True]]


def test_counts_of_a_device_are_added_and_its_parameters_are_the_same() -> None:
    columns = [{"n_events": [26], "start": [0.0]}, {"n_events": [38], "start": [0.0]}]
    found = merged("NodeCollection.get", *nodes(*columns, local=DEVICE))
    assert found == {"n_events": 64, "start": 0.0}


def test_field_without_a_rule_that_differs_is_an_error_naming_call_and_field() -> None:
    columns = [{"start": [0.0]}, {"start": [1.0]}]
    with pytest.raises(InternalError, match=r"field 'start' of GetStatus, .* rank 0 and rank 1;"):
        merged("GetStatus", *nodes(*columns, local=DEVICE, asked=None))


def test_records_of_status_are_one_dictionary_or_list_or_value_a_node() -> None:
    def status(asked: Any) -> Any:
        return merged("GetStatus", *nodes(*V_M, asked=asked))

    voltages = (-61.0, -62.0, -63.0, None)
    assert status("V_m") == voltages
    assert status(["V_m", "local"]) == tuple((voltage, True) for voltage in voltages)
    assert status(None) == tuple({"V_m": voltage, "local": True} for voltage in voltages)


def test_status_of_no_nodes_is_an_empty_list() -> None:
    for asked in (None, "V_m", ["V_m"]):
        assert merged("GetStatus", *nodes({}, {}, asked=asked, local=[[], []])) == ()


def test_output_json_is_text_of_the_merged_value() -> None:
    text = merged("GetStatus", *nodes(*V_M, asked="V_m", output="json"))
    assert json.loads(text) == [-61.0, -62.0, -63.0, None]
    with pytest.raises(ArgumentError, match="output can be 'json' or '', not 'pandas'"):
        merged("GetStatus", *nodes(*V_M, asked="V_m", output="pandas"))


# Events


def events(*rows: tuple[float, int, float]) -> dict[str, np.ndarray[Any, Any]]:
    """Columns of a multimeter's events."""
    times, senders, voltages = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "V_m": np.array(voltages, float),
        "senders": np.array(senders, np.int64),
        "times": np.array(times, float),
    }


def recorder(*shares: dict[str, Any], asked: Any = ()) -> Any:
    """What merging makes of a recorder's events on the ranks."""
    columns = [{"events": [share]} for share in shares]
    return merged("NodeCollection.get", *nodes(*columns, asked=asked, local=[[True]] * len(shares)))


WHOLE = events((1.0, 1, 5.0), (1.0, 2, 4.0), (2.0, 1, 3.0), (2.0, 2, 2.0))
SPLIT = (events((2.0, 2, 2.0), (1.0, 2, 4.0)), events((1.0, 1, 5.0), (2.0, 1, 3.0)))


def test_events_of_all_ranks_are_in_the_order_of_time_then_sender() -> None:
    assert same(recorder(*SPLIT)["events"], WHOLE)


def test_field_of_events_has_the_order_of_the_events() -> None:
    assert same(recorder(*SPLIT, asked=("events", "V_m")), WHOLE["V_m"])
    found = recorder(*SPLIT, asked=("events", ["times", "senders"]))
    assert same(found, {"times": WHOLE["times"], "senders": WHOLE["senders"]})
    with pytest.raises(KernelError, match="nope"):
        recorder(*SPLIT, asked=("events", "nope"))


def test_inside_of_what_has_no_names_is_an_argument_error() -> None:
    shares = nodes({"start": [0.0]}, {"start": [0.0]}, asked=("start", "times"), local=DEVICE)
    with pytest.raises(ArgumentError, match="'start' has no values with names"):
        merged("NodeCollection.get", *shares)


def test_one_process_orders_events_as_well() -> None:
    parts = {key: np.concatenate([part[key] for part in SPLIT]) for key in WHOLE}
    assert same(recorder(parts)["events"], WHOLE)


def test_no_events_are_empty_columns_of_their_types() -> None:
    assert same(recorder(events(), events())["events"], events())
    assert same(recorder(events(), WHOLE)["events"], WHOLE)


rows = st.lists(
    st.tuples(st.integers(0, 5).map(float), st.integers(1, 6), st.sampled_from([-1.0, 0.0, 1.0])),
    max_size=20,
)


@given(rows=rows, ranks=st.integers(1, 4))
def test_events_are_the_same_however_the_senders_are_spread(
    rows: list[tuple[float, int, float]], ranks: int
) -> None:
    parts = [events(*(row for row in rows if row[1] % ranks == rank)) for rank in range(ranks)]
    assert same(recorder(*parts)["events"], events(*sorted(rows)))


def test_error_about_the_lowest_node_is_given_as_one_process_would_raise_it() -> None:
    errors = [KernelError(f"Setting status of node ID {node}: no") for node in (10, 9, 100)]
    answers = [Executed(1, rank, error=error) for rank, error in enumerate(errors)]
    with pytest.raises(KernelError, match="node ID 9: no") as raised:
        policies.merge(Operation(Action.CALL_JSON, "SetStatus"), answers)
    assert raised.value.ranks == ()


def test_columns_of_integers_stay_so_beside_ranks_without_events() -> None:
    here = {"times": np.array([2.0]), "senders": np.array([3]), "state": np.array([1])}
    nothing = {name: np.zeros(0) for name in here}
    for values in ([here, nothing], [nothing, here]):
        found = ordering.merge_events(values)
        assert {name: column.dtype.kind for name, column in found.items()} == {
            "times": "f",
            "senders": "i",
            "state": "i",
        }
    assert ordering.merge_events([nothing, nothing]).keys() == here.keys()


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([0.1, 0.2, 7.6, 7.6000000000000005, 7.6004, 1e12, 0.0, -1.0, math.nan]),
            st.integers(1, 4),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=30,
    ),
    times=st.sampled_from(["grid", "any", "steps"]),
    columns=st.integers(2, 3),
)
def test_events_are_in_the_order_of_all_their_columns(
    rows: list[tuple[float, int, int]], times: str, columns: int
) -> None:
    chosen = [row for row in rows if times == "any" or 0.0 < row[0] < 1e3]
    found: dict[str, Any] = {
        "times": np.array([row[0] for row in chosen]),
        "senders": np.array([row[1] for row in chosen], np.int64),
        "V_m": np.array([float(row[2]) for row in chosen]),
    }
    if times == "steps":
        found["times"] = np.rint(found["times"] * 10).astype(np.int64)
    if columns == 2:
        del found["V_m"]
    keys = [found["times"], found["senders"], *([found["V_m"]] if columns == 3 else [])]
    order = np.lexsort(keys[::-1])
    merged_events = ordering.merge_events([found])
    for name, column in merged_events.items():
        assert np.array_equal(column, found[name][order], equal_nan=True), name


# Connections


def connections(
    *parts: dict[str, list[Any]], rows: list[list[int]] | None = None, **more: Any
) -> list[dict[str, Any]]:
    """Shares of ranks that have ``parts`` of the connections."""
    return [
        {
            "$share": "connections",
            "columns": part,
            "rows": None if rows is None else np.array(rows[rank], np.int64),
            "missing": np.zeros(0, np.int64),
            **more,
        }
        for rank, part in enumerate(parts)
    ]


def part(*rows: tuple[int, int, int, int], **more: list[Any]) -> dict[str, list[Any]]:
    """Columns of connections given as (source, target, synapse_id, port)."""
    names = ("source", "target", "synapse_id", "port")
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else []
    return dict(zip(names, columns, strict=False)) | more


PARTS = (
    part((1, 2, 0, 0), (3, 2, 0, 1), weight=[12.0, 32.0]),
    part((2, 1, 0, 0), (1, 3, 0, 1), (1, 1, 0, 2), weight=[21.0, 13.0, 11.0]),
)


def test_connections_are_in_one_order_for_any_number_of_ranks() -> None:
    found = merged("GetConnections", *connections(*PARTS))
    assert (found["source"], found["target"]) == ([1, 1, 1, 2, 3], [1, 2, 3, 1, 2])
    assert found["weight"] == [11.0, 12.0, 13.0, 21.0, 32.0]


def test_connections_that_a_caller_ordered_keep_his_order() -> None:
    shares = connections(*PARTS, rows=[[3, 0], [1, 4, 2]], asked="weight", output="")
    found = merged("SynapseCollection.get", *shares)
    assert found == [32.0, 21.0, 11.0, 12.0, 13.0]


def test_connection_of_several_that_a_row_names_come_together() -> None:
    twice = (part((1, 2, 0, 4), (1, 2, 0, 3), (3, 2, 0, 1)), part((2, 1, 0, 0)))
    shares = connections(*twice, rows=[[1, 1, 0], [2]], asked=["source", "port"], output="")
    found = merged("SynapseCollection.get", *shares)
    assert found == {"source": [3, 1, 1, 2], "port": [1, 3, 4, 0]}


def test_connections_looked_up_by_reference_are_given_their_places() -> None:
    reference = Reference("SynapseCollection", 1, "g")
    found = merged("GetConnections", *connections(*PARTS, reference=reference))
    assert isinstance(found, Placement)
    assert (found.reference, found.total) == (reference, 5)
    assert [rows.tolist() for rows in found.rows] == [[1, 4], [3, 2, 0]]


def test_rank_without_connections_has_no_places() -> None:
    reference = Reference("SynapseCollection", 1, "g")
    found = merged("GetConnections", *connections(part(), PARTS[1], part(), reference=reference))
    assert [rows.tolist() for rows in found.rows] == [[], [2, 1, 0], []]


def test_no_connections_are_an_empty_object_or_list() -> None:
    assert merged("GetConnections", *connections(part(), part())) == {}
    for asked, expected in ((None, {}), ("weight", ()), (["weight"], ())):
        shares = connections(part(), part(), asked=asked, output="")
        assert merged("SynapseCollection.get", *shares) == expected
    assert merged("GetStatus", *connections(part(), part(), asked="weight", output="")) == ()


def test_one_connection_has_scalars() -> None:
    shares = connections(part((1, 2, 0, 0), weight=[5.0]), part(), asked="weight", output="")
    assert merged("SynapseCollection.get", *shares) == 5.0
    assert merged("GetStatus", *shares) == (5.0,)


def test_field_that_some_synapse_models_lack_is_none_there() -> None:
    parts = (part((1, 2, 0, 0)), part((1, 1, 1, 0), Wmax=[100.0]))
    assert merged("GetConnections", *connections(*parts))["Wmax"] == [None, 100.0]


def test_threads_of_connections_are_constant() -> None:
    parts = (part((1, 2, 0, 0), target_thread=[1]), part((1, 1, 0, 0), target_thread=[0]))
    found = merged("GetConnections", *connections(*parts))
    assert found["target_thread"] == [GENERIC["target_thread"]] * 2


def test_field_that_no_connection_has_is_the_key_error_of_pynest() -> None:
    for call in ("SynapseCollection.get", "GetStatus"):
        with pytest.raises(KernelError, match="nope"):
            merged(call, *connections(*PARTS, asked="nope", output=""))


#: What a caller described, and as which parameter.
DESCRIBED = ("conns", {"source": [1, 2, 3, 4, 5], "target": [1, 1, 1, 1, 1]})


@pytest.mark.parametrize("kind", ["connections", "done"])
def test_row_that_no_rank_has_is_an_error_naming_it(kind: str) -> None:
    shares = connections(*PARTS, asked="weight", output="")
    for share, missing in zip(shares, ([0, 2, 3], [1, 3, 4]), strict=True):
        share |= {"$share": kind, "missing": np.array(missing), "described": DESCRIBED}
    with pytest.raises(ArgumentError, match="no connection with source 4, target 1") as raised:
        merged("SetStatus", *shares)
    assert (raised.value.call, raised.value.parameter) == ("SetStatus", "conns")


def done(missing: list[int]) -> dict[str, Any]:
    """The share of a rank that has put off what it was asked, and lacks rows."""
    return {
        "$share": "done",
        "missing": np.array(missing),
        "described": DESCRIBED,
        "put_off": True,
    }


def test_ranks_proceed_once_no_row_is_missing_on_all() -> None:
    operation = Operation(Action.CALL_JSON, "SetStatus", [{"source": [1]}, {"weight": 2.0}])
    answers = [Executed(1, rank, done(missing)) for rank, missing in enumerate(([0, 2], [1]))]
    assert policies.put_off(operation, answers) == replace(operation, action=Action.COMMIT)
    answers[1] = Executed(1, 1, done([0]))
    with pytest.raises(ArgumentError, match="source 1, target 1"):
        policies.put_off(operation, answers)


def test_nothing_is_put_off_after_errors_by_one_rank_or_twice() -> None:
    operation = Operation(Action.CALL_JSON, "SetStatus")
    failed = [Executed(1, 0, done([])), Executed(1, 1, error=KernelError("wrong"))]
    assert policies.put_off(operation, failed) is None
    finished = [Executed(1, 0, done([]) | {"put_off": False})]
    assert policies.put_off(operation, finished) is None
    again = replace(operation, action=Action.COMMIT)
    assert policies.put_off(again, [Executed(1, 0, done([]))]) is None
    assert policies.put_off(operation, [Executed(1, 0, None)]) is None


def test_rows_that_some_rank_has_are_no_error() -> None:
    shares = [
        {"$share": "done", "missing": np.array(missing), "described": DESCRIBED}
        for missing in ([0, 2], [1])
    ]
    assert merged("SetStatus", *shares) is None


identities = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2), st.integers(0, 9)),
    max_size=20,
    unique=True,
)


def test_events_within_a_step_come_in_the_order_of_their_precise_times() -> None:
    one = {"times": [5, 5, 6], "senders": [1, 1, 1], "offsets": [0.75, 0.25, 0.5]}
    other = {"times": [5], "senders": [2], "offsets": [0.5]}
    parts = [{name: np.array(column) for name, column in part.items()} for part in (one, other)]
    found = ordering.merge_events(parts)
    assert found["offsets"].tolist() == [0.75, 0.5, 0.25, 0.5]
    assert found["senders"].tolist() == [1, 2, 1, 1]


def by_synapse(row: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The order of connections: by synapse model, source, target, port."""
    source, target, synapse, port = row
    return synapse, source, target, port


@given(identities=identities, ranks=st.integers(1, 4))
def test_connections_are_the_same_however_the_targets_are_spread(
    identities: list[tuple[int, int, int, int]], ranks: int
) -> None:
    parts = [part(*(row for row in identities if row[1] % ranks == rank)) for rank in range(ranks)]
    ordered = sorted(identities, key=by_synapse)
    assert merged("GetConnections", *connections(*parts)) == part(*ordered)
    # The places of each rank's rows say the same.
    reference = Reference("SynapseCollection", 1, "g")
    placed = merged("GetConnections", *connections(*parts, reference=reference))
    for rank, places in enumerate(placed.rows):
        own = [row for row in identities if row[1] % ranks == rank]
        assert [ordered[place] for place in places] == own


# Kernel and defaults


def status(kind: str, *fields: dict[str, Any], asked: Any = None) -> Any:
    return merged(
        "GetKernelStatus", *({"$share": kind, "fields": one, "asked": asked} for one in fields)
    )


KERNEL = [
    {"num_connections": 16, "mpi_rank": 0, "resolution": 0.1, "num_processes": 2},
    {"num_connections": 24, "mpi_rank": 1, "resolution": 0.1, "num_processes": 2},
]


def test_kernel_status_is_that_of_one_process() -> None:
    one = {"mpi_rank": 0, "num_connections": 40, "num_processes": 1, "resolution": 0.1}
    assert status("kernel", *KERNEL) == one
    assert status("kernel", *KERNEL, asked="num_connections") == 40
    assert status("kernel", *KERNEL, asked=["resolution", "mpi_rank"]) == (0.1, 0)
    with pytest.raises(KernelError, match="nope"):
        status("kernel", *KERNEL, asked="nope")


@pytest.mark.parametrize("field", ["time_simulate", "time_construction_connect_cpu", "time_x"])
def test_all_times_of_the_kernel_are_wall_times(field: str) -> None:
    assert status("kernel", {field: 1.0}, {field: 2.0}, asked=field) == 2.0


def test_field_of_the_kernel_without_a_rule_that_differs_is_an_error_naming_it() -> None:
    with pytest.raises(InternalError, match="field 'resolution' of GetKernelStatus"):
        status("kernel", {"resolution": 0.1}, {"resolution": 0.2})


def test_defaults_count_all_virtual_processes() -> None:
    fields = [
        {"capacity": np.array([0, 2]), "num_connections": 3, "C_m": 250.0, "thread": -1},
        {"capacity": np.array([1, 3]), "num_connections": 4, "C_m": 250.0, "thread": -1},
    ]
    found = status("defaults", *fields)
    assert found.pop("capacity").tolist() == [0, 1, 2, 3]
    assert found == {"C_m": 250.0, "num_connections": 7, "thread": GENERIC["thread"]}


def test_virtual_processes_of_all_ranks_are_united() -> None:
    shares = [{"$share": "union", "items": items} for items in ([0, 2], [1, 3])]
    assert merged("GetLocalVPs", *shares) == [0, 1, 2, 3]
