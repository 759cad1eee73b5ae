"""Guards through which a restricted script reads attributes, makes classes and formats text.

``policy.py`` puts the calls of these guards into the script. Everything else in a script is Python
as it is, so what the guards let through decides what a script can reach: no module but as a proxy,
no frame, code or traceback, no function that reads attributes by name without a guard, no memory
but arrays.
"""

from __future__ import annotations

import _string  # type: ignore[import-not-found]  # the half of string that is in C
import functools
import string
import sys
import types
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from nestd.scripts.sandbox import numpy_memory
from nestd.scripts.sandbox.attribute_rules import (
    BUILT_IN,
    CLASS_SETTINGS,
    CLOSED,
    DEFINABLE,
    FORWARDING,
    FRAMES,
    ITEM_TYPES,
    MADE_BY_PYTHON,
    NAMES,
    SETTABLE,
    Type,
    check_base,
    check_setting,
    is_denied,
    is_of_nest,
    is_special,
    shown_class,
    subject,
)
from nestd.scripts.sandbox.module_proxy import VERSION, ModuleProxy


class Guards:
    """Guards of one script."""

    def __init__(self) -> None:
        #: Classes that the script has defined.
        self._classes: set[type] = set()
        #: Classes of the script that derive from nothing but each other and built-in classes.
        self._plain: set[type] = set()
        #: References that an array has whose shape is set, if nothing but one name refers to it.
        self._alone = 0
        named = {"array": np.zeros(1)}
        self.writable(named["array"], "shape")

    # Attributes

    def getattr(self, obj: Any, name: Any, *default: Any) -> Any:
        """Read an attribute as ``getattr`` does, if scripts may read it."""
        try:
            return self.read(obj, name)
        except AttributeError:
            if len(default) == 1:
                return default[0]
            raise

    def hasattr(self, obj: Any, name: Any) -> bool:
        """Return whether :meth:`getattr` returns something."""
        try:
            self.read(obj, name)
        except AttributeError:
            return False
        return True

    def read(self, obj: Any, name: Any) -> Any:
        """Read ``obj.name`` for a script."""
        kind = type(obj)
        if type(name) is not str:
            raise TypeError("an attribute's name must be plain text")
        if name.startswith("_"):
            self._check_private(obj, kind, name)
        elif name in FRAMES or issubclass(kind, FORWARDING):
            raise _hidden(obj, name)
        if issubclass(kind, CLOSED) or is_denied(obj, name):
            raise _hidden(obj, name)
        value = getattr(obj, name)
        of = type(value)
        if kind in numpy_memory.GENERATORS and callable(value):
            return numpy_memory.with_plain_arguments(value)
        if issubclass(kind, type) and obj in numpy_memory.GENERATORS and callable(value):
            # Called with its object as an argument, it would pass the others on as they are.
            raise _hidden(obj, name)
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
        """Return a method of a built-in type, bound or not, as scripts get it."""
        bound = type(value) is types.BuiltinMethodType
        owner = value.__self__ if bound else value.__objclass__
        # The method's own name counts, too: another object may have passed on the reading.
        called = value.__name__
        if is_denied(owner, called):
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
        elif not is_special(name) and subject(obj, kind) in self._plain:
            return
        raise AttributeError(
            f"{name} of {_described(obj)} is not available to scripts: names that begin with an "
            "underscore are internal"
        )

    def writable(self, obj: Any, name: Any) -> Any:
        """Return ``obj``, if a script may set or delete its attribute ``name``."""
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
        if kind is ModuleProxy or is_of_nest(kind):
            return obj
        if any(name in names and issubclass(kind, of) for of, names in SETTABLE.items()):
            if name == "shape" and self._references(obj) > self._alone:
                raise AttributeError(
                    "the shape of an array with several names can't be set in scripts;"
                    " use reshape()"
                )
            return obj
        raise _fixed(obj, name)

    def _references(self, obj: Any) -> int:
        """Count the references to an object whose attribute is set.

        NumPy does not expect that an array has another shape after it has called a method of an
        index. While it does so, the array has one more reference than by its name.
        """
        count = sys.getrefcount(obj)
        if not self._alone:
            self._alone = count
        return count

    def setattr(self, obj: Any, name: Any, value: Any) -> None:
        """Set an attribute as ``setattr`` does, if scripts may set it."""
        setattr(self.writable(obj, name), name, value)

    def delattr(self, obj: Any, name: Any) -> None:
        """Delete an attribute as ``delattr`` does, if scripts may delete it."""
        delattr(self.writable(obj, name), name)

    def augmented(self, obj: Any) -> _Attribute:
        """Return what stands for ``obj`` in ``obj.name += value``."""
        return _Attribute(self, obj)

    def items_writable(self, obj: Any) -> Any:
        """Return ``obj``, if a script may set or delete its items."""
        kind = type(obj)
        if kind in self._classes or issubclass(kind, ITEM_TYPES) or is_of_nest(kind):
            return obj
        raise TypeError(f"scripts can't set items of {_described(obj)}")

    # Text

    def format(self, text: Any, args: Sequence[Any], mapping: Mapping[str, Any]) -> str:
        """Format text as ``str.format`` does, which reads attributes, with guards."""
        if not isinstance(text, str):
            raise TypeError(f"format belongs to text, not to {_described(text)}")
        return _GuardedFormatter(self).vformat(text, args, mapping)

    # Classes

    def __prepare__(self, name: str, bases: tuple[Any, ...]) -> MutableMapping[str, object]:
        """Make the namespace for a class body; Python calls this as a metaclass's method."""
        self._check_bases(bases)
        return types.prepare_class(name, bases)[1]

    def __call__(self, name: str, bases: tuple[Any, ...], body: dict[str, Any]) -> type:
        """Make a class; Python calls this in the place of a metaclass."""
        self._check_bases(bases)
        for key in body:
            if is_special(key) and not (
                key in DEFINABLE or key in CLASS_SETTINGS or key in MADE_BY_PYTHON
            ):
                raise TypeError(f"{name}: scripts can't define {key}")
        for key in CLASS_SETTINGS & body.keys():
            check_setting(name, key, body[key])
        meta = types.prepare_class(name, bases)[0]
        made: type = meta(name, bases, body)
        self._classes.add(made)
        if all(base in self._plain or base in BUILT_IN for base in made.__mro__[1:]):
            self._plain.add(made)
        return made

    def _check_bases(self, bases: tuple[Any, ...]) -> None:
        for base in bases:
            if not issubclass(type(base), type):
                raise TypeError("a class can derive from classes only")
            if base is Type:
                raise TypeError("scripts can't define metaclasses")
            check_base(base)

    # match

    def pattern_class(self, cls: Any, positional: int, keywords: bool) -> Any:
        """Return ``cls`` for a pattern that reads nothing of its objects that needs a guard."""
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
    """Formatter that reads attributes with guards, and else formats as ``str.format`` does."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards

    def get_field(
        self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, int | str]:
        """Return the value that ``field_name`` leads to, and its first part."""
        # The parser behind both str.format and string.Formatter.
        key, rest = _string.formatter_field_name_split(field_name)
        value = self.get_value(key, args, kwargs)
        for is_attribute, name in rest:
            value = self._guards.read(value, name) if is_attribute else value[name]
        return value, key


def _described(obj: Any) -> str:
    kind = type(obj)
    if kind is ModuleProxy:
        return repr(obj)[1:-1]
    return f"class {obj.__name__!r}" if issubclass(kind, type) else f"{kind.__name__!r} objects"


def _hidden(obj: Any, name: str) -> AttributeError:
    return AttributeError(f"{name} of {_described(obj)} is not available to scripts")


def _fixed(obj: Any, name: str) -> AttributeError:
    return AttributeError(f"scripts can't set or delete {name} of {_described(obj)}")
