"""A stand-in for the look-alike of PyNEST: a module with functions, attributes and submodules."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any


class Nodes:
    """Stands for a NodeCollection, whose parameters are attributes."""

    def __init__(self, count: int) -> None:
        self.__dict__.update(_values={"V_m": -70.0}, _count=count)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.__dict__["_values"]:
            raise AttributeError(name)
        return self.__dict__["_values"][name]

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__["_values"][name] = value

    def __len__(self) -> int:
        return int(self.__dict__["_count"])

    def set(self, **values: Any) -> None:
        """Set parameters."""
        self.__dict__["_values"].update(values)


Nodes.__module__ = "nest_remote.objects.nodes"


class Nest(ModuleType):
    """Looks like ``nest`` and keeps kernel attributes to itself."""

    def __init__(self) -> None:
        super().__init__("nest")
        self.__dict__.update(
            _transport=os, _kernel={"resolution": 0.1, "local_num_threads": 1}, Nodes=Nodes
        )
        self.__dict__["__version__"] = "3.10.0"
        self.__dict__.update(Create=create, ResetKernel=reset_kernel, set=self._set)
        random = ModuleType("nest.random")
        random.__dict__.update(uniform=uniform, os=os)
        # What PyNEST itself has, and what no script must see.
        machinery = ModuleType("nest.ll_api")
        machinery.__dict__.update(os=os, sys=sys)
        plots = ModuleType("nest.raster_plot")
        plots.__dict__.update(os=os)
        self.__dict__.update(random=random, ll_api=machinery, raster_plot=plots, os=os)
        self.__dict__.update(system=os.system)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        kernel = self.__dict__["_kernel"]
        if name not in kernel:
            raise AttributeError(f"module 'nest' has no attribute {name!r}")
        return kernel[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__["_kernel"]:
            raise AttributeError(f"Cannot set attribute '{name}' on module 'nest'")
        self.__dict__["_kernel"][name] = value


Nest.__module__ = "nest_remote.look_alike.functions"


def create(model: str, n: int = 1) -> Nodes:
    """Stands for ``nest.Create``."""
    return Nodes(n)


def reset_kernel() -> None:
    """Stands for ``nest.ResetKernel``."""


def uniform(low: float = 0.0, high: float = 1.0) -> float:
    """Stands for ``nest.random.uniform``."""
    return (low + high) / 2


for _function in (create, reset_kernel, uniform, Nest._set):
    _function.__module__ = "nest"
