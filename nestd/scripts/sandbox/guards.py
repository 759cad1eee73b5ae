"""What a restricted script's attribute accesses, classes and imports go through when it runs.

``nestd/scripts/sandbox/policy.py`` puts the calls of these guards into the script. Everything else
in a script is Python as it is, so what the guards let through decides what a script can reach: no
module but as a face, no frame, code or traceback, no function that reads attributes by name
without a guard, no memory but arrays.
"""

from __future__ import annotations

import _string  # type: ignore[import-not-found]  # the half of string that is in C
import builtins
import functools
import string
import struct
import types
from collections import deque
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from nestd.scripts.sandbox import numpy_memory
from nestd.scripts.sandbox.module_proxy import VERSION, ModuleProxy

#: Special methods that a script's classes may have. Left out is what is called behind a script's
#: back: by NumPy, which takes ``__array_interface__`` for an address in memory, also when
#: ``__getattr__`` makes it up; by ``copy``; by the making of classes; at unforeseeable times.
_NUMBERS = str.split(
    """
    add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or
    """
)
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
#: What a class body may set beside them.
CLASS_SETTINGS = frozenset(["__slots__", "__match_args__"])
#: Texts that can be read of functions and classes.
NAMES = frozenset(["__name__", "__qualname__", "__doc__"])
#: Special names that Python itself puts into the namespace of a class.
_MADE_BY_PYTHON = frozenset(
    f"__{name}__"
    for name in str.split(
        """
        module qualname doc classcell annotations annotate annotate_func firstlineno
        static_attributes conditional_annotations classdict classdictcell orig_bases
        """
    )
)

#: Names that lead to frames, code or tracebacks, whatever object has them.
FRAMES = frozenset(INSPECT_ATTRIBUTES)

#: Types whose objects a script can't do anything with.
CLOSED = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    types.TracebackType,
    types.CellType,
)

#: Types whose objects pass on the reading of attributes to others, past the guard.
_FORWARDING = (types.MethodType, types.GenericAlias)

#: Name of an attribute: the types whose objects don't give it.
DENIED: Mapping[str, tuple[type, ...]] = {
    "tofile": (np.ndarray, np.generic),
    "dump": (np.ndarray, np.generic),
    "dumps": (np.ndarray, np.generic),
    # It may leave others with memory that is no longer theirs; numpy.resize makes a new array.
    "resize": (np.ndarray,),
    "ctypes": (np.ndarray, np.random.BitGenerator),
    "cffi": (np.random.BitGenerator,),
    "capsule": (np.random.BitGenerator,),
    "pack_into": (struct.Struct,),
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

#: Names that patterns of ``match`` must not read, as they do so without a guard.
UNMATCHABLE = FRAMES | DENIED.keys() | {"format", "format_map", "mro", "baseclass"}

#: Attributes that can be set of objects that are neither the script's nor NEST's.
_SETTABLE: Mapping[type, frozenset[str]] = {
    np.ndarray: frozenset(["shape", "flat", "real", "imag"]),
    type(np.zeros(0).flags): frozenset(["writeable"]),
}

#: Types whose items can be set, beside those of scripts and of NEST.
_ITEM_TYPES = (dict, list, bytearray, memoryview, deque, MutableMapping, np.ndarray)

#: Classes that make code, modules or attributes from what they are given.
_UNSAFE_CLASSES = (types.FunctionType, types.SimpleNamespace, super, ModuleProxy, *CLOSED)

#: Classes without private attributes of their own: those that Python has built in.
_BUILT_IN = frozenset(
    value
    for value in vars(builtins).values()
    if isinstance(value, type) and not issubclass(value, (type, super))
)


class _IsType(type):
    """Makes the stand-in answer ``isinstance`` as ``type`` does."""

    def __instancecheck__(cls, instance: object) -> bool:
        return issubclass(type(instance), type)

    def __repr__(cls) -> str:
        return "<class 'type'>"


class Type(metaclass=_IsType):
    """What scripts know as ``type``: tells the class of an object, and makes none."""

    def __new__(cls, obj: object) -> Any:
        """The class of ``obj``."""
        return shown_class(type(obj))


Type.__name__ = Type.__qualname__ = "type"
Type.__module__ = "builtins"


def shown_class(cls: type) -> Any:
    """The class, or what scripts get in its place.

    Raises
    ------
    TypeError
        If scripts must not have it.
    """
    if cls is np.ndarray:
        return numpy_memory.Array
    if issubclass(cls, type):
        return Type
    if issubclass(cls, _UNSAFE_CLASSES) or (
        issubclass(cls, np.ndarray) and cls.__name__ in ("recarray", "chararray", "memmap")
    ):
        raise TypeError(f"the class {cls.__name__} is not available to scripts")
    return cls


def is_special(name: str) -> bool:
    """Whether ``name`` is one of Python's special names."""
    return name.startswith("__") and name.endswith("__")


class Guards:
    """The guards of one script."""

    def __init__(self) -> None:
        #: Classes that the script has defined.
        self._classes: set[type] = set()
        #: Those among them that derive from nothing but each other and what is built in.
        self._plain: set[type] = set()

    # Attributes

    def getattr(self, obj: Any, name: Any, *default: Any) -> Any:
        """``getattr`` for what scripts may read."""
        try:
            return self.read(obj, name)
        except AttributeError:
            if len(default) == 1:
                return default[0]
            raise

    def hasattr(self, obj: Any, name: Any) -> bool:
        """Whether :meth:`getattr` gives something."""
        try:
            self.read(obj, name)
        except AttributeError:
            return False
        return True

    def read(self, obj: Any, name: Any) -> Any:
        """``obj.name`` in a script."""
        kind = type(obj)
        if type(name) is not str:
            raise TypeError("an attribute's name must be plain text")
        if name.startswith("_"):
            self._check_private(obj, kind, name)
        elif name in FRAMES or issubclass(kind, _FORWARDING):
            raise _hidden(obj, name)
        if issubclass(kind, CLOSED) or _is_denied(obj, name):
            raise _hidden(obj, name)
        value = getattr(obj, name)
        of = type(value)
        if of is types.BuiltinMethodType or of is types.MethodDescriptorType:
            return self._shown_method(value, obj, name)
        if issubclass(of, type):
            try:
                return shown_class(value)
            except TypeError as error:
                raise AttributeError(str(error)) from None
        if issubclass(of, CLOSED) or (of is memoryview and numpy_memory.holds_objects(value)):
            raise _hidden(obj, name)
        return value

    def _shown_method(self, value: Any, obj: Any, name: str) -> Any:
        """A method of a built-in type, bound or not, as scripts get it."""
        bound = type(value) is types.BuiltinMethodType
        owner = value.__self__ if bound else value.__objclass__
        # By its own name, too: something may have passed on the reading of it.
        called = value.__name__
        if _is_denied(owner, called):
            raise _hidden(obj, name)
        if called == "mro" and bound and issubclass(type(owner), type):
            raise _hidden(obj, name)
        if called == "format" and isinstance(owner, str):
            return lambda *args, **kwargs: self.format(owner, args, kwargs)
        if called == "format_map" and isinstance(owner, str):
            return lambda mapping: self.format(owner, (), mapping)
        if value is str.format:
            return lambda text, *args, **kwargs: self.format(text, args, kwargs)
        if value is str.format_map:
            return lambda text, mapping: self.format(text, (), mapping)
        return value

    def _check_private(self, obj: Any, kind: type, name: str) -> None:
        """Raise AttributeError unless a script may read the private attribute."""
        if kind is ModuleProxy:
            if name == VERSION:
                return
        elif name in NAMES:
            return
        elif name in DEFINABLE:
            if kind is super or issubclass(kind, type) or kind in self._classes:
                return
        elif not is_special(name) and _subject(obj, kind) in self._plain:
            return
        raise AttributeError(
            f"{name} of {_described(obj)} is not available to scripts: names that begin with an "
            "underscore are internal"
        )

    def writable(self, obj: Any, name: Any) -> Any:
        """``obj``, if a script may set or delete its attribute ``name``."""
        kind = type(obj)
        if type(name) is not str:
            raise TypeError("an attribute's name must be plain text")
        if is_special(name) or name in FRAMES:
            raise _fixed(obj, name)
        own = obj if issubclass(kind, type) else kind
        if own in self._classes:
            if name.startswith("_") and own not in self._plain:
                raise _fixed(obj, name)
            if not (issubclass(own, np.ndarray) and hasattr(np.ndarray, name)):
                return obj
        elif name.startswith("_"):
            raise _fixed(obj, name)
        if kind is ModuleProxy or _is_of_nest(kind):
            return obj
        if any(name in names and issubclass(kind, of) for of, names in _SETTABLE.items()):
            return obj
        raise _fixed(obj, name)

    def setattr(self, obj: Any, name: Any, value: Any) -> None:
        """``setattr`` for what scripts may set."""
        setattr(self.writable(obj, name), name, value)

    def delattr(self, obj: Any, name: Any) -> None:
        """``delattr`` for what scripts may delete."""
        delattr(self.writable(obj, name), name)

    def augmented(self, obj: Any) -> _Attribute:
        """What ``obj.name += value`` is done to in the place of ``obj``."""
        return _Attribute(self, obj)

    def items_writable(self, obj: Any) -> Any:
        """``obj``, if a script may set or delete its items."""
        kind = type(obj)
        if kind in self._classes or issubclass(kind, _ITEM_TYPES) or _is_of_nest(kind):
            return obj
        raise TypeError(f"scripts can't set items of {_described(obj)}")

    # Text

    def format(self, text: Any, args: Sequence[Any], mapping: Mapping[str, Any]) -> str:
        """``str.format``, which reads attributes, with guards."""
        if not isinstance(text, str):
            raise TypeError(f"format belongs to text, not to {_described(text)}")
        return _GuardedFormatter(self).vformat(text, args, mapping)

    # Classes

    def __prepare__(self, name: str, bases: tuple[Any, ...]) -> MutableMapping[str, object]:
        """The namespace for the body of a class; Python calls it as it would a metaclass's."""
        self._check_bases(bases)
        return types.prepare_class(name, bases)[1]

    def __call__(self, name: str, bases: tuple[Any, ...], body: dict[str, Any]) -> type:
        """The class; Python calls this in the place of a metaclass."""
        self._check_bases(bases)
        for key in body:
            if is_special(key) and not (
                key in DEFINABLE or key in CLASS_SETTINGS or key in _MADE_BY_PYTHON
            ):
                raise TypeError(f"{name}: scripts can't define {key}")
        for key in CLASS_SETTINGS & body.keys():
            _check_setting(name, key, body[key])
        meta = types.prepare_class(name, bases)[0]
        made: type = meta(name, bases, body)
        self._classes.add(made)
        if all(base in self._plain or base in _BUILT_IN for base in made.__mro__[1:]):
            self._plain.add(made)
        return made

    def _check_bases(self, bases: tuple[Any, ...]) -> None:
        for base in bases:
            if not issubclass(type(base), type):
                raise TypeError("a class can derive from classes only")
            if base is Type:
                raise TypeError("scripts can't define metaclasses")
            shown_class(base)

    # match

    def pattern_class(self, cls: Any, positional: int, keywords: bool) -> Any:
        """``cls`` in a pattern, if what the pattern reads of its objects can be read unguarded."""
        own = cls in self._plain if issubclass(type(cls), type) else False
        if own or not (positional or keywords) or (positional == 1 and cls in _SELF_MATCHING):
            return cls
        raise TypeError(
            "patterns can read attributes of objects of the script's own classes only; "
            "use a guard: case x if isinstance(x, …)"
        )


#: Built-in classes of which a pattern's only argument is the object itself.
_SELF_MATCHING = frozenset(
    [bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple]
)


class Boxed:
    """Holds a value for a pattern, which may name attributes but no variables."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Attribute:
    """Stands for ``obj`` while one of its attributes is read, changed and set again."""

    __slots__ = ("_guards", "_obj")

    def __init__(self, guards: Guards, obj: Any) -> None:
        object.__setattr__(self, "_guards", guards)
        object.__setattr__(self, "_obj", obj)

    def __getattribute__(self, name: str) -> Any:
        here = functools.partial(object.__getattribute__, self)
        return here("_guards").read(here("_obj"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        here = functools.partial(object.__getattribute__, self)
        here("_guards").setattr(here("_obj"), name, value)


class _GuardedFormatter(string.Formatter):
    """Formats as ``str.format`` does."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards

    def get_field(
        self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, int | str]:
        """The value that ``field_name`` leads to."""
        # The parser behind both str.format and string.Formatter.
        first, rest = _string.formatter_field_name_split(field_name)
        found = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            found = self._guards.read(found, key) if is_attribute else found[key]
        return found, first


def _is_denied(obj: Any, name: str) -> bool:
    return name in DENIED and issubclass(_subject(obj, type(obj)), DENIED[name])


def _subject(obj: Any, kind: type) -> type:
    """The class whose attributes are read: that of ``obj``, or ``obj`` itself."""
    if issubclass(kind, super):
        return super.__getattribute__(obj, "__self_class__") or object
    return obj if issubclass(kind, type) else kind


def _is_of_nest(kind: type) -> bool:
    """Whether objects of this class are of the look-alike of PyNEST."""
    return kind.__module__.partition(".")[0] == "nest_remote"


def _check_setting(name: str, key: str, value: Any) -> None:
    """Raise TypeError unless ``__slots__`` and ``__match_args__`` name ordinary attributes."""
    names = (value,) if type(value) is str else value
    if type(names) not in (tuple, list) or not all(type(one) is str for one in names):
        raise TypeError(f"{name}: {key} must be a tuple of names")
    wrong = [
        one for one in names if is_special(one) or (key == "__match_args__" and one in UNMATCHABLE)
    ]
    if wrong or (key == "__match_args__" and type(value) is not tuple):
        raise TypeError(f"{name}: {key} can't be {value!r}")


def _described(obj: Any) -> str:
    kind = type(obj)
    if kind is ModuleProxy:
        return repr(obj)[1:-1]
    return f"class {obj.__name__!r}" if issubclass(kind, type) else f"{kind.__name__!r} objects"


def _hidden(obj: Any, name: str) -> AttributeError:
    return AttributeError(f"{name} of {_described(obj)} is not available to scripts")


def _fixed(obj: Any, name: str) -> AttributeError:
    return AttributeError(f"scripts can't set or delete {name} of {_described(obj)}")
