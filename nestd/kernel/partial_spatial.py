"""PyNEST's calls on spatial layers, which NEST answers for local nodes only.

Each rank gives the positions that it has; ``nestd/partial/spatial.py`` computes the answer of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from nestd.kernel.api.shared_targets import listed
from nestd.kernel.connections import Connections
from nestd.kernel.layers import Layers
from nestd.kernel.node_location import of_this_rank
from nestd.kernel.pynest import (
    RANKS,
    NodeCollection,
    dump_layer_connections,
    dump_layer_nodes,
    nest,
    node_ids,
)
from nestd.partial.positions import KnownPositions
from nestd.partial.spatial import (
    CenterNode,
    ConnectionDistances,
    Displacements,
    Distances,
    LayerDump,
    LayerMetadata,
    NearestNodes,
    NeighbourNodes,
    NeighbourPositions,
    NodePositions,
    ParameterValues,
)
from protocol.wire.values import Array

D = TypeVar("D", bound=Displacements)


class SpatialCalls:
    """Calls that need the positions of nodes.

    Parameters
    ----------
    layers : of the network
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers

    def replaced(self) -> dict[str, Callable[..., Any]]:
        """Return by name in PyNEST what is called instead."""
        return {
            "Displacement": self.displacement,
            "Distance": self.distance,
            "DumpLayerConnections": self.dump_layer_connections,
            "DumpLayerNodes": self.dump_layer_nodes,
            "FindCenterElement": self.find_center_element,
            "FindNearestElement": self.find_nearest_element,
            "GetPosition": self.get_position,
            "GetSourceNodes": self.get_source_nodes,
            "GetSourcePositions": self.get_source_positions,
            "GetTargetNodes": self.get_target_nodes,
            "GetTargetPositions": self.get_target_positions,
            "NodeCollection.spatial": self.spatial,
            "Parameter.apply": self.apply,
            "SynapseCollection.distance": self.connection_distance,
        }

    def positions(self, nodes: Any) -> KnownPositions:
        """Return positions of ``nodes``, be they a slice of their layer or not."""
        if not isinstance(nodes, NodeCollection):
            raise TypeError("nodes must be a NodeCollection with spatial extent")
        layer, indices = nodes, np.arange(len(nodes))
        if len(nodes) > 1 and nodes.spatial is None:
            layer, indices = self._layers.containing(node_ids(nodes)) or (layer, indices)
        if len(nodes) == 0 or layer.spatial is None:
            # Raises what PyNEST says of nodes without positions.
            nest.GetPosition(nodes)
        # Of devices, too, NEST has the position on the rank of their id only.
        return KnownPositions.collect(
            layer,
            indices,
            of_this_rank(layer),
            node_ids(nodes),
            nest.GetPosition,
            self._layers.has(layer),
        )

    def spatial(self, nodes: Any) -> Any:
        """Answer NodeCollection.spatial; a rank has free positions of its own nodes only."""
        metadata = nodes.spatial
        if metadata is None or "positions" not in metadata:
            return metadata
        return LayerMetadata.collect(self.positions(nodes), metadata)

    def apply(self, param: Any, spatial_nc: Any, positions: Any = None) -> Any:
        """Answer Parameter.apply."""
        metadata = spatial_nc.spatial if len(spatial_nc) else None
        if metadata is None or "positions" not in metadata or RANKS == 1:
            return param.apply(spatial_nc, positions)
        stand_in = self._node_of_this_rank(spatial_nc)
        local = of_this_rank(spatial_nc)
        return ParameterValues.collect(param, spatial_nc, local, stand_in, positions)

    def _node_of_this_rank(self, nodes: Any) -> Any:
        """Return a node of the layer of ``nodes`` that lives here; ``None`` if none does."""
        place = self._layers.containing(node_ids(nodes))
        layer = nodes if place is None else place[0]
        own = np.flatnonzero(of_this_rank(layer))
        return layer[int(own[0])] if len(own) else None

    def get_position(self, nodes: Any) -> NodePositions:
        """Answer GetPosition."""
        return NodePositions([self.positions(nodes)])

    def displacement(self, from_arg: Any, to_arg: Any) -> Displacements:
        """Answer Displacement."""
        return self._difference(Displacements, from_arg, to_arg)

    def distance(self, from_arg: Any, to_arg: Any) -> Distances:
        """Answer Distance."""
        return self._difference(Distances, from_arg, to_arg)

    def _difference(self, answer: type[D], from_arg: Any, to_arg: Any) -> D:
        """Return the part of Displacement or Distance."""
        if not isinstance(to_arg, NodeCollection):
            raise TypeError("to_arg must be a NodeCollection")
        if isinstance(from_arg, np.ndarray):
            from_arg = [from_arg] if from_arg.ndim == 1 else list(from_arg)
        if len(from_arg) > 1 and len(to_arg) > 1 and len(from_arg) != len(to_arg):
            raise ValueError("to_arg and from_arg must have same size unless one have size 1.")
        if isinstance(from_arg, NodeCollection):
            start: Any = self.positions(from_arg)
        else:
            start = np.array(from_arg, dtype=float)
        return answer.collect(self.positions(to_arg), start)

    def connection_distance(self, conns: Connections) -> ConnectionDistances:
        """Answer SynapseCollection.distance."""
        return ConnectionDistances.collect(list(map(self.positions, self._layers.all())), conns)

    def find_nearest_element(
        self, layer: Any, locations: Any, find_all: bool = False
    ) -> NearestNodes:
        """Answer FindNearestElement."""
        if not isinstance(layer, NodeCollection):
            raise TypeError("layer must be a NodeCollection")
        if len(layer) == 0:
            raise ValueError("layer cannot be empty")
        places = np.array(locations, dtype=float)
        if places.ndim not in (1, 2):
            raise TypeError("locations must be coordinate array or list of coordinate arrays")
        return NearestNodes([self.positions(layer)], np.atleast_2d(places), bool(find_all))

    def find_center_element(self, layer: Any) -> CenterNode:
        """Answer FindCenterElement."""
        if not isinstance(layer, NodeCollection):
            raise TypeError("layer must be a NodeCollection")
        return CenterNode([self.positions(layer)])

    def get_target_nodes(
        self, sources: Any, tgt_layer: Any, syn_model: str | None = None
    ) -> NeighbourNodes:
        """Answer GetTargetNodes."""
        pairs = _pairs("GetTargetNodes", sources, tgt_layer, syn_model)
        return NeighbourNodes([], node_ids(sources), pairs)

    def get_source_nodes(
        self, src_layer: Any, targets: Any, syn_model: str | None = None
    ) -> NeighbourNodes:
        """Answer GetSourceNodes."""
        pairs = _pairs("GetSourceNodes", src_layer, targets, syn_model)
        return NeighbourNodes([], node_ids(targets), pairs[:, ::-1])

    def get_target_positions(
        self, sources: Any, tgt_layer: Any, syn_model: str | None = None
    ) -> NeighbourPositions:
        """Answer GetTargetPositions."""
        pairs = _pairs("GetTargetPositions", sources, tgt_layer, syn_model)
        return NeighbourPositions([self.positions(tgt_layer)], node_ids(sources), pairs)

    def get_source_positions(
        self, src_layer: Any, targets: Any, syn_model: str | None = None
    ) -> NeighbourPositions:
        """Answer GetSourcePositions."""
        pairs = _pairs("GetSourcePositions", src_layer, targets, syn_model)
        return NeighbourPositions([self.positions(src_layer)], node_ids(targets), pairs[:, ::-1])

    def dump_layer_nodes(self, layer: Any, outname: str) -> LayerDump:
        """Answer DumpLayerNodes, to one file as one process writes it."""
        _refuse_others("DumpLayerNodes", layer)
        if layer.spatial is None:
            # NEST 3.10 ends the process over it, by an exception that nothing catches.
            raise nest.NESTErrors.LayerExpected("the nodes of DumpLayerNodes have no positions")
        return LayerDump.collect(outname, lambda path: dump_layer_nodes(layer._datum, path))

    def dump_layer_connections(
        self, source_layer: Any, target_layer: Any, synapse_model: str, outname: str
    ) -> LayerDump:
        """Answer DumpLayerConnections, to one file as one process writes it."""
        _refuse_others("DumpLayerConnections", source_layer, target_layer)

        def write(path: str) -> None:
            dump_layer_connections(source_layer._datum, target_layer._datum, synapse_model, path)

        return LayerDump.collect(outname, write)


def _refuse_others(call: str, *collections: Any) -> None:
    """Raise for an argument that is no NodeCollection."""
    if not all(isinstance(collection, NodeCollection) for collection in collections):
        raise TypeError(f"{call} takes NodeCollections")


def _pairs(call: str, sources: Any, targets: Any, syn_model: str | None) -> Array:
    """Return source and target of each connection that this rank has, int64 (n, 2)."""
    _refuse_others(call, sources, targets)
    conns = listed(nest.GetConnections(sources, targets, synapse_model=syn_model))
    pairs = np.zeros((len(conns), 2), dtype=np.int64)
    if len(conns):
        pairs[:, 0] = list(conns.sources())
        pairs[:, 1] = list(conns.targets())
    return pairs
