"""The cases, one a module: each has a ``TITLE``, a ``run`` and its docstring for the page."""

from __future__ import annotations

import importlib
from types import ModuleType

#: In the order in which they are measured and shown.
NAMES = (
    "starts",
    "small_calls",
    "clients",
    "scripts",
    "closed_loop",
    "spikes",
    "spikes_on_ranks",
    "memory",
    "connections",
    "parameters",
    "during_run",
    "idle",
    "slow_callers",
    "simulation",
    "rank_messages",
)


def module(name: str) -> ModuleType:
    """The case of that name."""
    return importlib.import_module(f"benchmarks.cases.{name}")
