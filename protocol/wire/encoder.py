"""Total encoder: every Python object has a form on the wire.

PyNEST's objects get theirs in ``nestd/kernel/encoding.py``, and in ``nestd/scripts/results.py``
those that scripts hold.

=========================== ===============================================================
object                      value
=========================== ===============================================================
None, bool, float, str      itself; text that is no UTF-8 with backslash escapes
int                         itself; beyond 64 bit its decimal digits as text
complex                     complex
bytes, bytearray            bytes
list, range, deque          list
tuple                       list; a tuple where those are kept
set, frozenset              list, sorted where the elements can be
dict                        dict with text keys: numbers, tuples … as Python writes them;
                            where two keys have the same text, a list of [key, value] pairs
NumPy scalar                the Python scalar
NumPy array                 array; of text, objects, dates or records: (nested) list
masked NumPy array          (nested) list, None where it is masked
Enum                        its value
exception                   dict with ``error`` and ``message``
date, path, Decimal, …      text as ``str`` gives it
pandas object               what its ``to_dict`` gives
anything else               text: its ``repr``, or its type's name if that fails
nested too deep, in itself  text: an ellipsis
=========================== ===============================================================
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import pathlib
import uuid
from collections import deque
from typing import Any

import numpy as np

from protocol.wire.values import (
    ARRAY_TYPES,
    INT_MAX,
    INT_MIN,
    VALUE_NESTING_LIMIT,
    Array,
    Value,
)

_ATOMS = frozenset([type(None), bool, float])
_TEXTUAL = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    fractions.Fraction,
    pathlib.PurePath,
    uuid.UUID,
)
_REPR_LIMIT = 1000


class Encoder:
    """Encoder of one result.

    Parameters
    ----------
    tuples : whether tuples stay tuples
    """

    def __init__(self, tuples: bool = False) -> None:
        self._tuples = tuples
        self._levels = VALUE_NESTING_LIMIT
        #: Identities of the containers around what is being encoded.
        self._around: set[int] = set()

    def encode(self, item: Any) -> Value:
        """Return the value of ``item``; never raise, whatever ``item`` is."""
        if type(item) in _ATOMS:
            return item
        if self._levels == 0 or id(item) in self._around:
            return "…"
        self._levels -= 1
        self._around.add(id(item))
        try:
            return self._encode(item)
        except Exception:
            # Objects may raise whatever they like when looked at.
            return as_text(f"<{type(item).__name__}>")
        finally:
            self._around.discard(id(item))
            self._levels += 1

    def _encode(self, item: Any) -> Value:
        if type(item) is str:
            return as_text(item)
        if isinstance(item, enum.Enum):
            return self.encode(item.value)
        if isinstance(item, bool):
            return bool(item)
        if isinstance(item, int):
            return int(item) if INT_MIN <= item <= INT_MAX else str(int(item))
        if isinstance(item, tuple) and self._tuples:
            return tuple(self._sequence(item))
        if isinstance(item, (list, tuple, range, deque)):
            return self._sequence(item)
        if isinstance(item, dict):
            return self._mapping(item)
        if isinstance(item, np.ndarray):
            return self._array(item)
        return self._other(item)

    def _other(self, item: Any) -> Value:
        """Return the value of an object that is no plain Python object."""
        if isinstance(item, str):
            return as_text(str(item))
        if isinstance(item, float):
            return float(item)
        if isinstance(item, complex):
            return complex(item)
        if isinstance(item, (bytes, bytearray, memoryview)):
            return bytes(item)
        if isinstance(item, (set, frozenset)):
            elements = list(item)
            try:
                elements.sort()
            except TypeError:
                elements.sort(key=lambda element: (type(element).__name__, repr(element)))
            return self._sequence(elements)
        if isinstance(item, np.generic):
            return self._scalar(item)
        if isinstance(item, BaseException):
            return {"error": type(item).__name__, "message": as_text(str(item))}
        if isinstance(item, _TEXTUAL):
            return as_text(str(item))
        if type(item).__module__.partition(".")[0] == "pandas" and hasattr(item, "to_dict"):
            return self.encode(item.to_dict())
        return as_text(repr(item)[:_REPR_LIMIT])

    def _sequence(self, items: Any) -> Value:
        # Columns of numbers are most of all data: one pass over their types, none over them.
        if _ATOMS.issuperset(map(type, items)):
            return list(items)
        return [self.encode(item) for item in items]

    def _mapping(self, mapping: dict[Any, Any]) -> Value:
        encoded = {_key(key): self.encode(item) for key, item in mapping.items()}
        if len(encoded) < len(mapping):
            return [[self.encode(key), self.encode(item)] for key, item in mapping.items()]
        return encoded

    def _array(self, array: Array) -> Value:
        if isinstance(array, np.ma.MaskedArray):
            return self.encode(array.tolist())
        if array.dtype.newbyteorder("<").str in ARRAY_TYPES:
            return np.asarray(array, dtype=array.dtype.newbyteorder("="))
        if array.dtype.kind == "f":
            # Wider floats than the wire has.
            return array.astype(np.float64)
        if array.dtype.names is not None:
            names = array.dtype.names
            return [self.encode(dict(zip(names, row, strict=True))) for row in array.flat]
        if array.dtype.kind in "mM":
            return self.encode(array.astype(str).tolist())
        return self.encode(array.tolist())

    def _scalar(self, scalar: np.generic) -> Value:
        if scalar.dtype.names is not None or scalar.dtype.kind in "mM":
            return self.encode(np.array([scalar]))[0]
        if scalar.dtype.kind == "f":
            return float(scalar)  # also np.longdouble
        if scalar.dtype.kind == "c":
            return complex(scalar)  # also np.clongdouble
        return self.encode(scalar.item())


def as_text(text: str) -> str:
    """Return ``text`` as UTF-8 can carry it."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return as_text(str(key))
    if isinstance(key, np.generic):
        key = key.item()
    return as_text(str(key))
