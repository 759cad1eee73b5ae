"""Ranks that nodes live on: each node on one, devices on all.

PyNEST has a field ``local``, but fetches all fields of the nodes for it, recorded events too. The
rank of a node follows from its id; which nodes are on all ranks is noted when they are created.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nestd.kernel.pynest import RANK, RANKS, nest, node_ids

Mask = np.ndarray[Any, np.dtype[np.bool_]]

#: First and last id of nodes that are on all ranks, in their order. A process has one
#: list, as it has one kernel.
_everywhere: list[tuple[int, int]] = []


class VirtualProcesses:
    """The number of virtual processes.

    Asking NEST for it may have ranks wait for each other, as for any field of the kernel's status.
    So NEST is asked on all ranks or on none.
    """

    def __init__(self) -> None:
        self.total: int = nest.total_num_virtual_procs

    def ask(self) -> None:
        """Ask NEST for the number, which has been set; all ranks have to ask."""
        self.total = nest.total_num_virtual_procs

    def reset(self) -> None:
        """Note that each rank has one, as ResetKernel leaves it."""
        self.total = RANKS

    def of_this_rank(self) -> range:
        """Return the virtual processes of this rank."""
        return range(RANK, self.total, RANKS)


virtual_processes = VirtualProcesses()


class Receivers:
    """Volume transmitters, of which every thread has a copy that receives everything."""

    def __init__(self) -> None:
        #: First and last id of each group of nodes.
        self.ranges: list[tuple[int, int]] = []
        #: Name of a model: whether its nodes are such.
        self._models: dict[str, bool] = {}

    def note_created(self, model: str, nodes: Any) -> None:
        """Note nodes of ``model`` that were just created, if they are such."""
        if model not in self._models:
            type_id = nest.GetDefaults(model).get("type_id")
            self._models[model] = type_id == "volume_transmitter"
        if self._models[model] and len(nodes):
            ids = node_ids(nodes)
            self.ranges.append((int(ids[0]), int(ids[-1])))

    def has(self, node: int) -> bool:
        """Return whether the node with the id ``node`` is one."""
        return any(first <= node <= last for first, last in self.ranges)

    def clear(self) -> None:
        """Forget all nodes and models, as ResetKernel does."""
        self.ranges.clear()
        self._models.clear()


receivers = Receivers()


def note_created(nodes: Any) -> None:
    """Note whether nodes of one model, just created, are on all ranks."""
    elsewhere = np.flatnonzero(~of_this_rank(nodes))
    # If there is none, this rank has all of them anyway.
    if len(elsewhere) and nodes[int(elsewhere[0])].get("local"):
        ids = node_ids(nodes)
        _everywhere.append((int(ids[0]), int(ids[-1])))


def forget_all() -> None:
    """Forget all nodes, as ResetKernel does."""
    _everywhere.clear()
    virtual_processes.reset()
    receivers.clear()


def of_this_rank(nodes: Any) -> Mask:
    """Return which of ``nodes`` are this rank's by their ids, bool of shape (n,)."""
    here: Mask = node_ids(nodes) % virtual_processes.total % RANKS == RANK
    return here


def on_this_rank(nodes: Any) -> Mask:
    """Return which of ``nodes`` live on this rank, devices included, bool of shape (n,)."""
    if RANKS == 1:
        return np.ones(len(nodes), dtype=bool)
    here = of_this_rank(nodes)
    ids = node_ids(nodes)
    for first, last in _everywhere:
        here |= (ids >= first) & (ids <= last)
    return here
