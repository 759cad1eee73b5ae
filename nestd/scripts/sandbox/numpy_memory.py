"""The two ways into NumPy's memory, narrowed.

An array over memory that someone else filled may claim that there are Python objects in it, and
the memory of an array of objects may be written as numbers. Either way a script could make
objects out of thin air and with them reach all of the process. Scripts get stand-ins for
``numpy.ndarray`` and ``numpy.frombuffer`` that do neither.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np


class _ArrayType(type):
    """Makes the stand-in answer ``isinstance`` and ``issubclass`` as ``numpy.ndarray`` does."""

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
    """What scripts know as ``numpy.ndarray``."""

    def __new__(
        cls,
        shape: Any,
        dtype: Any = float,
        buffer: Any = None,
        offset: Any = 0,
        strides: Any = None,
        order: Any = None,
    ) -> Any:
        """A new array, of Python objects only if its memory is new, too."""
        # Converted once: an object could say something else when it is asked again.
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
    """``numpy.frombuffer`` for memory without Python objects in it."""
    check_buffer(buffer)
    return np.frombuffer(buffer, dtype, count, offset)


def check_buffer(buffer: Any) -> None:
    """Raise TypeError unless ``buffer`` is memory without Python objects in it."""
    if holds_objects(memoryview(buffer)):
        raise TypeError("the memory of Python objects can't be taken for numbers")


def holds_objects(view: memoryview) -> bool:
    """Whether there are Python objects in this memory (format ``O`` of PEP 3118)."""
    # Names of fields stand between colons.
    return "O" in re.sub(":[^:]*:", "", view.format)
