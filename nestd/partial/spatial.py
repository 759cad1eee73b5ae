"""Answers about positions and neighbours, computed from those of all ranks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nestd.partial.answers import PartialAnswer
from nestd.partial.connections import ConnectionColumns
from nestd.partial.positions import KnownPositions, SpatialAnswer, lengths
from protocol.wire.values import Array, Value

if TYPE_CHECKING:
    from nestd.kernel.connections import Connections

D = TypeVar("D", bound="Displacements")


@dataclass(frozen=True)
class Nodes:
    """Stands in a merged value for a NodeCollection that no rank has made yet."""

    #: int64 of shape (n,).
    ids: Array


@dataclass(frozen=True)
class TextFile:
    """Stands for a file of the data directory that is still to be written."""

    name: str
    lines: list[str]


@dataclass(frozen=True)
class NodePositions(SpatialAnswer, kind="node_positions"):
    """Answer to GetPosition."""

    @classmethod
    def merge(cls, call: str, parts: Sequence[NodePositions]) -> Value:
        """Return positions, shape (n, d); of one node its d coordinates."""
        positions = cls.merged_places(parts)[0].positions.tolist()
        return positions[0] if len(positions) == 1 else positions


@dataclass(frozen=True)
class LayerMetadata(SpatialAnswer, kind="layer_metadata"):
    """Answer to NodeCollection.spatial, where positions are free."""

    metadata: dict[str, Any]

    @classmethod
    def collect(cls, positions: KnownPositions, metadata: dict[str, Any]) -> LayerMetadata:
        """Take ``metadata`` of a layer, in which a rank has positions of its own nodes only."""
        return cls([positions], metadata | {"positions": None})

    @classmethod
    def merge(cls, call: str, parts: Sequence[LayerMetadata]) -> Value:
        """Return the metadata with the positions of all ranks' nodes."""
        return parts[0].metadata | {"positions": cls.merged_places(parts)[0].positions}


@dataclass(frozen=True)
class ParameterValues(PartialAnswer, kind="parameter_values"):
    """Answer to Parameter.apply, where positions are free."""

    #: Which nodes are the rank's by their ids, bool (n,).
    local: Array
    values: list[Any]
    #: Whether the values are for places, as seen from the only node.
    are_of_places: bool

    @classmethod
    def collect(
        cls, param: Any, nodes: Any, local: Array, stand_in: Any, positions: Any
    ) -> ParameterValues:
        """Apply ``param`` to this rank's nodes.

        NEST 3.10 looks up positions of other ranks' nodes where it has only its own. As many values
        are asked for as there are nodes, so that random numbers stay the same on all ranks.

        Parameters
        ----------
        param : PyNEST's Parameter
        nodes : NodeCollection
        local : which of ``nodes`` are this rank's
        stand_in : a node of this rank in place of others' nodes, ``None`` if there is none
        positions : places for which values are asked, if they are
        """
        places = [] if positions is None else [positions]
        values: list[Any] = []
        for index in range(len(local)):
            node = nodes[index] if local[index] else stand_in
            values += [None] if node is None else param.apply(node, *places)
        return cls(local, values, bool(places))

    @classmethod
    def merge(cls, call: str, parts: Sequence[ParameterValues]) -> Value:
        """Return the value for each node, or for each place as seen from the only node."""
        owners = np.argmax([part.local for part in parts], axis=0)
        if parts[0].are_of_places:
            return tuple(parts[owners[0]].values)
        return tuple(parts[owner].values[index] for index, owner in enumerate(owners))


@dataclass(frozen=True)
class Displacements(SpatialAnswer, kind="displacements"):
    """Answer to Displacement: to the first collection, from the second or from points."""

    #: Shape (n, d); ``None`` if the start are nodes.
    points: Array | None

    @classmethod
    def collect(cls: type[D], to: KnownPositions, start: KnownPositions | Array) -> D:
        """Take what the displacements from ``start`` to ``to`` depend on."""
        if isinstance(start, KnownPositions):
            return cls([to, start], None)
        return cls([to], start)

    @classmethod
    def difference(cls, parts: Sequence[Displacements]) -> Array:
        """Return displacements, shape (n, d)."""
        to, *start = cls.merged_places(parts)
        if start:
            # Between nodes, NEST 3.10 gives the way back, in the layer where it starts.
            return start[0].displacements(to.positions)
        points = parts[0].points
        assert points is not None
        return to.displacements(points)

    @classmethod
    def merge(cls, call: str, parts: Sequence[Displacements]) -> Value:
        """Return displacements, shape (n, d)."""
        return cls.difference(parts).tolist()


@dataclass(frozen=True)
class Distances(Displacements, kind="distances"):
    """Answer to Distance."""

    @classmethod
    def merge(cls, call: str, parts: Sequence[Displacements]) -> Value:
        """Return distances, shape (n,)."""
        return lengths(cls.difference(parts)).tolist()


@dataclass(frozen=True)
class ConnectionDistances(SpatialAnswer, kind="connection_distances"):
    """Answer to SynapseCollection.distance; either end may be anywhere in any layer."""

    connections: ConnectionColumns

    @classmethod
    def collect(cls, layers: list[KnownPositions], conns: Connections) -> ConnectionDistances:
        """Read which nodes this rank's ``conns`` connect."""
        return cls(layers, ConnectionColumns.collect(conns, []))

    @classmethod
    def merge(cls, call: str, parts: Sequence[ConnectionDistances]) -> Value:
        """Return distances from source to target in the target's layer, shape (n,).

        NaN where one of the two has no position.
        """
        columns = ConnectionColumns.in_order(call, [part.connections for part in parts])[0]
        if not columns:
            return []
        layers = cls.merged_places(parts)
        distances = np.full(len(columns["source"]), np.nan)
        starts = [(layer, layer.rows(columns["source"])) for layer in layers]
        for to in layers:
            ends = to.rows(columns["target"])
            for start, begins in starts:
                rows = np.flatnonzero((begins >= 0) & (ends >= 0))
                if len(rows):
                    targets = replace(to, positions=to.positions[ends[rows]])
                    distances[rows] = targets.distances(start.positions[begins[rows]])
        return distances.tolist()


@dataclass(frozen=True)
class NearestNodes(SpatialAnswer, kind="nearest_nodes"):
    """Answer to FindNearestElement."""

    #: Shape (n, d).
    locations: Array
    #: Whether all that are equally near are asked for.
    with_ties: bool

    @classmethod
    def merge(cls, call: str, parts: Sequence[NearestNodes]) -> Value:
        """Return the nearest node to each location, or all that are equally near."""
        (layer,) = cls.merged_places(parts)
        nearest: list[Value] = []
        for location in parts[0].locations:
            distances = layer.distances(location)
            if parts[0].with_ties:
                rows = _nearest_with_ties(distances.tolist())
                nearest.append([Nodes(layer.ids[[row]]) for row in rows])
            else:
                nearest.append(Nodes(layer.ids[[int(np.argmin(distances))]]))
        return nearest[0] if len(nearest) == 1 else nearest


def _nearest_with_ties(distances: list[float]) -> list[int]:
    """Return the indices of the least distances, compared as PyNEST compares them."""
    indices, least = [0], distances[0]
    for index, distance in enumerate(distances[1:], 1):
        if distance < least:
            indices, least = [index], distance
        elif abs(distance - least) <= 1e-14 * least:
            indices.append(index)
    return indices


@dataclass(frozen=True)
class CenterNode(SpatialAnswer, kind="center_node"):
    """Answer to FindCenterElement."""

    @classmethod
    def merge(cls, call: str, parts: Sequence[CenterNode]) -> Value:
        """Return the node nearest to the layer's center."""
        (layer,) = cls.merged_places(parts)
        return Nodes(layer.ids[[int(np.argmin(layer.distances(layer.center)))]])


@dataclass(frozen=True)
class _Neighbours(SpatialAnswer):
    """Nodes that are connected with each of some nodes."""

    #: Ids of those nodes, int64 (n,).
    own: Array
    #: Connected pairs, those nodes first, int64 (m, 2).
    pairs: Array

    @classmethod
    def others(cls, parts: Sequence[_Neighbours]) -> list[Array]:
        """Return for each own node the ids of others, one a connection, in their order."""
        pairs = np.concatenate([part.pairs for part in parts])
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        return [pairs[pairs[:, 0] == own, 1] for own in parts[0].own]


@dataclass(frozen=True)
class NeighbourNodes(_Neighbours, kind="neighbour_nodes"):
    """Answer to GetTargetNodes and GetSourceNodes."""

    @classmethod
    def merge(cls, call: str, parts: Sequence[_Neighbours]) -> Value:
        """Return for each own node those it is connected with, without repetition."""
        return tuple(Nodes(np.unique(ids)) for ids in cls.others(parts))


@dataclass(frozen=True)
class NeighbourPositions(_Neighbours, kind="neighbour_positions"):
    """Answer to GetTargetPositions and GetSourcePositions."""

    @classmethod
    def merge(cls, call: str, parts: Sequence[_Neighbours]) -> Value:
        """Return for each own node the positions of those it is connected with."""
        (layer,) = cls.merged_places(parts)
        rows = {node: row for row, node in enumerate(layer.ids.tolist())}
        return [
            layer.positions[[rows[node] for node in ids.tolist()]].tolist()
            for ids in cls.others(parts)
        ]


@dataclass(frozen=True)
class LayerDump(PartialAnswer, kind="layer_dump"):
    """Lines that a rank would write, and the file that they are meant for."""

    name: str
    lines: list[str]

    @classmethod
    def collect(cls, name: str, write: Callable[[str], None]) -> LayerDump:
        """Have ``write`` write into memory, and read that."""
        with os.fdopen(os.memfd_create("dump"), encoding="utf-8") as file:
            # NEST opens files by their paths.
            write(f"/proc/self/fd/{file.fileno()}")
            lines = file.read().splitlines()
        return cls(name, lines)

    @classmethod
    def merge(cls, call: str, parts: Sequence[LayerDump]) -> Value:
        """Return the lines of all ranks in the order of the ids that they begin with."""

        def ids(line: str) -> tuple[int, ...]:
            return tuple(int(word) for word in line.split()[:2] if word.isdigit())

        lines = [line for part in parts for line in part.lines]
        return TextFile(parts[0].name, sorted(lines, key=ids))
