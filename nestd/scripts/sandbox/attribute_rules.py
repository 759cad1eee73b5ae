"""Rules of attributes: which names and types the guards of restricted scripts let through."""

from __future__ import annotations

import builtins
import functools
import struct
import types
from collections import UserString, deque
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import numpy as np
from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from nestd.scripts.sandbox import numpy_memory
from nestd.scripts.sandbox.module_proxy import ModuleProxy
from nestd.scripts.sandbox.numpy_offer import ATTRIBUTES, BASES

_NUMBERS = str.split(
    """
    add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or
    """
)
#: Special methods that a script's classes may have. Not among them are methods that are called
#: behind a script's back: by NumPy, which takes ``__array_interface__`` for an address in memory,
#: also when ``__getattr__`` makes it up; by ``copy``; by the making of classes; at unforeseeable
#: times.
DEFINABLE = frozenset(
    [f"__{kind}{name}__" for name in _NUMBERS for kind in ("", "r", "i")]
    + [
        f"__{name}__"
        for name in str.split(
            """
            init post_init call repr str format bytes hash bool lt le eq ne gt ge neg pos abs
            invert complex int float index round trunc floor ceil len iter next reversed contains
            getitem setitem delitem missing length_hint enter exit
            """
        )
    ]
)
#: Special names that a class body may set beside them.
CLASS_SETTINGS = frozenset(["__slots__", "__match_args__"])
#: Special names that can be read of functions and classes.
NAMES = frozenset(["__name__", "__qualname__", "__doc__"])
#: Special names that Python itself puts into the namespace of a class.
MADE_BY_PYTHON = frozenset(
    f"__{name}__"
    for name in str.split(
        """
        module qualname doc classcell annotations annotate annotate_func firstlineno
        static_attributes conditional_annotations classdict classdictcell orig_bases
        """
    )
)

#: Names that lead to frames, code or tracebacks, whatever object they are read of.
FRAMES = frozenset(INSPECT_ATTRIBUTES)

#: Types of which scripts can't read any attribute.
CLOSED = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    types.TracebackType,
    types.CellType,
)

#: Types whose objects pass on the reading of attributes to others, past the guard.
FORWARDING = (types.MethodType, types.GenericAlias)

#: Names of attributes: types of which scripts can't read the attribute.
DENIED: Mapping[str, tuple[type, ...]] = {
    "pack_into": (struct.Struct,),
    # The formatting of text without its guard.
    "format": (UserString,),
    "format_map": (UserString,),
    "with_traceback": (BaseException,),
    # Python notes there whose attribute was missing, which may be a module.
    "obj": (AttributeError,),
    # A getter called by hand gives what the guard did not see.
    "fget": (property,),
    "fset": (property,),
    "fdel": (property,),
    "func": (functools.partial,),
    "args": (functools.partial,),
    "keywords": (functools.partial,),
}

#: Names that patterns of ``match`` must not read, as patterns read them without a guard.
UNMATCHABLE = FRAMES | DENIED.keys() | {"format", "format_map", "mro", "tofile", "ctypes", "data"}

#: Attributes that can be set of objects that are neither the script's nor NEST's.
SETTABLE: Mapping[type, frozenset[str]] = {
    np.ndarray: frozenset(["shape", "flat", "real", "imag"]),
    type(np.zeros(0).flags): frozenset(["writeable"]),
}

#: Types whose items can be set, beside those of scripts and of NEST.
ITEM_TYPES = (dict, list, deque, MutableMapping, np.ndarray)

#: Classes that make code, modules or attributes from what they are given.
_UNSAFE_CLASSES = (types.FunctionType, types.SimpleNamespace, super, ModuleProxy, *CLOSED)

#: Classes without private attributes of their own: those that Python has built in.
BUILT_IN = frozenset(
    value
    for value in vars(builtins).values()
    if isinstance(value, type) and not issubclass(value, (type, super))
)


class _IsType(type):
    """Metaclass with which the stand-in answers ``isinstance`` as ``type`` does."""

    def __instancecheck__(cls, instance: object) -> bool:
        return issubclass(type(instance), type)

    def __repr__(cls) -> str:
        return "<class 'type'>"


class Type(metaclass=_IsType):
    """Stand-in for ``type`` that returns the class of an object, and makes no classes."""

    def __new__(cls, obj: object) -> Any:
        """Return the class of ``obj``."""
        return shown_class(type(obj))


Type.__name__ = Type.__qualname__ = "type"
Type.__module__ = "builtins"


def shown_class(cls: type) -> Any:
    """Return the class, or its stand-in for scripts.

    Raises
    ------
    TypeError
        If scripts must not have the class.
    """
    if cls is np.ndarray:
        return numpy_memory.Array
    if issubclass(cls, type):
        return Type
    if issubclass(cls, _UNSAFE_CLASSES) or not _is_shown(cls):
        raise TypeError(f"the class {cls.__name__} is not available to scripts")
    return cls


def check_base(cls: type) -> None:
    """Raise TypeError unless a script's class may derive from the class."""
    shown_class(cls)
    if is_of_numpy(cls) and cls.__name__ not in BASES:
        # NumPy believes what the methods of its own classes return.
        raise TypeError(f"scripts can't derive from NumPy's class {cls.__name__}")


def is_special(name: str) -> bool:
    """Return whether ``name`` is a special name of Python."""
    return name.startswith("__") and name.endswith("__")


def is_denied(obj: Any, name: str) -> bool:
    """Return whether scripts can't read the attribute, by ``DENIED`` or by NumPy's list."""
    kind = subject(obj, type(obj))
    if name in DENIED and issubclass(kind, DENIED[name]):
        return True
    rule = _of_numpy.get(kind, _ABSENT)
    if rule is _ABSENT:
        rule = _of_numpy[kind] = _numpy_rule(kind)
    return rule is not None and not rule(name)


_ABSENT = object()
#: Rules of classes: ``None`` for those that have nothing of NumPy, else whether a name is shown.
_of_numpy: dict[type, Any] = {}


def _numpy_rule(kind: type) -> Callable[[str], bool] | None:
    """Make the rule for the attributes of a class that is NumPy's or derives from one."""
    if numpy_memory.is_compiled_function(kind):
        # Functions of compiled modules, whose attributes lead to all that the module has.
        return is_special
    bases = [base for base in kind.__mro__ if is_of_numpy(base)]
    if not bases:
        return None
    offered: frozenset[str] = NAMES.union(*(ATTRIBUTES.get(base.__name__, ()) for base in bases))
    if kind in bases:
        # Beside the list, what the class has of Python's own: text, numbers, errors.
        offered |= {name for base in kind.__mro__ if base not in bases for name in vars(base)}
        return lambda name: name in offered or is_special(name)
    known = frozenset(name for base in bases for name in vars(base))
    return lambda name: name in offered or name not in known or is_special(name)


def is_of_numpy(cls: type) -> bool:
    """Return whether the class is one of NumPy's."""
    return numpy_memory.package_of(cls) == "numpy"


def _is_shown(cls: type) -> bool:
    """Return whether scripts may have the class, if it is one of NumPy's."""
    if not is_of_numpy(cls) or issubclass(cls, (np.dtype, np.generic)):
        return True
    # Derived classes with memory of their own making.
    if issubclass(cls, (np.recarray, np.memmap)) or cls.__name__ == "chararray":
        return False
    return any(base.__name__ in ATTRIBUTES for base in cls.__mro__ if is_of_numpy(base))


def subject(obj: Any, kind: type) -> type:
    """Return the class whose attributes are read: that of ``obj``, or ``obj`` itself."""
    if issubclass(kind, super):
        return super.__getattribute__(obj, "__self_class__") or object
    return obj if issubclass(kind, type) else kind


def is_of_nest(kind: type) -> bool:
    """Return whether objects of this class belong to the look-alike of PyNEST.

    Its classes name the modules that PyNEST has them in; what they derive from names the package.
    """
    return any(numpy_memory.package_of(base) == "nest_remote" for base in kind.__mro__)


def check_setting(name: str, key: str, value: Any) -> None:
    """Raise TypeError unless ``__slots__`` and ``__match_args__`` name ordinary attributes."""
    names = (value,) if type(value) is str else value
    if type(names) not in (tuple, list) or not all(type(item) is str for item in names):
        raise TypeError(f"{name}: {key} must be a tuple of names")
    wrong = [
        item
        for item in names
        if is_special(item) or (key == "__match_args__" and item in UNMATCHABLE)
    ]
    if wrong or (key == "__match_args__" and type(value) is not tuple):
        raise TypeError(f"{name}: {key} can't be {value!r}")
