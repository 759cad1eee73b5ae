"""Stand-ins for ``numpy.ndarray`` and ``numpy.frombuffer``, the two ways into NumPy's memory.

An array over memory that was filled otherwise may claim that there are Python objects in it, and
the memory of an array of objects may be written as numbers. Either way a script could make objects
out of thin air, and with them reach all of the process. The stand-ins do neither.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np


class _ArrayType(type):
    """Metaclass with which the stand-in answers ``isinstance`` as ``numpy.ndarray`` does."""

    def __instancecheck__(cls, instance: object) -> bool:
        return (
            isinstance(instance, np.ndarray)
            if cls is Array
            else super().__instancecheck__(instance)
        )

    def __subclasscheck__(cls, subclass: type) -> bool:
        return (
            issubclass(subclass, np.ndarray)
            if cls is Array
            else super().__subclasscheck__(subclass)
        )


class Array(np.ndarray[Any, Any], metaclass=_ArrayType):
    """Stand-in for ``numpy.ndarray``."""

    def __new__(
        cls,
        shape: Any,
        dtype: Any = float,
        buffer: Any = None,
        offset: Any = 0,
        strides: Any = None,
        order: Any = None,
    ) -> Any:
        """Make an array, of Python objects only if its memory is new, too."""
        # Converted once: an object could give another answer when it is asked again.
        dtype = np.dtype(dtype)
        if buffer is not None:
            if dtype.hasobject:
                raise TypeError("memory can't be taken for Python objects")
            check_buffer(buffer)
        made = np.ndarray if cls is Array else cls
        return np.ndarray.__new__(made, shape, dtype, buffer, offset, strides, order)


Array.__name__ = Array.__qualname__ = "ndarray"
Array.__module__ = "numpy"
Array.__doc__ = np.ndarray.__doc__


def frombuffer(buffer: Any, dtype: Any = float, count: Any = -1, offset: Any = 0) -> Any:
    """Make an array of memory as ``numpy.frombuffer`` does, unless there are objects in it."""
    check_buffer(buffer)
    return np.frombuffer(buffer, dtype, count, offset)


def check_buffer(buffer: Any) -> None:
    """Raise TypeError unless ``buffer`` is memory without Python objects in it."""
    if holds_objects(memoryview(buffer)):
        raise TypeError("the memory of Python objects can't be taken for numbers")


def holds_objects(view: memoryview) -> bool:
    """Return whether the memory holds Python objects (format ``O`` of PEP 3118)."""
    # Names of fields stand between colons.
    return "O" in re.sub(":[^:]*:", "", view.format)
