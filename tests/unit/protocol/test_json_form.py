"""The JSON form of values: always valid JSON, both ways as documented."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedRequest
from protocol.wire import json_form
from protocol.wire.values import Expression, Reference
from tests.unit.strategies import exact_values, values


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def strict(value: Any) -> Any:
    """``value`` through JSON, read by a parser that takes no NaN or Infinity."""
    return json.loads(json_form.dumps(value).decode("utf-8"), parse_constant=refuse)


@given(values)
def test_every_value_is_valid_json(value: Any) -> None:
    strict(value)


plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain.filter(lambda value: "$" not in repr(value)))
def test_plain_json_comes_back_the_same(value: Any) -> None:
    assert json_form.loads(json_form.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        ([1.0, float("inf")], [1.0, None]),
        (np.array([1.5, np.nan, np.inf]), [1.5, None, None]),
        (np.array([[1, 2], [3, 4]], np.int16), [[1, 2], [3, 4]]),
        (np.array(3), 3),
        (np.array(True), True),
        (np.array(np.nan), None),
        (np.zeros((2, 0)), [[], []]),
        (np.arange(6)[::2], [0, 2, 4]),
        (1 + 2j, {"real": 1.0, "imag": 2.0}),
        (np.array([1 + 2j, 3]), {"real": [1.0, 3.0], "imag": [2.0, 0.0]}),
        (np.array(1 - 1j), {"real": 1.0, "imag": -1.0}),
        (b"\x00\xff", {"$bytes": "AP8="}),
        (Reference("NodeCollection", 7, "g", np.array([3, 4])), [3, 4]),
        (Reference("Parameter", 7, "g"), {"$ref": 7, "type": "Parameter", "generation": "g"}),
        (Expression("spatial.distance"), {"$call": "spatial.distance"}),
        (
            Expression("random.uniform", [0.0], {"max": Expression("random.normal")}),
            {
                "$call": "random.uniform",
                "args": [0.0],
                "kwargs": {"max": {"$call": "random.normal"}},
            },
        ),
    ],
    ids=repr,
)
def test_value_has_its_documented_form(value: Any, expected: Any) -> None:
    assert strict(value) == expected


def test_expression_comes_back_as_expression() -> None:
    sent = Expression("CreateMask", ["circular", {"radius": 0.2}], {"anchor": [0.0, 0.0]})
    assert json_form.loads(json_form.dumps({"mask": sent})) == {"mask": sent}


def test_reference_comes_back_as_reference() -> None:
    sent = Reference("Parameter", 7, "g")
    assert json_form.loads(json_form.dumps([sent])) == [sent]


def test_calls_inside_calls_and_lists_become_expressions() -> None:
    text = '{"a": [{"$call": "math.exp", "args": [{"$call": "spatial.distance"}]}]}'
    assert json_form.loads(text) == {
        "a": [Expression("math.exp", [Expression("spatial.distance")])]
    }


def test_integers_beyond_64_bit_become_floats() -> None:
    assert json_form.loads("[18446744073709551616]") == [2.0**64]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1,]",
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b'"\xff"',
        b'"\\ud800"',
        b"'text'",
        b"[1] [2]",
        b"\xef\xbb\xbf[]",
        b"[" * 100 + b"]" * 100,
        b"[" * 1_000_000,
        b'{"$call": 1}',
        b'{"$call": "x", "args": {}}',
        b'{"$call": "x", "kwargs": []}',
        b'{"$call": "x", "arguments": []}',
        b'{"$ref": "1", "type": "Parameter", "generation": "g"}',
        b'{"$ref": true, "type": "Parameter", "generation": "g"}',
        b'{"$ref": 1, "generation": "g"}',
        b'{"$ref": 1, "type": "Parameter"}',
    ],
    ids=lambda text: text[:40].decode("latin-1") or "nothing",
)
def test_text_of_another_form_is_the_callers_mistake(text: bytes) -> None:
    with pytest.raises(MalformedRequest):
        json_form.loads(text)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_the_callers_mistake(text: bytes) -> None:
    try:
        value = json_form.loads(text)
    except MalformedRequest:
        return
    strict(value)


@given(exact_values, st.sampled_from([1, 24, 1 << 20]))
def test_parts_are_what_is_written_at_once(value: Any, large: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Or hypothesis would have to make large arrays.
        patch.setattr(json_form, "LARGE_BYTES", large)
        patch.setattr(json_form, "_PART_BYTES", large)
        assert b"".join(json_form.parts(value)) == json_form.dumps(value)


def test_parts_of_a_large_array_are_small() -> None:
    value = {"events": [{"times": np.arange(1_000_000) / 10.0}], "n": 1}
    assert json_form.is_large(value)
    parts = list(json_form.parts(value))
    assert b"".join(parts) == json_form.dumps(value)
    assert max(map(len, parts)) < 1 << 18
