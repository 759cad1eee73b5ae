"""Arguments of Python and NumPy as they arrive, small and large, alone and inside others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nest_remote.session import to_value
from protocol.errors import ProtocolError
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker

_NUMBERS = np.arange(1000) / 3


def _sent(argument: Any) -> Any:
    packer = Packer(tuples=True, convert=to_value)
    small, large = packer.pack(argument), b"".join(packer.pieces(argument))
    assert small == large
    return Unpacker().unpack(small)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (_NUMBERS.astype(np.longdouble), _NUMBERS),
        (_NUMBERS.astype(np.float16), _NUMBERS.astype(np.float16).astype(np.float64)),
        (_NUMBERS.astype(object), _NUMBERS.tolist()),
        (np.array(["V_m", "I_e"]), ["V_m", "I_e"]),
        (np.array([1, 2.5, "a", None], dtype=object), [1, 2.5, "a", None]),
        (np.ma.array([1.0, 2.0], mask=[False, True]), [1.0, None]),
        (np.longdouble("0.5"), 0.5),
        (np.clongdouble(1.5), 1.5 + 0j),
        ([np.longdouble(1), (np.float16(2),)], [1.0, (2.0,)]),
    ],
)
def test_types_that_the_wire_has_not_arrive_as_what_nest_takes(given: Any, expected: Any) -> None:
    found = _sent({"a": [given]})["a"][0]
    assert type(found) is type(expected)
    np.testing.assert_equal(found, expected)


def test_what_has_no_form_inside_an_array_has_none() -> None:
    with pytest.raises(ProtocolError, match="a object can't be sent to NEST"):
        _sent(np.array([object()]))
