"""Positions of nodes, which NEST gives for the nodes of one rank only, and distances.

The formulas are those of NEST's ``Layer`` (nestkernel/layer.h), operation by operation, so the
numbers are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nestd.partial.answers import PartialAnswer, Piece
from protocol.errors import ArgumentError
from protocol.wire.values import Array


@dataclass(frozen=True)
class KnownPositions(Piece, kind="positions"):
    """Positions of nodes of one layer, as far as a rank has them."""

    #: Node ids, int64 (n,).
    ids: Array
    #: Which positions the rank has, bool (n,).
    local: Array
    #: float64 (n, d).
    positions: Array
    #: Of the layer, float64 (d,).
    center: Array
    extent: Array
    is_wrapped: bool

    @classmethod
    def collect(
        cls,
        layer: Any,
        indices: Array,
        local: Array,
        ids: Array,
        get_position: Callable[[Any], Any],
        can_slice: bool,
    ) -> KnownPositions:
        """Read the positions that this rank has.

        Parameters
        ----------
        layer : NodeCollection with positions
        indices : which of its nodes are asked for, int64 (n,)
        local : which nodes of ``layer`` are this rank's by their ids
        ids : of the nodes asked for, int64 (n,)
        get_position : PyNEST's GetPosition
        can_slice : whether ``layer`` is whole; of a part of a layer, NEST makes no further part
        """
        metadata = layer.spatial
        if local.all():
            everywhere = get_position(layer)
            positions = np.array([everywhere] if len(layer) == 1 else everywhere)[indices]
        else:
            positions = np.zeros((len(indices), len(metadata["center"])))
            own = np.flatnonzero(local)
            is_even = len(set(np.diff(own).tolist())) == 1
            if is_even and len(indices) == len(layer) and can_slice:
                # At once.
                every = slice(int(own[0]), int(own[-1]) + 1, int(own[1] - own[0]))
                positions[own] = get_position(layer[every])
            else:
                for row, index in enumerate(indices):
                    if local[index]:
                        positions[row] = get_position(layer[int(index)])
        return cls(
            ids,
            local[indices],
            positions,
            np.array(metadata["center"]),
            np.array(metadata["extent"]),
            bool(metadata["edge_wrap"]),
        )

    @staticmethod
    def merge(parts: Sequence[KnownPositions]) -> KnownPositions:
        """Return the positions of all ranks' nodes."""
        positions = np.array(parts[0].positions)
        for part in parts[1:]:
            positions[part.local] = part.positions[part.local]
        return replace(parts[0], positions=positions)

    def displacements(self, start: Array) -> Array:
        """Return the way from ``start`` to each node, the shortest where edges are wrapped.

        Parameters
        ----------
        start : one position, shape (d,) or (1, d), or one for each node, shape (n, d)

        Raises
        ------
        ArgumentError
            If it has another number of coordinates.
        """
        if start.shape[-1] != self.positions.shape[-1]:
            raise ArgumentError(
                f"positions have {self.positions.shape[-1]} coordinates, not {start.shape[-1]}"
            )
        way: Array = self.positions - start
        if self.is_wrapped:
            way = -0.5 * self.extent + np.fmod(way + 0.5 * self.extent, self.extent)
            way = np.where(way < -0.5 * self.extent, way + self.extent, way)
        return way

    def distances(self, start: Array) -> Array:
        """Return the distance from ``start`` to each node, shape (n,)."""
        return lengths(self.displacements(start))

    def rows(self, ids: Array) -> Array:
        """Return the row of each of ``ids`` in a whole layer, whose own are consecutive; or -1."""
        rows = np.asarray(ids) - self.ids[0]
        return np.where((rows >= 0) & (rows < len(self.ids)), rows, -1)


def lengths(displacements: Array) -> Array:
    """Return Euclidean lengths, shape (n,), added up in NEST's order."""
    squares = displacements[:, 0] * displacements[:, 0]
    for axis in range(1, displacements.shape[1]):
        squares = squares + displacements[:, axis] * displacements[:, axis]
    result: Array = np.sqrt(squares)
    return result


@dataclass(frozen=True)
class SpatialAnswer(PartialAnswer):
    """Base of partial answers that depend on positions."""

    #: Of one or several collections of nodes.
    places: list[KnownPositions]

    @staticmethod
    def merged_places(parts: Sequence[SpatialAnswer]) -> list[KnownPositions]:
        """Return the positions of all ranks' nodes, for each collection."""
        places = zip(*(part.places for part in parts), strict=True)
        return [KnownPositions.merge(each) for each in places]
