"""Module proxies: what restricted scripts see in place of modules.

A proxy shows a module's own public functions, classes and constants, and proxies of the package's
own public submodules. A proxy shows no other module, and nothing that leads to files, processes,
pickles or bare memory. As a proxy is no module, a script that holds one has nothing but what it
shows. ``module_rules.py`` has the tables.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from nestd.scripts.sandbox.module_rules import (
    ANOTHER_MODULE,
    FILE_PREFIXES,
    HIDDEN,
    INTERNAL,
    NOT_PUBLIC,
    PLOT_MODULES,
    STANDARD,
    SUBMODULES,
    SUBSTITUTES,
    UNLISTED,
    check_module,
)
from nestd.scripts.sandbox.numpy_offer import NAMES

#: Attribute that a proxy shows in spite of the underscores.
VERSION = "__version__"

_ABSENT = object()
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
)


class View(Protocol):
    """Source of a proxy's attributes."""

    def read(self, name: str) -> Any:
        """Return the attribute, or raise AttributeError."""

    def write(self, name: str, value: Any) -> None:
        """Set the attribute, or raise AttributeError."""


class ModuleProxy:
    """Object that scripts have in place of a module.

    A proxy protects itself, as C code and ``from … import`` read attributes without the guards. In
    particular a proxy has no ``__name__``: with one, Python's own import would go on to look for
    what is hidden here among all modules that are loaded.

    Parameters
    ----------
    name : of the module
    view : what it shows
    """

    __slots__ = ("_name", "_view")

    def __init__(self, name: str, view: View) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_view", view)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") and name != VERSION:
            raise _not_available(object.__getattribute__(self, "_name"), name, INTERNAL)
        return object.__getattribute__(self, "_view").read(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise _not_available(object.__getattribute__(self, "_name"), name, INTERNAL)
        object.__getattribute__(self, "_view").write(name, value)

    def __delattr__(self, name: str) -> None:
        raise _fixed(object.__getattribute__(self, "_name"), name)

    def __repr__(self) -> str:
        return f"<module {object.__getattribute__(self, '_name')!r}>"


class FixedView:
    """Shows what the module had when the proxy was made; nothing can be set.

    Parameters
    ----------
    name : of the module
    shown : names and values
    why_hidden : returns why another name isn't shown; ``None`` if there is no such name
    """

    def __init__(
        self, name: str, shown: Mapping[str, Any], why_hidden: Callable[[str], str | None]
    ) -> None:
        self._name = name
        self._shown = shown
        self._why_hidden = why_hidden

    def read(self, name: str) -> Any:
        """Return the attribute, or raise AttributeError with the reason."""
        try:
            return self._shown[name]
        except KeyError:
            pass
        raise _not_available(self._name, name, self._why_hidden(name))

    def write(self, name: str, value: Any) -> None:
        """Raise AttributeError."""
        raise _fixed(self._name, name)


class NestView:
    """Shows the look-alike of PyNEST, whose attributes live in the kernel.

    Parameters
    ----------
    name : ``nest``, or that of a submodule
    module : the look-alike, or that submodule of it
    plots : whether the submodules that draw are shown
    """

    #: Packages of the look-alike's functions and classes.
    origins = frozenset(["nest", "nest_remote", "NESTErrors"])

    def __init__(self, name: str, module: types.ModuleType, plots: bool = False) -> None:
        self._name = name
        self._module = module
        self._plots = PLOT_MODULES if plots else frozenset()
        self._proxies: dict[str, ModuleProxy] = {}

    def read(self, name: str) -> Any:
        """Return the attribute as it is now, or raise AttributeError."""
        proxy = self._proxies.get(name)
        if proxy is not None:
            return proxy
        why = HIDDEN.get(self._name, {}).get(name)
        if why is not None and name not in self._plots:
            raise _not_available(self._name, name, why)
        value = getattr(self._module, name)
        if isinstance(value, types.ModuleType):
            if name not in SUBMODULES.get(self._name, ()) and name not in self._plots:
                raise _not_available(self._name, name, ANOTHER_MODULE)
            dotted = f"{self._name}.{name}"
            return self._proxies.setdefault(name, ModuleProxy(dotted, NestView(dotted, value)))
        if isinstance(value, (type, *_FUNCTIONS)) and _origin(value) not in self.origins:
            raise _not_available(self._name, name, NOT_PUBLIC)
        return value

    def write(self, name: str, value: Any) -> None:
        """Set a kernel attribute, if the look-alike has it."""
        present = vars(self._module).get(name)
        fixed = isinstance(present, (types.ModuleType, type, *_FUNCTIONS))
        if self._name != "nest" or fixed or name in HIDDEN["nest"]:
            raise _fixed(self._name, name)
        setattr(self._module, name, value)


def make_proxy(module: types.ModuleType, plots: bool = False) -> ModuleProxy:
    """Return the proxy of ``module``; each call makes a new one for ``nest`` only.

    Parameters
    ----------
    module : to be shown
    plots : whether ``nest`` shows what draws

    Raises
    ------
    ConfigurationError
        If nothing of the module can be shown.
    """
    if module.__name__ == "nest":
        return ModuleProxy("nest", NestView("nest", module, plots))
    check_module(module.__name__)
    return _fixed_proxy(module)


@functools.cache
def _fixed_proxy(module: types.ModuleType) -> ModuleProxy:
    name = module.__name__
    return ModuleProxy(
        name, FixedView(name, _shown(module), functools.partial(_why_hidden, module))
    )


def make_package_proxy(name: str, submodules: Mapping[str, ModuleProxy]) -> ModuleProxy:
    """Make the proxy of a package that shows nothing but these submodules."""
    return ModuleProxy(name, FixedView(name, submodules, lambda _: NOT_PUBLIC))


def _shown(module: types.ModuleType) -> dict[str, Any]:
    """Return everything that a proxy of ``module`` shows, by name."""
    name = module.__name__
    shown: dict[str, Any] = {}
    for key in _public_names(module):
        value = _value(module, key)
        if value is _ABSENT:
            continue
        if isinstance(value, types.ModuleType):
            if _is_own_submodule(module, key, value):
                shown[key] = _fixed_proxy(value)
        elif not _is_hidden(name, key) and _is_own(name, value):
            shown[key] = value
    version = vars(module).get(VERSION)
    if isinstance(version, str):
        shown[VERSION] = version
    for key, substitute in SUBSTITUTES.get(name, {}).items():
        if (key in shown or hasattr(module, key)) and not _is_hidden(name, key):
            shown[key] = substitute
    return shown


def _public_names(module: types.ModuleType) -> list[str]:
    """Return the names of the public interface, with the submodules that are loaded."""
    # NumPy 1 leaves names such as abs and max out of its own list.
    names = NAMES.get(module.__name__, getattr(module, "__all__", None))
    if names is None:
        names = [*vars(module)]
    package, _, path = module.__name__.partition(".")
    prefix = f"{path}." if path else ""
    listed = SUBMODULES.get(package)
    if listed is None:
        submodules = [
            key for key, value in vars(module).items() if isinstance(value, types.ModuleType)
        ]
    else:
        submodules = [
            key.removeprefix(prefix)
            for key in listed
            if key.startswith(prefix) and "." not in key.removeprefix(prefix)
        ]
    return [key for key in {*names, *submodules} if not key.startswith("_")]


def _value(module: types.ModuleType, name: str) -> Any:
    """Return the attribute, which may be a module that is loaded or one of ``SUBMODULES``."""
    if name in vars(module):
        return vars(module)[name]
    package, _, path = module.__name__.partition(".")
    dotted = f"{path}.{name}" if path else name
    # Packages may load a submodule at its first use; scripts have no files to load it from.
    return getattr(module, name, _ABSENT) if dotted in SUBMODULES.get(package, ()) else _ABSENT


def _is_own_submodule(module: types.ModuleType, name: str, value: types.ModuleType) -> bool:
    if _is_hidden(module.__name__, name) or value.__name__ != f"{module.__name__}.{name}":
        return False
    package, _, path = value.__name__.partition(".")
    return package not in SUBMODULES or path in SUBMODULES[package]


def _is_hidden(module: str, name: str) -> bool:
    package = module.partition(".")[0]
    if package == "numpy":
        path = module.partition(".")[2]
        is_submodule = (f"{path}.{name}" if path else name) in SUBMODULES["numpy"]
        return name not in NAMES.get(module, ()) and not is_submodule
    if package not in STANDARD and name.startswith(FILE_PREFIXES):
        return True
    return name in HIDDEN.get(module, {})


def _is_own(module: str, value: Any) -> bool:
    """Return whether ``value`` is a constant, or comes from the package of ``module``."""
    if isinstance(value, _PLAIN):
        return True
    if isinstance(value, (tuple, frozenset)):
        return all(isinstance(item, _PLAIN) for item in value)
    # Much of the standard library has a second half of the same name, written in C.
    return _origin(value).lstrip("_") == module.partition(".")[0]


def _origin(value: Any) -> str:
    """Return the top-level package that ``value`` comes from."""
    module = getattr(value, "__module__", None)
    if not isinstance(module, str):
        owner = getattr(value, "__self__", None)
        if isinstance(owner, types.ModuleType):
            module = owner.__name__
        else:
            module = type(value if owner is None else owner).__module__
    return module.partition(".")[0]


def _why_hidden(module: types.ModuleType, name: str) -> str | None:
    """Return why ``name`` isn't shown; ``None`` if there is no such name."""
    why = HIDDEN.get(module.__name__, {}).get(name)
    if why is not None:
        return why
    if name not in vars(module):
        return None
    if module.__name__ in NAMES and name in getattr(module, "__all__", ()):
        return UNLISTED
    return ANOTHER_MODULE if isinstance(vars(module)[name], types.ModuleType) else NOT_PUBLIC


def _not_available(module: str, name: str, why: str | None) -> AttributeError:
    if why is None:
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    return AttributeError(f"{module}.{name} is not available to scripts: {why}")


def _fixed(module: str, name: str) -> AttributeError:
    return AttributeError(f"{module}.{name} can't be changed by scripts")


# Checked when this module is loaded, as a stand-in under a wrong name would stand for nothing.
assert np.ndarray.__name__ in SUBSTITUTES["numpy"]
