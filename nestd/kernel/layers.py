"""Spatial layers, kept so that node ids lead back to their layer.

``nest.NodeCollection(ids)`` has no positions, even when the ids are exactly those of a layer.
Callers over HTTP hold ids, so each layer is kept as it was created, and sliced.
"""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np

from nestd.kernel.pynest import NodeCollection
from protocol.wire.values import Array


class Layers:
    """All layers of the network, in the order of their ids."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._layers: list[Any] = []

    def add(self, layer: Any) -> None:
        """Keep a layer that was just created; its ids are above those of all layers before."""
        self._firsts.append(layer[0].global_id)
        self._layers.append(layer)

    def clear(self) -> None:
        """Forget all layers, as ResetKernel does."""
        self._firsts.clear()
        self._layers.clear()

    def all(self) -> tuple[Any, ...]:
        """Return all layers."""
        return tuple(self._layers)

    def has(self, nodes: Any) -> bool:
        """Return whether ``nodes`` are a whole layer, as it was created."""
        return any(nodes is layer for layer in self._layers)

    def containing(self, ids: Array) -> tuple[Any, Array] | None:
        """Return the layer that has all ``ids``, with their indices in the layer.

        Parameters
        ----------
        ids : node ids, shape (n,), n > 0
        """
        number = bisect.bisect_right(self._firsts, int(ids.min())) - 1
        if number < 0:
            return None
        layer = self._layers[number]
        indices = ids - self._firsts[number]
        if int(indices.max()) >= len(layer):
            return None
        return layer, indices

    def collection(self, ids: Array) -> Any:
        """Return the NodeCollection of ascending ``ids``: a slice of their layer, if they have one.

        Only slices keep the spatial information, so ids that are not evenly spaced give a
        collection without.
        """
        if len(ids) == 0:
            return NodeCollection([])
        place = self.containing(ids)
        if place is None:
            return NodeCollection(ids)
        layer, indices = place
        step = int(indices[1] - indices[0]) if len(indices) > 1 else 1
        if step < 1 or np.any(np.diff(indices) != step):
            return NodeCollection(ids)
        if len(indices) == len(layer):
            return layer
        return layer[int(indices[0]) : int(indices[-1]) + 1 : step]
