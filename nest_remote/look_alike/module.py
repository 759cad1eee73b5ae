"""Look-alike of the module ``nest`` whose functions run in the kernel of a session."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from nest_remote.look_alike import import_paths, own_functions, submodules
from nest_remote.look_alike.functions import RemoteFunction, name_as
from nest_remote.objects import nodes, parameters, synapses
from nest_remote.objects.compartments import Compartments, Receptors
from nest_remote.objects.handles import Handle, bound
from nest_remote.plots import layers as layer_plots
from nest_remote.session import Session

#: What a module has of its session's kernel, and gets anew with another.
_OF_SESSION = ("NESTError", "NESTErrors", "VerbosityLevel")

#: What ``nest`` has beside calls and kernel attributes.
_OWN = (
    *_OF_SESSION,
    "CollocatedSynapses",
    "Compartments",
    "Mask",
    "NodeCollection",
    "Parameter",
    "PlotLayer",
    "PlotProbabilityParameter",
    "PlotSources",
    "PlotTargets",
    "PrintNodes",
    "Receptors",
    "RunManager",
    "SynapseCollection",
    "files",
    "get",
    "help",
    "serialize_data",
    "set",
    "to_json",
    "userdict",
    *submodules.PUBLIC,
)


#: What only programs with a file system of their own have: why scripts have not.
_FOR_CLIENTS = {
    "download": "a script has no files of its own; name the file in the request's return, or "
    "have the program that runs the script download it"
}


class PyNest(ModuleType):
    """Module that offers what ``nest`` offers and executes it in the kernel of a session.

    Its classes and functions are the same for all sessions that it has, one after another; an
    object belongs to the session in which it was made.

    Parameters
    ----------
    name : of the module
    session : that executes; ``None`` while there is none
    """

    _session: Session | None = None

    def __init__(self, name: str, session: Session | None = None) -> None:
        super().__init__(name, "PyNEST, executed elsewhere.")
        submodules.set_origin(self, str(Path(__file__).parents[1] / "__init__.py"), True)
        self._offer()
        if session is not None:
            self._begin(session)

    def _offer(self) -> None:
        """Offer what is the same in all sessions."""
        self.__dict__.update(_functions={}, _modules={}, **_classes(self))
        for made in (own_functions.functions(self), layer_plots.functions(self)):
            self.__dict__.update({n: name_as(function, self, n) for n, function in made.items()})

    def _begin(self, session: Session) -> None:
        """Offer the names that the session's kernel has."""
        for module in (self, *self.__dict__["_modules"].values()):
            of_before = [
                n for n, value in vars(module).items() if isinstance(value, RemoteFunction)
            ]
            for name in (*of_before, *(_OF_SESSION if module is self else ())):
                module.__dict__.pop(name, None)
        self.__dict__.update(_session=session, userdict={})
        session.makers = _makers(self, session)

    def _connected(self) -> Session:
        session = self.__dict__.get("_session")
        if session is None:
            raise ConnectionError(self._unconnected())
        found: Session = session
        return found

    def _unconnected(self) -> str:
        return (
            f"{self.__name__} is not connected: call "
            f'{self.__name__}.connect("http://host:52425") first'
        )

    def _function(self, name: str) -> RemoteFunction:
        """Return the function of a dotted name, always the same one."""
        known: dict[str, RemoteFunction] = self.__dict__["_functions"]
        return known.get(name) or known.setdefault(name, RemoteFunction(self, name))

    def _has_function(self, name: str) -> bool:
        """Tell whether a dotted name is a function; without a session, whether PyNEST has it."""
        session = self.__dict__.get("_session")
        if session is None:
            return import_paths.home_of(name) is not None
        return bool(session.description.has_role(name, "function", "constructor"))

    def _function_names(self) -> Iterable[str]:
        session = self.__dict__.get("_session")
        names = import_paths.NAMES if session is None else session.description.names
        return [name for name in names if self._has_function(name)]

    def _module_below(self, path: str) -> ModuleType:
        """Return the submodule at a dotted path, always the same one."""
        known: dict[str, ModuleType] = self.__dict__["_modules"]
        return known.get(path) or known.setdefault(path, submodules.make(self, path))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__version__", "__all__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name == "__all__":
            return [item for item in dir(self) if not item.startswith("_")]
        found = self._same_in_all_sessions(name)
        if found is None:
            session: Session | None = self.__dict__.get("_session")
            if session is None:
                # So that hasattr and help can look. What is called says the same.
                raise AttributeError(self._unconnected())
            if name == "__version__":
                return session.description.version
            if session.description.has_role(name, "attribute"):
                return _as_level(self, name, session.read(name))
            found = _of_session(self, session, name)
            if found is None:
                reason = session.description.left_out.get(name) or _FOR_CLIENTS.get(name)
                raise AttributeError(
                    f"{self.__name__}.{name} can't be offered: {reason}"
                    if reason
                    else f"module {self.__name__!r} has no attribute {name!r}"
                )
        self.__dict__[name] = found
        return found

    def _same_in_all_sessions(self, name: str) -> Any:
        """Return a submodule, or a function that the kernel has; ``None`` for another name."""
        if name in submodules.PUBLIC or name == "lib":
            return self._module_below(name)
        if name not in _OWN and self._has_function(name):
            return self._function(name)
        return None

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) or name.startswith("__"):
            # The import system does that.
            self.__dict__[name] = value
            return
        session = self._connected()
        if not session.description.has_role(name, "attribute"):
            raise AttributeError(f"Cannot set attribute '{name}' on module '{self.__name__}'")
        if name in session.description.read_only:
            raise AttributeError(f"`{name}` is a read only kernel attribute.")
        session.write(name, value)

    def __dir__(self) -> list[str]:
        known = {name for name in self.__dict__ if name.startswith("__")}
        session = self.__dict__.get("_session")
        if session is not None:
            known |= {name for name in session.description.names if "." not in name} | {*_OWN}
        return sorted(known)


def _classes(nest: PyNest) -> dict[str, Any]:
    """Make the classes of objects, and what needs no kernel."""
    made = (
        nodes.NodeCollection,
        synapses.SynapseCollection,
        parameters.Parameter,
        parameters.Mask,
    )
    return {
        **{cls.__name__: name_as(bound(cls, nest._connected), nest, cls.__name__) for cls in made},
        "CollocatedSynapses": synapses.CollocatedSynapses,
        "Compartments": Compartments,
        "Receptors": Receptors,
        "userdict": {},
    }


def _makers(nest: PyNest, session: Session) -> dict[str, Any]:
    """Return a maker for each type of reference."""
    names = vars(nest)
    positions = bound(Handle, nest._connected)

    def of(cls: Any) -> Any:
        return lambda reference: cls.of(reference, session=session)

    def plain(reference: Any) -> Handle:
        return positions(reference, session)

    return {
        "NodeCollection": nodes.maker(names["NodeCollection"], session),
        "SynapseCollection": of(names["SynapseCollection"]),
        "Parameter": of(names["Parameter"]),
        "DistanceParameter": of(names["Parameter"]),
        "Mask": of(names["Mask"]),
        "grid": plain,
        "free": plain,
    }


def _of_session(nest: PyNest, session: Session, name: str) -> Any:
    """Return one of ``_OF_SESSION``; ``None`` for another name."""
    if name == "NESTErrors":
        return session.errors
    if name == "NESTError":
        return session.errors.KernelException
    if name == "VerbosityLevel":
        # The same as before, if it is: programs keep its members.
        levels = session.description.verbosity
        kept: Any = nest.__dict__.get("_levels")
        if kept is None or {level.name: level.value for level in kept} != levels:
            kept = name_as(enum.IntEnum("VerbosityLevel", levels), nest, "VerbosityLevel")
            nest.__dict__["_levels"] = kept
        return kept
    return None


def _as_level(nest: PyNest, name: str, value: Any) -> Any:
    """Replace the verbosity in ``value`` by PyNEST's enum."""
    if name == "verbosity":
        return nest.VerbosityLevel(value)
    if name == "kernel_status":
        value["verbosity"] = nest.VerbosityLevel(value["verbosity"])
    return value
