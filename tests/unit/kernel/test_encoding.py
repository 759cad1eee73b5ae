"""The total encoder: a documented form for everything, an exception for nothing."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import json
import pathlib
import types
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import protocol.wire.encoder
from nestd.kernel import encoding
from nestd.kernel.connections import Connections
from nestd.kernel.encoding import KernelEncoder
from nestd.kernel.objects import ObjectTable
from nestd.kernel.pynest import nest
from nestd.partial.connections import ConnectionColumns
from nestd.partial.policies import same as equal
from nestd.partial.spatial import ConnectionDistances
from nestd.partial.status import KernelFields
from protocol.wire import frames, json_form
from protocol.wire.messages import Result
from protocol.wire.values import VALUE_NESTING_LIMIT, Expression, Reference
from tests.unit.naming import stable
from tests.unit.partial.ranks import across
from tests.unit.strategies import same


def encode(item: Any) -> Any:
    """The value of ``item``, after its way over the wire, which it must survive unchanged."""
    value = KernelEncoder().encode(item)
    received = frames.decode([bytes(frame) for frame in frames.encode(Result("1", "g", value))])
    assert isinstance(received, Result)
    assert same(received.value, value)
    in_json(received.value)
    return received.value


def in_json(value: Any) -> Any:
    """``value`` in JSON, which must be valid without NaN and Infinity."""

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    return json.loads(json_form.dumps(value).decode("utf-8"), parse_constant=refuse)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Words(str):
    pass


class Number(int):
    pass


class Row(collections.namedtuple("Row", "a b")):
    pass


Frame = type(
    "DataFrame",
    (),
    {"__module__": "pandas.core.frame", "to_dict": lambda self: {"a": {0: 1.5, 1: None}}},
)

TABLE: list[tuple[Any, Any]] = [
    # None, bool, float, str
    (None, None),
    (True, True),
    (1.5, 1.5),
    (float("inf"), float("inf")),
    ("text", "text"),
    ("grün", "grün"),
    ("a\ud800b", "a\\ud800b"),
    (Words("w"), "w"),
    # int
    (3, 3),
    (Number(3), 3),
    (-(2**63), -(2**63)),
    (2**64 - 1, 2**64 - 1),
    (2**64, "18446744073709551616"),
    (-(2**63) - 1, "-9223372036854775809"),
    # complex, bytes
    (1 + 2j, 1 + 2j),
    (b"\x00\xff", b"\x00\xff"),
    (bytearray(b"ab"), b"ab"),
    (memoryview(b"ab"), b"ab"),
    # sequences and sets
    ((1, "a"), [1, "a"]),
    (Row(1, 2.0), [1, 2.0]),
    (range(3), [0, 1, 2]),
    (collections.deque([1, None]), [1, None]),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset("ba"), ["a", "b"]),
    ({1, "a"}, [1, "a"]),
    # dicts
    ({"a": {"b": (1,)}}, {"a": {"b": [1]}}),
    (
        {2: "a", (1, 2): "b", None: "c", True: "d"},
        {"2": "a", "(1, 2)": "b", "None": "c", "True": "d"},
    ),
    ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
    ({np.int64(4): 1, np.str_("k"): 2, 1.5: 3}, {"4": 1, "k": 2, "1.5": 3}),
    (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    # NumPy scalars
    (np.int16(-3), -3),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.float32(0.5), 0.5),
    (np.float16(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.bool_(True), True),
    (np.complex64(1j), 1j),
    (np.clongdouble(1j), 1j),
    (np.str_("s"), "s"),
    (np.bytes_(b"s"), b"s"),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (np.void(b"abc"), b"abc"),
    # NumPy arrays that have no form as such
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array([["a"], ["b"]]), [["a"], ["b"]]),
    (np.array([1, None, "x"], dtype=object), [1, None, "x"]),
    (np.array(["2026-01-02", "NaT"], "M8[D]"), ["2026-01-02", "NaT"]),
    (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), [{"a": 1, "b": 2.5}]),
    (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])[0], {"a": 1, "b": 2.5}),
    (np.array([1j], np.clongdouble), [1j]),
    (np.ma.masked_array([1.0, 2.0], [False, True]), [1.0, None]),
    # enums, exceptions, text-like
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    (ValueError("bad"), {"error": "ValueError", "message": "bad"}),
    (datetime.date(2026, 1, 2), "2026-01-02"),
    (datetime.datetime(2026, 1, 2, 3, 4), "2026-01-02 03:04:00"),
    (datetime.timedelta(seconds=1), "0:00:01"),
    (decimal.Decimal("1.50"), "1.50"),
    (fractions.Fraction(1, 3), "1/3"),
    (pathlib.PurePosixPath("/a/b"), "/a/b"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Frame(), {"a": {"0": 1.5, "1": None}}),
    # anything else
    (slice(1, 2), "slice(1, 2, None)"),
    (Ellipsis, "Ellipsis"),
    (int, "<class 'int'>"),
    (types.SimpleNamespace(a=1), "namespace(a=1)"),
]


@pytest.mark.parametrize(("item", "expected"), TABLE, ids=lambda value: stable(value)[:40])
def test_object_has_its_documented_form(item: Any, expected: Any) -> None:
    assert same(encode(item), expected)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.arange(3), np.arange(3)),
        (np.array(2.5), np.array(2.5)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.arange(3, dtype=">i4"), np.arange(3, dtype="<i4")),
        (np.arange(6.0).reshape(2, 3).T, np.arange(6.0).reshape(2, 3).T),
        (np.arange(4)[::2], np.array([0, 2])),
        (np.array([0.5], np.float16), np.array([0.5])),
        (np.array([0.5], np.longdouble), np.array([0.5])),
        (np.array([True, False]), np.array([True, False])),
        (np.array([1j], np.complex64), np.array([1j], np.complex64)),
    ],
    ids=repr,
)
def test_array_of_numbers_stays_an_array(array: Any, expected: Any) -> None:
    found = encode(array)
    assert isinstance(found, np.ndarray)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


def test_nan_stays_nan_in_the_binary_form_and_is_null_in_json() -> None:
    value = encode([float("nan"), np.float64("inf"), {"a": np.array([np.nan])}])
    assert np.isnan(value[0])
    assert np.isnan(value[2]["a"][0])
    assert in_json(value) == [None, None, {"a": [None]}]


def test_every_row_of_the_documented_table_is_tested_here() -> None:
    rows: list[str] = []
    for module in (protocol.wire.encoder, encoding):
        assert module.__doc__ is not None
        table = module.__doc__.split("=\n")[2]
        rows += [line[:28].strip() for line in table.splitlines() if line[:28].strip(" =")]
    assert rows == [
        "None, bool, float, str",
        "int",
        "complex",
        "bytes, bytearray",
        "list, range, deque",
        "tuple",
        "set, frozenset",
        "dict",
        "NumPy scalar",
        "NumPy array",
        "masked NumPy array",
        "Enum",
        "exception",
        "date, path, Decimal, …",
        "pandas object",
        "anything else",
        "nested too deep, in itself",
        "NodeCollection",
        "Connections",
        "Parameter, Mask, grid …",
        "Compartments, Receptors",
        "CollocatedSynapses",
        "partial answer",
        "anything else",
    ]


# Objects of PyNEST.


@pytest.fixture
def network() -> Any:
    """Three neurons, connected one to one with themselves."""
    nest.ResetKernel()
    nodes = nest.Create("iaf_psc_alpha", 3)
    nest.Connect(nodes, nodes, "one_to_one", {"weight": [1.0, 2.0, 3.0]})
    return nodes


def test_nodes_are_their_ids(network: Any) -> None:
    assert same(encode(network), np.array([1, 2, 3]))
    assert same(encode(nest.NodeCollection([])), np.array([], np.int64))
    assert same(encode({"nodes": network[::2]}), {"nodes": np.array([1, 3])})


def test_connections_are_a_partial_answer_of_columns_also_a_single_one_and_none(
    network: Any,
) -> None:
    part = KernelEncoder().encode(Connections(nest.GetConnections(), np.array([2, 0, 1]), 3))
    assert isinstance(part, ConnectionColumns)
    assert same(part.rows, np.array([2, 0, 1]))
    assert same(part.missing, np.zeros(0, np.int64))
    assert same(part.columns["source"], np.array([1, 2, 3]))
    assert same(part.columns["target"], np.array([1, 2, 3]))
    assert same(part.columns["weight"], np.array([1.0, 2.0, 3.0]))
    assert part.columns["synapse_model"] == ["static_synapse"] * 3
    single = KernelEncoder().encode(Connections(nest.GetConnections(network[1]))).columns
    assert same([single["source"], single["weight"]], [np.array([2]), np.array([2.0])])
    nest.ResetKernel()
    assert KernelEncoder().encode(Connections(nest.GetConnections())).columns == {}


def test_partial_answer_has_values_in_its_fields() -> None:
    part = KernelFields({"verbosity": nest.VerbosityLevel.ERROR, "times": (1, 2)}, ("times",))
    assert KernelEncoder().encode(part) == KernelFields(
        {"verbosity": 30, "times": [1, 2]}, ["times"]
    )
    assert KernelEncoder(tuples=True).encode(part).asked == ("times",)


def test_deepest_partial_answer_travels() -> None:
    item: Any = 1
    for _ in range(VALUE_NESTING_LIMIT):
        item = [item]
    for part in (
        KernelFields({"a": item}, None),
        ConnectionDistances([], ConnectionColumns(np.zeros(0, int), None, {"a": item}, None)),
    ):
        encoded = KernelEncoder().encode(part)
        assert equal(across(encoded), encoded)


def test_objects_are_references_for_callers_that_can_hold_them(network: Any) -> None:
    table = ObjectTable("g")
    conns = Connections(nest.GetConnections())
    held = [network, conns, nest.random.uniform(), nest.CreateMask("grid", GRID)]
    found = KernelEncoder(table).encode(held)
    assert found == [
        Reference("NodeCollection", 1, "g"),
        Reference("SynapseCollection", 2, "g"),
        Reference("Parameter", 3, "g"),
        Reference("Mask", 4, "g"),
    ]
    assert same(found[0].ids, np.array([1, 2, 3]))
    assert [table.look_up(reference) for reference in found] == held


GRID = {"shape": [1, 1]}


def test_objects_are_what_made_them_or_text_for_callers_that_can_not() -> None:
    parameter, mask = nest.random.uniform(), nest.CreateMask("grid", GRID)
    grid = nest.spatial.grid([2, 2])
    origin = Expression("random.uniform", [0.0], {"max": 2.0})
    assert KernelEncoder(None, origin).encode(parameter) == origin
    assert [encode(item) for item in (parameter, mask, grid)] == ["<Parameter>", "<Mask>", "<grid>"]


def test_compartments_receptors_and_collocated_synapses_are_lists_of_dicts() -> None:
    nest.ResetKernel()
    neuron = nest.Create("cm_default")
    compartment = {"parent_idx": -1, "params": {"C_m": 1.0}}
    assert encode(nest.Compartments(neuron, [compartment])) == [compartment]
    receptor = {"comp_idx": 0, "receptor_type": "AMPA"}
    assert encode(nest.Receptors(neuron, [receptor])) == [receptor]
    synapses = [{"synapse_model": "static_synapse", "weight": 1.0}, {"weight": 2.0}]
    assert encode(nest.CollocatedSynapses(*synapses)) == synapses


@pytest.mark.parametrize("model", ["iaf_psc_alpha", "spike_recorder", "multimeter", "cm_default"])
def test_all_that_nest_says_of_a_model_and_a_node_has_a_form(model: str) -> None:
    nest.ResetKernel()
    assert encode(nest.GetDefaults(model))["model"] == model
    assert encode(nest.Create(model).get())["model"] == model


def test_kernel_status_has_a_form() -> None:
    assert encode(nest.GetKernelStatus())["resolution"] == 0.1


# Hostile objects.


class Raising:
    """Raises whatever is done with it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")


class Liar:
    """Says that it is a NodeCollection."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return nest.NodeCollection


class RaisingList(list[Any]):
    def __iter__(self) -> Any:
        raise OSError


class RaisingDict(dict[Any, Any]):
    def items(self) -> Any:
        raise OSError


class Mute:
    def __repr__(self) -> str:
        return "\ud800 mute"


def released() -> memoryview:
    view = memoryview(b"ab")
    view.release()
    return view


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Raising(), "<Raising>"),
        ([1, Raising()], [1, "<Raising>"]),
        ({"a": Raising(), "b": 2}, {"a": "<Raising>", "b": 2}),
        ({Raising(): 1}, "<dict>"),
        ({Raising()}, ["<Raising>"]),
        ({Raising(), "a"}, "<set>"),
        (Liar(), "<Liar>"),
        (RaisingList([1]), "<RaisingList>"),
        (RaisingDict(a=1), "<RaisingDict>"),
        (Mute(), "\\ud800 mute"),
        (released(), "<memoryview>"),
        (10**5000, "<int>"),
        ({"\ud800": "\udfff"}, {"\\ud800": "\\udfff"}),
        (ValueError(Raising()), "<ValueError>"),
        (np.array([Mute(), None], dtype=object), ["\\ud800 mute", None]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_object_that_misbehaves_is_its_type(item: Any, expected: Any) -> None:
    assert same(encode(item), expected)


def test_text_of_an_unknown_object_has_an_end() -> None:
    class Long:
        def __repr__(self) -> str:
            return "x" * 10**6

    assert encode(Long()) == "x" * 1000


def test_object_that_contains_itself_ends_in_an_ellipsis() -> None:
    items: list[Any] = [1]
    items += [items, items]
    assert encode(items) == [1, "…", "…"]
    mapping: dict[str, Any] = {"a": 1}
    mapping["self"] = (mapping,)
    assert encode(mapping) == {"a": 1, "self": ["…"]}
    array = np.empty(2, dtype=object)
    array[:] = [array, 1]
    assert encode(array)[1] == 1


def test_object_that_appears_twice_is_encoded_twice() -> None:
    shared = [1]
    assert encode([shared, {"again": shared}]) == [[1], {"again": [1]}]


@pytest.mark.parametrize("levels", [VALUE_NESTING_LIMIT + 1, 200, 20_000])
def test_object_nested_too_deep_ends_in_an_ellipsis(levels: int) -> None:
    item: Any = 1
    for _ in range(levels):
        item = [item]
    found = encode(item)
    depth = 0
    while isinstance(found, list):
        (found,) = found
        depth += 1
    assert (found, depth) == ("…", VALUE_NESTING_LIMIT)


scalar_types = st.one_of(
    hnp.scalar_dtypes(),
    st.sampled_from([np.dtype(name) for name in ("f2", ">f8", ">i2", "g", "G", "S3", "U3", "O")]),
)
dtypes = st.one_of(scalar_types, hnp.array_dtypes(hnp.scalar_dtypes(), max_size=2))
any_arrays = dtypes.flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        elements=st.none() if dtype.kind == "O" else None,
    )
)
keys = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=4),
    st.binary(max_size=4),
    st.tuples(st.integers()),
)
leaves = st.one_of(
    keys,
    any_arrays,
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.builds(ValueError, st.text(max_size=4)),
    st.sampled_from([Colour.RED, Ellipsis, int, len, object()]),
    st.iterables(st.integers(), max_size=2),
)
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(collections.deque),
        st.sets(keys, max_size=4),
        st.dictionaries(keys, inner, max_size=3),
    ),
    max_leaves=5,
)


@given(objects)
def test_every_object_has_a_form_that_travels_and_is_valid_json(item: Any) -> None:
    encode(item)
