"""Values in msgpack: what goes in comes out, and nothing else comes out of bytes."""

from __future__ import annotations

import struct
from collections import OrderedDict, namedtuple
from contextlib import suppress
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.wire import pack, values
from protocol.wire import unpack as unpack_module
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import (
    ARRAY_TYPES,
    INT_MAX,
    INT_MIN,
    NESTING_LIMIT,
    VALUE_NESTING_LIMIT,
    Expression,
    Reference,
    Text,
)
from tests.unit.naming import stable
from tests.unit.strategies import arrays, exact_values, same, sent_values


def ext(code: int, fields: Any) -> bytes:
    """An extension type with ``fields`` in it, right or wrong."""
    return bytes(msgpack.packb(msgpack.ExtType(code, msgpack.packb(fields))))


def unpack(packed: bytes, *buffers: bytes) -> Any:
    return Unpacker(list(buffers)).unpack(packed)


@given(sent_values, st.booleans())
def test_every_value_comes_back_the_same_with_arrays_inside_or_beside(
    value: Any, beside: bool
) -> None:
    buffers: list[Any] | None = [] if beside else None
    packed = Packer(buffers).pack(value)
    assert same(Unpacker(buffers).unpack(packed), value)


@given(exact_values, st.booleans())
def test_tuples_stay_tuples_where_they_are_kept(value: Any, beside: bool) -> None:
    buffers: list[Any] | None = [] if beside else None
    packed = Packer(buffers, tuples=True).pack(value)
    assert same(Unpacker(buffers).unpack(packed), value)


def test_tuples_are_lists_where_they_are_not_kept() -> None:
    value = {"a": (1, [2, (3, (4.0, "x"))])}
    assert unpack(Packer().pack(value)) == {"a": [1, [2, [3, [4.0, "x"]]]]}


def test_what_derives_from_plain_values_is_plain_also_where_tuples_are_kept() -> None:
    value = [np.float64(1.5), np.str_("x"), OrderedDict(a=namedtuple("Pair", "b c")(1, 2))]
    found = unpack(Packer(tuples=True).pack(value))
    assert found == [1.5, "x", {"a": (1, 2)}]
    assert [type(item) for item in found] == [float, str, dict]


def test_objects_are_converted_wherever_they_are() -> None:
    class Thing:
        pass

    def convert(item: Any) -> Any:
        if isinstance(item, Thing):
            return Reference("Thing", 7, "g")
        raise TypeError(type(item).__name__)

    packer = Packer(tuples=True, convert=convert)
    found = unpack(packer.pack([Thing(), {"a": (Thing(),)}, Expression("c", [Thing()])]))
    reference = Reference("Thing", 7, "g")
    assert found == [reference, {"a": (reference,)}, Expression("c", [reference])]
    with pytest.raises(ProtocolError, match="object"):
        packer.pack([object()])


def test_references_become_what_the_receiver_makes_of_them() -> None:
    packed = Packer().pack([Reference("Mask", 3, "g"), {"a": Reference("Mask", 4, "g")}])
    assert Unpacker(reference=lambda ref: ref.id).unpack(packed) == [3, {"a": 4}]


@pytest.mark.parametrize("count", [3, 1000])
def test_arrays_can_be_written_where_the_receiver_wants_it(count: int) -> None:
    for buffers in (None, []):
        packed = Packer(buffers).pack(np.arange(count))
        found = Unpacker(buffers, writable=True).unpack(packed)
        found[0] = 5
        assert found.tolist() == [5, *range(1, count)]


@pytest.mark.parametrize("dtype", sorted(ARRAY_TYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (0, 4), (2, 0, 3), (1,) * 8])
def test_arrays_of_every_type_and_shape_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    found = unpack(Packer().pack(array))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)


@given(arrays)
def test_foreign_layouts_arrive_as_the_numbers_they_are(array: Any) -> None:
    for foreign in (
        array.T,
        array[..., ::-1] if array.ndim else array,
        np.asfortranarray(array),
        array.astype(array.dtype.newbyteorder(">")),
    ):
        found = unpack(Packer().pack(foreign))
        assert found.shape == foreign.shape
        assert found.tobytes() == np.ascontiguousarray(foreign).astype(found.dtype).tobytes()


def test_arrays_beside_share_the_memory_of_their_buffers() -> None:
    array = np.arange(1000.0)
    buffers: list[Any] = []
    packed = Packer(buffers).pack({"times": array})
    assert np.shares_memory(np.frombuffer(buffers[0]), array)
    assert np.shares_memory(Unpacker(buffers).unpack(packed)["times"], array)


@pytest.mark.parametrize("integer", [INT_MIN, -1, 0, 2**63, INT_MAX])
def test_integers_of_64_bit_travel(integer: int) -> None:
    assert unpack(Packer().pack(integer)) == integer


@pytest.mark.parametrize(
    "value",
    [
        INT_MAX + 1,
        INT_MIN - 1,
        {1, 2},
        object(),
        "\ud800",
        np.array(["text"]),
        np.zeros(2, np.longdouble),
        np.array([object()]),
        np.array(["2020-01-01"], "M8[D]"),
        Expression("call", [object()]),
    ],
    ids=stable,
)
def test_what_has_no_form_is_a_protocol_error(value: Any) -> None:
    with pytest.raises(ProtocolError):
        Packer().pack([value])


@pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}, lambda v: Expression("c", [v])]
)
def test_endless_nesting_is_a_protocol_error_on_both_sides(wrap: Any) -> None:
    value: Any = 0
    for _ in range(NESTING_LIMIT + 1):
        value = wrap(value)
    with pytest.raises(ProtocolError, match="nested deeper"):
        unpack(Packer().pack(value))
    for _ in range(5000):
        value = wrap(value)
    with pytest.raises(ProtocolError):
        Packer().pack(value)
    with pytest.raises(ProtocolError):
        unpack(b"\x91" * 100_000 + b"\xc0")


def test_nesting_up_to_the_limit_travels() -> None:
    value: Any = 0
    for _ in range(VALUE_NESTING_LIMIT):
        value = [value]
    packed = Packer().pack(value)
    assert Unpacker(nesting_limit=VALUE_NESTING_LIMIT).unpack(packed) == value
    with pytest.raises(ProtocolError, match="nested deeper than 60"):
        Unpacker(nesting_limit=VALUE_NESTING_LIMIT).unpack(Packer().pack([value]))


def test_extension_types_nested_in_each_other_without_end_are_a_protocol_error() -> None:
    packed = msgpack.packb(None)
    for _ in range(500):
        packed = msgpack.packb(msgpack.ExtType(values.EXT_EXPRESSION, b"\x91" + packed))
    with pytest.raises(ProtocolError):
        unpack(packed)


@given(st.binary(max_size=200), st.lists(st.binary(max_size=20), max_size=3))
def test_any_bytes_are_a_value_or_a_protocol_error(packed: bytes, buffers: list[bytes]) -> None:
    try:
        value = unpack(packed, *buffers)
    except ProtocolError:
        return
    # What was accepted is a value, which therefore can be sent on.
    again: list[Any] = []
    assert same(Unpacker(again).unpack(Packer(again).pack(value)), value)


@given(st.integers(-128, 127), st.binary(max_size=60))
def test_any_bytes_in_any_extension_type_are_a_value_or_a_protocol_error(
    code: int, data: bytes
) -> None:
    packed = b"\xc7" + struct.pack(">Bb", len(data), code) + data
    try:
        unpack(packed, b"12345678")
    except ProtocolError:
        return
    assert code in range(1, 7)


junk = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-2, 2**63), st.text(max_size=4), st.binary(max_size=9)
    ),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(
    st.integers(1, 6),
    st.lists(
        st.one_of(junk, st.sampled_from(["<f8", "<i8", [2], [0, 2**61, 2**61], {}, 0, 1])),
        max_size=4,
    ),
)
def test_extension_types_with_any_fields_are_a_value_or_a_protocol_error(
    code: int, fields: list[Any]
) -> None:
    try:
        value = unpack(ext(code, fields), b"1234567812345678")
    except ProtocolError:
        return
    assert isinstance(value, (np.ndarray, Reference, Expression, Text, complex))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\xc0\xc0",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xdd\x7f\xff\xff\xff" * 1000,
        b"\xa2\xff\xfe",
        b"\x81\xa1a",
        msgpack.packb({1: 2}),
        msgpack.packb({b"bytes": 2}),
        msgpack.packb({"in": {b"bytes": 2}}),
        msgpack.packb(msgpack.Timestamp(1, 2)),
        msgpack.packb([{"in": msgpack.Timestamp(1, 2)}]),
        ext(99, []),
        ext(values.EXT_EXPRESSION, ["c", [], {b"bytes": 1}]),
        ext(values.EXT_REFERENCE, ["NodeCollection", True, "g", None]),
        ext(values.EXT_REFERENCE, ["NodeCollection", 1, "g", [1, 2]]),
        ext(values.EXT_TEXT, ["a", 1]),
        ext(values.EXT_TEXT, "text"),
        ext(values.EXT_COMPLEX, 1.0),
        ext(values.EXT_ARRAY_INLINE, ["<f8", [2], b"1234567"]),
        ext(values.EXT_ARRAY_INLINE, ["<f8", [-1], b"12345678"]),
        ext(values.EXT_ARRAY_INLINE, ["<f8", [2**61, 2**61], b""]),
        ext(values.EXT_ARRAY_INLINE, ["<f8", [0, 2**61, 2**61], b""]),
        ext(values.EXT_ARRAY_INLINE, ["<f8", [1] * 33, b"12345678"]),
        ext(values.EXT_ARRAY_INLINE, ["<f8", [True], b"12345678"]),
        ext(values.EXT_ARRAY_INLINE, ["|O", [1], b"12345678"]),
        ext(values.EXT_ARRAY_INLINE, [">f8", [1], b"12345678"]),
        ext(values.EXT_ARRAY_INLINE, ["f8,f8", [1], b"1234567812345678"]),
        ext(values.EXT_ARRAY_BUFFER, [0, "<f8", [1]]),
    ],
    ids=lambda packed: packed[:24].hex() or "nothing",
)
def test_hostile_bytes_are_a_protocol_error(packed: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack(packed)


@pytest.mark.parametrize(
    "arrays_of", [[], [0], [0, 0], [0, 1, 0], [0, 2], [-1, 0], [True, 0], [0, 1, 1]]
)
def test_every_buffer_belongs_to_exactly_one_array(arrays_of: list[int]) -> None:
    packed = msgpack.packb(
        [
            msgpack.ExtType(values.EXT_ARRAY_BUFFER, msgpack.packb([index, "<f8", [1]]))
            for index in arrays_of
        ]
    )
    with pytest.raises(ProtocolError, match="buffer"):
        unpack(packed, b"12345678", b"12345678")


def test_received_arrays_are_not_written_to_by_accident() -> None:
    found = unpack(Packer().pack(np.zeros(3)))
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1.0


@given(exact_values, st.booleans(), st.sampled_from([1, 16, 1024]))
def test_pieces_are_what_packing_gives(value: Any, tuples: bool, large: int) -> None:
    packer = Packer(tuples=tuples)
    with pytest.MonkeyPatch.context() as patch:
        # Or hypothesis would have to make large arrays.
        patch.setattr(pack, "BUFFER_FROM_BYTES", large)
        assert b"".join(packer.pieces(value)) == packer.pack(value)


@pytest.mark.parametrize("tuples", [True, False])
def test_data_of_large_arrays_is_not_copied_into_pieces(tuples: bool) -> None:
    array = np.arange(10_000)
    reference = Reference("NodeCollection", 1, "g", array)
    value = {"a": [1, (array, "x")], "b": Expression("f", [reference], {"k": array[::2]})}
    packer = Packer(tuples=tuples)
    pieces = packer.pieces(value)
    assert b"".join(pieces) == packer.pack(value)
    shared = [one for one in pieces if np.shares_memory(np.frombuffer(one, np.uint8), array)]
    assert len(shared) == 2


def test_pieces_convert_each_object_once() -> None:
    value = [np.arange(1000), (number for number in range(3))]
    pieces = Packer(tuples=True, convert=list).pieces(value)
    assert unpack(b"".join(pieces))[1] == [0, 1, 2]


@given(exact_values, st.sampled_from([1, 64]))
def test_large_values_are_read_where_they_lie(value: Any, large: int) -> None:
    packed = Packer(tuples=True).pack(value)
    with pytest.MonkeyPatch.context() as patch:
        # Or hypothesis would have to make large ones.
        patch.setattr(unpack_module, "LARGE_BYTES", 1)
        patch.setattr(unpack_module, "BUFFER_FROM_BYTES", large)
        assert same(unpack(packed), value)
        # And in memory of their own.
        assert same(Unpacker(writable=True).unpack(bytearray(packed)), value)


@pytest.mark.parametrize("before", range(8))
def test_arrays_in_memory_of_their_own_are_not_copied_and_lie_where_numbers_do(before: int) -> None:
    value = ["x" * before, np.arange(10_000), {"a": np.arange(7_000) + 1j, "b": np.arange(9_999.0)}]
    expected = [value[1], value[2]["a"], value[2]["b"]]
    memory = np.frombuffer(bytearray(Packer(tuples=True).pack(value)), np.uint8)
    _, first, others = Unpacker(writable=True).unpack(memory.data)
    for found, wanted in zip([first, *others.values()], expected, strict=True):
        assert np.array_equal(found, wanted)
        assert np.shares_memory(found, memory)
        assert found.flags.aligned and found.flags.writeable


@given(st.binary(max_size=64), st.binary(max_size=8), st.integers(0, 64))
def test_any_bytes_are_a_large_value_or_an_error(head: bytes, put: bytes, at: int) -> None:
    packed = Packer(tuples=True).pack([np.arange(20), {"a": (1, "b", 2.5)}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack_module, "LARGE_BYTES", 1)
        patch.setattr(unpack_module, "BUFFER_FROM_BYTES", 1)
        for data in (head, packed[:at] + put + packed[at:], packed[:at] + put + packed[at + 1 :]):
            with suppress(ProtocolError):
                assert same(unpack(data), Unpacker().unpack(data))
            with suppress(ProtocolError):
                assert same(Unpacker(writable=True).unpack(bytearray(data)), unpack(data))


def test_arrays_of_a_large_value_share_its_memory_or_have_their_own() -> None:
    value = {"x": "odd", "times": np.arange(10_000) / 10.0, "list": [1.5] * 1000}
    packed = Packer(tuples=True).pack(value)
    shared = unpack(packed)
    assert same(shared, value)
    assert np.shares_memory(shared["times"], np.frombuffer(packed, np.uint8))
    own = Unpacker(writable=True).unpack(packed)["times"]
    assert own.flags.writeable
    assert own.flags.aligned
    own[0] = 1.0
    assert unpack(packed)["times"][0] == 0.0
