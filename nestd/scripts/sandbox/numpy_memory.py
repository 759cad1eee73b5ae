"""Stand-ins for what NumPy believes without looking: buffers, states, lengths.

An array over memory that was filled otherwise may claim that there are Python objects in it, and
the memory of an array of objects may be written as numbers. Either way a script could make objects
out of thin air, and with them reach all of the process. The same comes of an array that begins
before its memory, of a random state whose next number is none of its numbers, and of weights that
have another length when they are asked again. The stand-ins do none of that.
"""

from __future__ import annotations

import functools
import math
import operator
import re
import types
from collections.abc import Callable
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
        """Make an array of new memory, or of a buffer by :func:`frombuffer`."""
        if strides is not None:
            raise TypeError("scripts can't choose the strides of an array")
        made = np.ndarray if cls is Array else cls
        # NumPy itself does not look whether an offset lies before the memory.
        if buffer is None:
            return np.ndarray.__new__(made, shape, dtype, order=order)
        lengths = _lengths(shape)
        flat = frombuffer(buffer, dtype, math.prod(lengths), operator.index(offset))
        return flat.reshape(lengths, order=order or "C").view(made)


Array.__name__ = Array.__qualname__ = "ndarray"
Array.__module__ = "numpy"
Array.__doc__ = np.ndarray.__doc__


def _lengths(shape: Any) -> tuple[int, ...]:
    """Return the shape of an array as numbers that stay what they are."""
    lengths = tuple(map(operator.index, shape)) if np.iterable(shape) else (operator.index(shape),)
    if any(length < 0 for length in lengths):
        raise ValueError("negative dimensions are not allowed")
    return lengths


def frombuffer(buffer: Any, dtype: Any = float, count: Any = -1, offset: Any = 0) -> Any:
    """Make an array of memory as ``numpy.frombuffer`` does, unless there are objects in it."""
    # Converted once: an object could give another answer when it is asked again.
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        raise TypeError("memory can't be taken for Python objects")
    check_buffer(buffer)
    return np.frombuffer(buffer, dtype, operator.index(count), operator.index(offset))


def check_buffer(buffer: Any) -> None:
    """Raise TypeError unless ``buffer`` is memory without Python objects in it."""
    if holds_objects(memoryview(buffer)):
        raise TypeError("the memory of Python objects can't be taken for numbers")


def holds_objects(view: memoryview) -> bool:
    """Return whether the memory holds Python objects (format ``O`` of PEP 3118)."""
    # Names of fields stand between colons.
    return "O" in re.sub(":[^:]*:", "", view.format)


def frompyfunc(func: Any, /, nin: Any, nout: Any, **more: Any) -> Any:
    """Make a ufunc of a function as ``numpy.frompyfunc`` does."""
    nin, nout = operator.index(nin), operator.index(nout)
    if nin < 0 or nout < 0:
        raise ValueError("a function can't have fewer than 0 arguments or results")
    return np.frompyfunc(func, nin, nout, **more)


#: Classes whose methods compute with the memory of their arguments.
GENERATORS = (np.random.Generator, np.random.RandomState, np.random.SeedSequence)
#: Methods whose first argument may be a sequence of anything, which they take apart in Python.
_OF_ANYTHING = frozenset(["choice", "permutation", "permuted", "shuffle"])
#: Types of arguments that are what they say, however often they are asked.
_PLAIN = frozenset([bool, int, float, complex, str, bytes, type(None), type, range])
#: Classes of arguments that are NumPy's own, as scripts can't derive from them.
_OF_NUMPY = (np.generic, np.dtype, np.random.BitGenerator, *GENERATORS)


def with_plain_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of ``numpy.random`` that gets no objects with methods of a script's own.

    Such an object may tell one length when memory is taken, and another when it is read.
    """
    anything = function.__name__ in _OF_ANYTHING

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        first = args[:1] if anything else ()
        return function(
            *first,
            *[_plain(value) for value in args[len(first) :]],
            **{
                name: value if anything and name in ("a", "x") else _plain(value)
                for name, value in kwargs.items()
            },
        )

    # Compiled functions of older versions don't say where they are from.
    call.__module__ = "numpy.random"
    return call


def _plain(value: Any) -> Any:
    """Return a value that has no methods of a script's own: itself, or an array of it."""
    if _is_plain(value):
        return value
    made = np.asarray(value)
    if made.dtype.hasobject:
        raise TypeError(f"numpy.random takes numbers and arrays, not {type(value).__name__!r}")
    return made[()]


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    if kind is np.ndarray:
        return not value.dtype.hasobject
    return package_of(kind) == "numpy" and isinstance(value, _OF_NUMPY)


def package_of(kind: type) -> str:
    """Return the top-level package of a class, as far as the class tells."""
    module = kind.__module__
    # Some classes made by Cython have a descriptor there, for their objects.
    return module.partition(".")[0] if type(module) is str else ""


#: Numbers of the Mersenne Twister's state, and the place after the last of them.
_NUMBERS = 624


def set_state(state: Any) -> None:
    """Set the state of NumPy's own generator, if it is one that ``get_state`` could have given."""
    if type(state) is dict:
        inner = state.get("state", {})
        state = (
            state.get("bit_generator"),
            inner.get("key"),
            inner.get("pos"),
            state.get("has_gauss", 0),
            state.get("gauss", 0.0),
        )
    name, key, position, *cached = state
    key = np.array(key, np.uint32)
    position = operator.index(position)
    if str(name) != "MT19937" or key.shape != (_NUMBERS,) or not 0 <= position <= _NUMBERS:
        raise ValueError("this is no state that np.random.get_state() returns")
    has_gauss, gauss = cached or (0, 0.0)
    np.random.set_state(("MT19937", key, position, int(bool(has_gauss)), float(gauss)))


def is_compiled_function(kind: type) -> bool:
    """Return whether this is the class of functions of a module made by Cython, of any version."""
    return kind.__name__ == "cython_function_or_method"


def random_functions() -> dict[str, Callable[..., Any]]:
    """Return the stand-ins for the functions of ``numpy.random``, by name."""
    functions = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
    made = {
        name: with_plain_arguments(value)
        for name, value in vars(np.random).items()
        if not name.startswith("_")
        and (isinstance(value, functions) or is_compiled_function(type(value)))
    }
    return made | {"set_state": set_state}
