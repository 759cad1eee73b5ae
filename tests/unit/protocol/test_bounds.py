"""How much may be made of a body: bounded before it is, in MessagePack and in JSON."""

from __future__ import annotations

import struct
import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError, RequestTooLarge, TooManyValues
from protocol.wire import bounds, json_form
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import EXT_EXPRESSION, EXT_TEXT, EXT_TUPLE
from tests.unit.strategies import exact_values, same

CONTAINERS, ELEMENTS = 1000, 50_000


@pytest.fixture(autouse=True)
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that a test needs few bytes."""
    monkeypatch.setattr(bounds, "CONTAINER_LIMIT", CONTAINERS)
    monkeypatch.setattr(bounds, "ELEMENT_LIMIT", ELEMENTS)
    lengths = {"max_array_len": ELEMENTS, "max_map_len": CONTAINERS}
    monkeypatch.setattr(bounds, "_LENGTHS", lengths)


def listed(count: int, items: bytes) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + items


def extension(code: int, content: bytes) -> bytes:
    return b"\xc9" + struct.pack(">Ib", len(content), code) + content


MANY = 200_000
NESTED = [[[[] for _ in range(60)] for _ in range(60)] for _ in range(60)]

#: More than there may be, in every place where containers are made.
TOO_MANY = {
    "empty lists": listed(MANY, b"\x90" * MANY),
    "empty dicts": listed(MANY, b"\x80" * MANY),
    "lists in short lists": msgpack.packb(NESTED),
    "lists of one": listed(MANY, b"\x91\x90" * MANY),
    "dicts of one": listed(MANY, b"\x81\xa1a\xc0" * MANY),
    "values": listed(MANY, b"\xc0" * MANY),
    "values in several lists": listed(6, listed(ELEMENTS - 1, b"\xc0" * (ELEMENTS - 1)) * 6),
    "keys": b"\xdf"
    + struct.pack(">I", MANY)
    + b"".join(b"\xa4" + (b"%04x" % (n % 65_536)) + b"\xc0" for n in range(MANY)),
    "extensions": listed(MANY, b"\xd4\x05\x90" * MANY),
    "in a tuple": extension(EXT_TUPLE, listed(MANY, b"\x90" * MANY)),
    "in a text": extension(EXT_TEXT, listed(MANY, b"\x90" * MANY)),
    "in an expression": extension(
        EXT_EXPRESSION, b"\x93\xa1x" + listed(MANY, b"\x90" * MANY) + b"\x80"
    ),
    "in an extension in a list": listed(
        65, b"\xc0" * 64 + extension(EXT_TUPLE, listed(MANY, b"\x90" * MANY))
    ),
    "in many small extensions": listed(100, extension(EXT_TUPLE, listed(900, b"\x90" * 900)) * 100),
}


@pytest.mark.parametrize("packed", TOO_MANY.values(), ids=TOO_MANY)
def test_more_than_the_limit_is_an_error_that_names_it(packed: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TooManyValues, match=r"more than \d+ .*the limit"):
            Unpacker(bounded=True).unpack(packed)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000 + 2 * len(packed)
    finally:
        tracemalloc.stop()


def test_lists_that_claim_what_is_not_there_take_no_memory() -> None:
    packed = listed(ELEMENTS - 1, b"") * 50 + bytes(ELEMENTS * 2)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            Unpacker(bounded=True).unpack(packed)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "value",
    [
        [0.5] * (ELEMENTS - 10),
        [[1.0, 2.0]] * (CONTAINERS - 10),
        [{"a": 1}] * (CONTAINERS - 10),
        b"\x90" * 200_000,
        "[" * 200_000,
        ["x" * 200_000, list(range(300))],
    ],
    ids=["numbers", "positions", "records", "bytes", "text", "list at the end"],
)
def test_what_is_within_the_limits_is_read(value: object) -> None:
    assert Unpacker(bounded=True).unpack(Packer().pack(value)) == value


@given(exact_values)
def test_small_values_are_the_same_with_bounds(value: object) -> None:
    packed = Packer(tuples=True).pack(value)
    assert same(Unpacker(bounded=True).unpack(packed), value)


@given(st.binary(max_size=200), st.sampled_from(sorted(TOO_MANY)), st.integers(0, 2**20))
def test_any_bytes_in_a_large_message_are_a_value_or_a_protocol_error(
    noise: bytes, kind: str, at: int
) -> None:
    packed = bytearray(TOO_MANY[kind][:70_000])
    at %= len(packed)
    packed[at : at + len(noise)] = noise
    try:
        Unpacker(bounded=True).unpack(bytes(packed))
    except ProtocolError:
        return


TEXT = "[{,:" * 100_000
#: JSON that holds too much.
TOO_MUCH = {
    "lists": b"[" + b",".join([b"[]"] * 2000) + b"]",
    "objects": b"[" + b",".join([b"{}"] * 2000) + b"]",
    "keys": b"{" + b",".join(b'"%d":1' % n for n in range(2000)) + b"}",
    "values": b"[" + b",".join([b"1"] * (ELEMENTS + 2)) + b"]",
    "behind a text": b'["\\\\\\"[",' + b",".join([b"[]"] * 2000) + b"]",
    "texts": b"[" + b",".join([b'""'] * (ELEMENTS + 2)) + b"]",
    "cut off": b'["' + b"[" * 2000 + b'",' + b"[]," * 2000 + b'"',
}


@pytest.mark.parametrize("text", TOO_MUCH.values(), ids=TOO_MUCH)
def test_json_with_more_than_the_limit_is_refused(text: bytes) -> None:
    with pytest.raises(RequestTooLarge, match=r"more than \d+ .*the limit"):
        json_form.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"source": "' + TEXT.encode() + b'"}',
        b'{"source": "' + TEXT.encode() + b'\\"\\\\", "a": [1, 2]}',
        b"[" + b",".join([b"1"] * (ELEMENTS - 10)) + b"]",
        b"[" + b",".join([b"[1,2]"] * (CONTAINERS - 10)) + b"]",
    ],
    ids=["script", "escapes", "numbers", "positions"],
)
def test_json_within_the_limits_is_read(text: bytes) -> None:
    json_form.loads(text)
