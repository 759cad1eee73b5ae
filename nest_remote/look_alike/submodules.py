"""Modules below ``nest``, and the installation of all of them as what programs import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nest_remote.look_alike import helpers, import_paths
from nest_remote.look_alike.functions import name_as
from nest_remote.objects import layers, parameters
from nest_remote.objects.handles import bound
from nest_remote.plots import network, raster, traces
from protocol.wire.values import Expression

if TYPE_CHECKING:
    from nest_remote.look_alike.module import PyNest

#: Submodules whose functions are calls.
CALL_MODULES = ("random", "math", "logic", "spatial_distributions")

#: Submodules that draw: what makes their functions.
PLOT_MODULES: dict[str, Callable[[Any], dict[str, Callable[..., Any]]]] = {
    "raster_plot": raster.functions,
    "visualization": network.functions,
    "voltage_trace": traces.functions,
}

#: Submodules that PyNEST documents.
PUBLIC = (*CALL_MODULES, "spatial", *PLOT_MODULES)

#: Every submodule, packages first.
ALL = (*PUBLIC, "lib", *import_paths.MODULES)


class _Below(ModuleType):
    """Module below ``nest``."""

    def __init__(self, nest: PyNest, path: str, **names: Any) -> None:
        super().__init__(f"{nest.__name__}.{path}", f"{path} of PyNEST, executed elsewhere.")
        self.__dict__.update(names, _nest=nest, _path=path)
        is_package = path == "lib" or path in {it.partition(".")[0] for it in import_paths.MODULES}
        set_origin(self, nest.__file__, is_package)


class _Calls(_Below):
    """Submodule whose functions are calls."""

    def __getattr__(self, name: str) -> Any:
        nest: PyNest = self.__dict__["_nest"]
        path: str = self.__dict__["_path"]
        if name == "__all__":
            return self._names()
        if f"{path}.{name}" in import_paths.MODULES:
            return nest._module_below(f"{path}.{name}")
        if name.startswith("_") or not nest._has_function(f"{path}.{name}"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__dict__[name] = nest._function(f"{path}.{name}")
        return self.__dict__[name]

    def _names(self) -> list[str]:
        nest: PyNest = self.__dict__["_nest"]
        prefix = f"{self.__dict__['_path']}."
        own = {name for name in self.__dict__ if not name.startswith("_")}
        names = (n.removeprefix(prefix) for n in nest._function_names() if n.startswith(prefix))
        return sorted(own | {name for name in names if "." not in name})

    def __dir__(self) -> list[str]:
        return self._names()


class _Paths(_Below):
    """One of PyNEST's inner modules, which has names of others."""

    def __getattr__(self, name: str) -> Any:
        path: str = self.__dict__["_path"]
        defined = import_paths.DEFINED.get(path, ())
        if name == "__all__":
            return list(defined)
        nest: Any = self.__dict__["_nest"]
        if path == "lib" and f"lib.{name}" in import_paths.MODULES:
            return nest._module_below(f"lib.{name}")
        package = path.partition(".")[0]
        if name in defined:
            return getattr(nest if package == "lib" else getattr(nest, package), name)
        if name == "DistanceParameter" and package == "spatial":
            return nest.spatial._DistanceParameter
        if name in import_paths.SHOWN.get(path, ()):
            helper = vars(nest._module_below("lib.hl_api_helper")).get(name)
            return getattr(nest, name) if helper is None else helper
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        path: str = self.__dict__["_path"]
        return sorted({*import_paths.DEFINED.get(path, ()), *import_paths.SHOWN.get(path, ())})


def make(nest: PyNest, path: str) -> ModuleType:
    """Return a new submodule of ``nest``, one of :data:`ALL`."""
    if path in PLOT_MODULES:
        functions = PLOT_MODULES[path](nest)
        for name, function in functions.items():
            name_as(function, nest, name).__module__ = f"{nest.__name__}.{path}"
        return _Below(nest, path, __all__=sorted(functions), **functions)
    if path == "lib.hl_api_helper":
        own = helpers.functions(nest)
        return _Below(nest, path, __all__=sorted(own.keys() - {"is_iterable_not_str"}), **own)
    if path == "spatial":
        return _Calls(nest, path, **_spatial(nest))
    return _Calls(nest, path) if path in CALL_MODULES else _Paths(nest, path)


def _spatial(nest: PyNest) -> dict[str, Any]:
    """Return what ``nest.spatial`` has beside calls."""
    distance = name_as(
        bound(parameters.DistanceParameter, nest._connected), nest, "spatial.DistanceParameter"
    )
    # To scripts, the distance is a Parameter like others.
    distance.__bases__ = (parameters.DistanceParameter, nest.Parameter)
    return {
        "_DistanceParameter": distance,
        "grid": name_as(bound(layers.grid, nest._connected), nest, "spatial.grid"),
        "free": name_as(bound(layers.free, nest._connected), nest, "spatial.free"),
        "distance": distance.of(Expression("spatial.distance")),
        **{
            axes: name_as(layers.Axes(nest._connected, f"spatial.{axes}"), nest, f"spatial.{axes}")
            for axes in ("pos", "source_pos", "target_pos")
        },
    }


def set_origin(module: ModuleType, file: str | None, is_package: bool) -> None:
    """Say of a module where it comes from, for programs that look whether it is installed."""
    spec = ModuleSpec(module.__name__, None, origin=file, is_package=is_package)
    spec.has_location = file is not None
    module.__spec__, module.__file__ = spec, file
    module.__package__ = module.__name__ if is_package else module.__name__.rpartition(".")[0]
    if is_package:
        module.__path__ = []


def install(nest: PyNest, name: str = "nest") -> None:
    """Install the look-alike as ``nest``, also for libraries that import ``nest``.

    Parameters
    ----------
    nest : the look-alike
    name : under which
    """
    sys.modules[name] = nest
    for path in ALL:
        sys.modules[f"{name}.{path}"] = nest._module_below(path)
