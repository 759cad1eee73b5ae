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


def of_this_rank(nodes: Any) -> Mask:
    """Return which of ``nodes`` are this rank's by their ids, bool of shape (n,)."""
    here: Mask = node_ids(nodes) % nest.total_num_virtual_procs % RANKS == RANK
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
