"""Look-alike of the module ``nest`` whose functions run in the kernel of a session."""

from __future__ import annotations

import contextlib
import enum
import functools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from nest_remote import output_formats
from nest_remote.objects import layers, nodes, parameters, synapses
from nest_remote.objects.compartments import Compartments, Receptors
from nest_remote.objects.handles import Handle, bound
from nest_remote.plots import layers as layer_plots
from nest_remote.plots import network, raster, traces
from nest_remote.session import Session
from protocol.wire.values import Expression, Reference

#: Submodules whose functions are calls.
_CALL_MODULES = ("random", "math", "logic", "spatial_distributions")

#: Submodules that draw: what makes their functions.
_PLOT_MODULES: dict[str, Callable[[Any], dict[str, Callable[..., Any]]]] = {
    "raster_plot": raster.functions,
    "visualization": network.functions,
    "voltage_trace": traces.functions,
}

_SUBMODULES = (*_CALL_MODULES, "spatial", *_PLOT_MODULES)

#: What ``nest`` has beside calls and kernel attributes.
_OWN = (
    "CollocatedSynapses",
    "Compartments",
    "Mask",
    "NESTError",
    "NESTErrors",
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
    "VerbosityLevel",
    "files",
    "get",
    "help",
    "serialize_data",
    "set",
    "to_json",
    "userdict",
    *_SUBMODULES,
)


#: What only programs with a file system of their own have: why scripts have not.
_FOR_CLIENTS = {
    "download": "a script has no files of its own; name the file in the request's return, or "
    "have the program that runs the script download it"
}


class RemoteFunction:
    """Function of PyNEST that the kernel executes.

    Parameters
    ----------
    session : that executes
    name : dotted name
    """

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name
        self.__name__ = name.rpartition(".")[2]
        self.__qualname__ = self.__name__
        self.__module__ = "nest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.call(self._name, *args, **kwargs)

    # A class's __doc__ is a string, an instance's is asked for when somebody reads it.
    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return self._session.inspect(self._name, "getdoc")

    def __repr__(self) -> str:
        return f"<function {self._name} of NEST, executed by the server>"


class PyNest(ModuleType):
    """Module that offers what ``nest`` offers and executes it in the kernel of a session.

    Parameters
    ----------
    name : of the module
    session : that executes; ``None`` while there is none
    """

    _session: Session | None = None

    def __init__(self, name: str, session: Session | None = None) -> None:
        super().__init__(name, "PyNEST, executed elsewhere.")
        self.__dict__["__path__"] = []
        if session is not None:
            self._begin(session)

    def _begin(self, session: Session) -> None:
        """Offer the names that the session's kernel has."""
        for name in (*_OWN, *(n for n in vars(self) if isinstance(vars(self)[n], RemoteFunction))):
            self.__dict__.pop(name, None)
        self.__dict__["_session"] = session
        _make_objects(self.__dict__, session)

    def _connected(self) -> Session:
        session = self.__dict__.get("_session")
        if session is None:
            raise ConnectionError(
                f"{self.__name__} is not connected: call "
                f'{self.__name__}.connect("http://host:52425") first'
            )
        found: Session = session
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__version__", "__all__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        session = self._connected()
        description = session.description
        if name == "__version__":
            return description.version
        if name == "__all__":
            return [item for item in dir(self) if not item.startswith("_")]
        if description.has_role(name, "attribute"):
            return _as_level(self, name, session.read(name))
        found = self._own(name, session)
        if found is None and description.has_role(name, "function", "constructor"):
            found = RemoteFunction(session, name)
        if found is None:
            reason = description.left_out.get(name) or _FOR_CLIENTS.get(name)
            raise AttributeError(
                f"{self.__name__}.{name} can't be offered: {reason}"
                if reason
                else f"module {self.__name__!r} has no attribute {name!r}"
            )
        self.__dict__[name] = found
        return found

    def _own(self, name: str, session: Session) -> Any:
        """Return the names that are no plain calls: submodules, and functions of this side."""
        if name in _SUBMODULES:
            return _submodule(self, name, session)
        made: dict[str, Callable[[], Any]] = {
            "NESTErrors": lambda: session.errors,
            "NESTError": lambda: session.errors.KernelException,
            "VerbosityLevel": lambda: enum.IntEnum(
                "VerbosityLevel", session.description.verbosity, module="nest"
            ),
            "RunManager": lambda: _run_manager(session),
            "PrintNodes": lambda: functools.partial(_print_nodes, session),
            "help": lambda: functools.partial(_help, session),
            "files": lambda: functools.partial(_files, session),
            "get": lambda: functools.partial(_get, self),
            "set": lambda: functools.partial(_set, self),
        }
        if name in made:
            return made[name]()
        return layer_plots.functions(self).get(name) if name.startswith("Plot") else None

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


def _make_objects(namespace: dict[str, Any], session: Session) -> None:
    """Make the classes of ``session``, with a maker for each type of reference."""
    collection = bound(nodes.NodeCollection, session)
    connections = bound(synapses.SynapseCollection, session)
    parameter = bound(parameters.Parameter, session)
    mask = bound(parameters.Mask, session)
    plain = bound(Handle, session)
    session.makers = {
        "NodeCollection": nodes.maker(collection, session),
        "SynapseCollection": connections.of,
        "Parameter": parameter.of,
        "DistanceParameter": parameter.of,
        "Mask": mask.of,
        "grid": plain,
        "free": plain,
    }
    namespace |= {
        "NodeCollection": collection,
        "SynapseCollection": connections,
        "Parameter": parameter,
        "Mask": mask,
        "CollocatedSynapses": synapses.CollocatedSynapses,
        "Compartments": Compartments,
        "Receptors": Receptors,
        "serialize_data": output_formats.serialize_data,
        "to_json": output_formats.to_json,
        "userdict": {},
    }


def _as_level(nest: PyNest, name: str, value: Any) -> Any:
    """Replace the verbosity in ``value`` by PyNEST's enum."""
    if name == "verbosity":
        return nest.VerbosityLevel(value)
    if name == "kernel_status":
        value["verbosity"] = nest.VerbosityLevel(value["verbosity"])
    return value


class _Submodule(ModuleType):
    """Submodule of the look-alike, whose functions are calls."""

    def __init__(self, parent: str, name: str, session: Session) -> None:
        super().__init__(f"{parent}.{name}", f"{name} of PyNEST, executed elsewhere.")
        self.__dict__.update(_prefix=f"{name}.", _session=session)

    def __getattr__(self, name: str) -> Any:
        session: Session = self.__dict__["_session"]
        dotted = f"{self.__dict__['_prefix']}{name}"
        if not session.description.has_role(dotted, "constructor", "function"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__dict__[name] = RemoteFunction(session, dotted)
        return self.__dict__[name]

    def __dir__(self) -> list[str]:
        prefix: str = self.__dict__["_prefix"]
        names = self.__dict__["_session"].description.names
        own = [name for name in self.__dict__ if not name.startswith("_")]
        return sorted({*own, *(n.removeprefix(prefix) for n in names if n.startswith(prefix))})


def _submodule(nest: PyNest, name: str, session: Session) -> ModuleType:
    module: ModuleType
    if name in _PLOT_MODULES:
        module = ModuleType(f"{nest.__name__}.{name}")
        module.__dict__.update(_PLOT_MODULES[name](nest))
        return module
    module = _Submodule(nest.__name__, name, session)
    if name == "spatial":
        distance = bound(parameters.DistanceParameter, session)
        # To scripts, the distance is a Parameter like others.
        distance.__bases__ = (parameters.DistanceParameter, nest.Parameter)
        module.__dict__.update(
            grid=bound(layers.grid, session),
            free=bound(layers.free, session),
            distance=distance.of(Expression("spatial.distance")),
            **{
                axes: layers.Axes(session, f"spatial.{axes}")
                for axes in ("pos", "source_pos", "target_pos")
            },
        )
    return module


def _run_manager(session: Session) -> Callable[[], contextlib.AbstractContextManager[None]]:
    @contextlib.contextmanager
    def RunManager() -> Iterator[None]:  # noqa: N802  # PyNEST's name
        """Prepare before, and Cleanup after, a series of ``Run``."""
        session.call("Prepare")
        try:
            yield
        finally:
            session.call("Cleanup")

    return RunManager


def _print_nodes(session: Session) -> None:
    """Print ranges of node ids with their models."""
    print(session.call("PrintNodes"))


def _help(session: Session, obj: Any = None, return_text: bool = False) -> str | None:
    """Show, or return, NEST's documentation of a model."""
    if obj is None:
        print("PyNEST, executed elsewhere. Functions have their documentation: help(nest.Create).")
        return None
    try:
        text: str = session.call("help", obj, True)
    except ValueError as error:
        print(error)
        return None
    if return_text:
        return text
    print(text)
    return None


def _files(session: Session) -> list[dict[str, Any]]:
    """Return name, size, time of change and media type of each file that NEST has written."""
    return session.files()


def _get(nest: PyNest, *args: Any) -> Any:
    """Return kernel attributes: all, one, or several."""
    if not args:
        return nest.GetKernelStatus()
    return nest.GetKernelStatus(args[0] if len(args) == 1 else args)


def _set(nest: PyNest, **kwargs: Any) -> None:
    """Set kernel attributes by keywords."""
    nest.SetKernelStatus(kwargs)


def install(nest: PyNest, name: str = "nest") -> None:
    """Install the look-alike as ``nest``, also for libraries that import ``nest``.

    Parameters
    ----------
    nest : connected
    name : under which
    """
    sys.modules[name] = nest
    for submodule in _SUBMODULES:
        sys.modules[f"{name}.{submodule}"] = getattr(nest, submodule)


__all__ = ["PyNest", "RemoteFunction", "install", "Reference"]
