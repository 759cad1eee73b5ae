"""Estimates of the memory that a call makes NEST take, checked before NEST begins.

They are less than what NEST takes, so that nothing is refused that there is room for.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Mapping
from typing import Any

from nestd.confinement.memory import MIB, limit
from nestd.kernel.node_location import virtual_processes
from nestd.kernel.pynest import RANKS, nest

#: Bytes of a node beside itself, and of the smallest connection with what NEST keeps to find it.
_BESIDE_A_NODE = 32
_CONNECTION = 24
#: Stack of a thread where the system does not limit it.
_STACK_BYTES = 8 * MIB


def for_nodes(model: Any, number: Any) -> None:
    """Check that there is room for ``number`` nodes of a model."""
    if type(number) is not int or number < 10_000:
        return
    try:
        defaults = nest.GetDefaults(model)
    except Exception:
        # NEST itself says what is wrong with the model.
        return
    # Devices are on every thread.
    is_shared = defaults.get("element_type") in ("neuron", "other")
    copies = 1 / RANKS if is_shared else virtual_processes.total / RANKS
    limit.check(number * copies * (defaults.get("elementsize", 0) + _BESIDE_A_NODE))


def for_positions(model: Any, positions: Any) -> None:
    """Check that there is room for a node of a model at each of the positions."""
    shape = getattr(positions, "shape", None)
    if shape is not None:
        for_nodes(model, math.prod(max(1, int(extent)) for extent in shape))
    elif isinstance(number := getattr(positions, "n", None), int):
        for_nodes(model, number)


def for_connections(pre: Any, post: Any, conn_spec: Any) -> None:
    """Check that there is room for the connections of a rule, if it says how many there will be."""
    spec = conn_spec if isinstance(conn_spec, Mapping) else {"rule": conn_spec or "all_to_all"}
    try:
        sources, targets = len(pre), len(post)
    except TypeError:
        return
    numbers = {
        "all_to_all": sources * targets,
        "fixed_indegree": _number(spec, "indegree") * targets,
        "fixed_outdegree": _number(spec, "outdegree") * sources,
        "fixed_total_number": _number(spec, "N"),
    }
    # With a mask or a probability there are fewer.
    if {"mask", "p"} & spec.keys():
        return
    limit.check(numbers.get(str(spec.get("rule")), 0) * _CONNECTION / RANKS)


def for_parameters(params: Any) -> None:
    """Check that there is room for the matrices of a detector of correlations."""
    for each in params if isinstance(params, (list, tuple)) else (params,):
        if isinstance(each, Mapping):
            # A row for each channel, of vectors with at least one count.
            limit.check(float(_number(each, "N_channels")) ** 2 * 32)


def for_threads(threads: Any) -> None:
    """Check that there is room for the stacks of so many threads."""
    if type(threads) is int:
        soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
        stack = _STACK_BYTES if soft == resource.RLIM_INFINITY else soft
        limit.check((threads - 1) * stack)


def _number(values: Mapping[str, Any], name: str) -> int:
    try:
        return max(0, int(values.get(name, 0)))
    except (TypeError, ValueError, OverflowError):
        return 0
