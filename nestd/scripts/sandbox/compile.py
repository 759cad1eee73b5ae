"""Restricted scripts: compiled with guards, run in a namespace of their own.

This is the first of two protections, and the one that explains what it refuses; ``seccomp.py`` is
the second. A script is ordinary Python except for what leads out of it: files, processes, other
modules, and the insides of Python through which they could be reached.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol

from nestd.scripts.modules import VARIABLE, ModuleImport
from nestd.scripts.sandbox.attribute_rules import Type
from nestd.scripts.sandbox.guards import Boxed, Guards
from nestd.scripts.sandbox.module_proxy import (
    VERSION,
    FixedView,
    ModuleProxy,
    make_package_proxy,
    make_proxy,
)
from nestd.scripts.sandbox.module_rules import INTERNAL, check_module
from nestd.scripts.sandbox.policy import ScriptPolicy
from protocol.errors import ConfigurationError

#: What Python takes for the file of a script's source.
FILENAME = "<script>"

#: Functions and classes that scripts have as they are.
_SAME = str.split(
    """
    abs all any ascii bin bool bytes callable chr classmethod complex dict divmod
    enumerate filter float format frozenset hash hex id int isinstance issubclass iter len list
    map max min next object oct ord pow property range repr reversed round set slice sorted
    staticmethod str sum super tuple zip Ellipsis NotImplemented __build_class__
    """
)

_NO_CODE = "scripts can't make code from text"
_NO_FILES = "scripts have no files"
_NO_INSIDES = "scripts can't look into namespaces"
_NO_MEMORY = "scripts have no memory but that of arrays"
_NO_CONSOLE = "nobody is there to answer"
#: Functions that scripts don't have, and why.
_WITHHELD = {
    "open": _NO_FILES,
    "eval": _NO_CODE,
    "exec": _NO_CODE,
    "compile": _NO_CODE,
    "globals": _NO_INSIDES,
    "locals": _NO_INSIDES,
    "vars": _NO_INSIDES,
    "dir": _NO_INSIDES,
    "memoryview": _NO_MEMORY,
    "bytearray": _NO_MEMORY,
    "input": _NO_CONSOLE,
    "breakpoint": _NO_CONSOLE,
    "help": _NO_CONSOLE,
}


def _exit(code: Any = None) -> NoReturn:
    """End the script, as ``exit`` and ``sys.exit`` do."""
    raise SystemExit(code)


#: Exceptions whose handling has had faults in Python that lead out of a script.
_NOT_FOR_SCRIPTS = ("BaseExceptionGroup", "ExceptionGroup")

#: Frames of the compiler's recursion that a script's nesting may take.
_RECURSION_LIMIT = 5000


def compile_script(source: str, filename: str = FILENAME) -> types.CodeType:
    """Compile a restricted script, to be run in a :func:`restricted_namespace`.

    Parameters
    ----------
    source : of the script, or of a module of its program
    filename : that tracebacks have for the source

    Raises
    ------
    SyntaxError
        With the line of ``source`` and one line of explanation, for what is no Python and for
        what scripts may not do.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _compile(source, filename)
    except SyntaxError:
        raise
    except (RecursionError, MemoryError):
        raise _refusal("it is nested too deeply", filename, 1) from None
    except ValueError as error:
        raise _refusal(str(error).splitlines()[0], filename, 1) from None
    finally:
        sys.setrecursionlimit(limit)


def _compile(source: str, filename: str) -> types.CodeType:
    tree = ast.parse(source, filename)
    # What Python itself refuses is explained by Python.
    compile(tree, filename, "exec", dont_inherit=True)
    policy = ScriptPolicy()
    tree = policy.visit(tree)
    if policy.refused:
        line, why = min(policy.refused, key=lambda refused: refused[0])
        raise _refusal(why, filename, line)
    code: types.CodeType = compile(tree, filename, "exec", policy.flags, dont_inherit=True)
    return code


def _refusal(why: str, filename: str, line: int) -> SyntaxError:
    return SyntaxError(why, (filename, line, None, None))


def check_imports(imports: Iterable[ModuleImport]) -> None:
    """Raise ConfigurationError, naming all modules that restricted scripts can't have."""
    wrong = []
    for module in dict.fromkeys(entry.module for entry in imports):
        try:
            check_module(module)
        except ConfigurationError as error:
            wrong.append(error.message)
    if wrong:
        raise ConfigurationError(f"{VARIABLE}: {'; '.join(wrong)}")


def restricted_namespace(
    imports: tuple[ModuleImport, ...], loaded: Mapping[str, types.ModuleType]
) -> dict[str, Any]:
    """Make the globals for a restricted script.

    The first call for a module other than ``nest`` may load parts of the module, so that call has
    to be made before the filter of system calls is installed.

    Parameters
    ----------
    imports : what a script finds and may import
    loaded : the modules of ``imports`` by their dotted names; for ``nest`` the look-alike

    Raises
    ------
    ConfigurationError
        If one of ``imports`` is not available.
    """
    check_imports(imports)
    guards = Guards()
    importer = _Importer(imports, loaded)
    provided = {
        **{name: getattr(builtins, name) for name in _SAME},
        **_exceptions(),
        **{name: _withheld(name, why) for name, why in _WITHHELD.items()},
        "type": Type,
        "print": _print,
        "exit": _exit,
        "quit": _exit,
        "getattr": guards.getattr,
        "hasattr": guards.hasattr,
        "setattr": guards.setattr,
        "delattr": guards.delattr,
        "__import__": _import_for_c,
        # Names that no script can write; nestd/scripts/sandbox/policy.py does.
        "<getattr>": guards.read,
        "<writable>": guards.writable,
        "<augmented>": guards.augmented,
        "<items>": guards.items_writable,
        "<class>": guards,
        "<pattern>": guards.pattern_class,
        "<boxed>": Boxed,
        "<import>": importer.module,
        "<from>": importer.attribute,
    }
    namespace: dict[str, Any] = {"__builtins__": provided, "__name__": "__main__"}
    for entry in imports:
        try:
            namespace[entry.name] = importer.bound(entry)
        except ImportError as error:
            raise ConfigurationError(f"{VARIABLE}: {entry.statement!r}: {error}") from error
    return namespace


def add_sys(namespace: dict[str, Any], argv: list[str]) -> None:
    """Let a restricted script import what programs need of ``sys``.

    Parameters
    ----------
    namespace : of the script
    argv : its arguments
    """
    shown = {
        "argv": argv,
        "exit": _exit,
        "maxsize": sys.maxsize,
        "platform": sys.platform,
        "version": sys.version,
        "version_info": tuple(sys.version_info),
    }
    importer = namespace["__builtins__"]["<import>"].__self__
    importer.add("sys", ModuleProxy("sys", FixedView("sys", shown, lambda _: INTERNAL)))


def _exceptions() -> dict[str, type[BaseException]]:
    return {
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and name not in _NOT_FOR_SCRIPTS
    }


def _withheld(name: str, why: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NameError(f"{name}() is not available to scripts: {why}")

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


def _print(*args: Any, sep: str | None = " ", end: str | None = "\n", flush: bool = False) -> None:
    """Print to where all of a script's output goes."""
    print(*args, sep=sep, end=end, flush=flush)


def _import_for_c(name: str, *rest: Any) -> None:
    """Check that a module is loaded, before C code takes it from ``sys.modules`` for a script.

    Scripts themselves import by the guards, and can't name this function.
    """
    if name not in sys.modules:
        raise ImportError(f"{name} is not loaded, and scripts have no files to load it from")


class OwnProgram(Protocol):
    """Modules that a program brings with it."""

    def find(self, name: str) -> ModuleProxy | None:
        """Return the module of that dotted name, if there is one."""


class _Importer:
    """Import statements of a script.

    Parameters
    ----------
    imports : what the script may import
    loaded : the modules by their dotted names
    """

    def __init__(
        self, imports: Iterable[ModuleImport], loaded: Mapping[str, types.ModuleType]
    ) -> None:
        #: Modules of the script's own program, once it has arrived.
        self.own: OwnProgram | None = None
        self._proxies: dict[str, ModuleProxy] = {}
        dotted: dict[str, ModuleProxy] = {}
        entries = tuple(imports)
        plots = any(entry.package == "matplotlib" for entry in entries)
        for name in dict.fromkeys(entry.module for entry in entries):
            if name not in loaded:
                raise ConfigurationError(f"{VARIABLE}: {name} is not loaded")
            proxy = make_proxy(loaded[name], plots)
            self._proxies[name] = proxy
            if "." in name:
                dotted[name] = proxy
        # A package that was not named itself shows nothing but the submodules that were.
        for name in sorted(dotted, key=lambda name: -name.count(".")):
            self._add_parents(name)

    def add(self, name: str, proxy: ModuleProxy) -> None:
        """Add a module that can be imported."""
        self._proxies.setdefault(name, proxy)

    def _add_parents(self, name: str) -> None:
        parent = name.rpartition(".")[0]
        if not parent or parent in self._proxies:
            return
        depth = parent.count(".") + 1
        below = {
            key.rpartition(".")[2]: proxy
            for key, proxy in self._proxies.items()
            if key.startswith(f"{parent}.") and key.count(".") == depth
        }
        self._proxies[parent] = make_package_proxy(parent, below)
        self._add_parents(parent)

    def bound(self, entry: ModuleImport) -> Any:
        """Return what the name of an entry is bound to."""
        if entry.attribute is not None:
            return self.attribute(entry.module, entry.attribute)
        return self.module(entry.module, entry.name != entry.package)

    def module(self, name: str, leaf: bool) -> ModuleProxy:
        """Return what ``import name`` binds: the package, or with ``as`` the leaf."""
        proxy = self._proxy(name)
        return proxy if leaf else self._proxy(name.partition(".")[0])

    def attribute(self, module: str, name: str) -> Any:
        """Return what ``from module import name`` binds."""
        proxy = self._proxy(module)
        if name.startswith("_") and name != VERSION:
            raise ImportError(f"{module}.{name} is not available to scripts: it is internal")
        try:
            return getattr(proxy, name)
        except AttributeError as error:
            raise ImportError(str(error)) from None

    def _proxy(self, name: str) -> ModuleProxy:
        if name in self._proxies:
            return self._proxies[name]
        own = None if self.own is None else self.own.find(name)
        if own is not None:
            return own
        parent, _, last = name.rpartition(".")
        if parent:
            submodule = getattr(self._proxy(parent), last, None)
            if isinstance(submodule, ModuleProxy):
                return submodule
        available = ", ".join(sorted(self._proxies)) or "none"
        raise ModuleNotFoundError(
            f"No module named {name!r} for scripts; those that can be imported: {available}",
            name=name,
        )
