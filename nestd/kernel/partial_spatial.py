"""Shares of PyNEST's calls on spatial layers, which NEST answers for local nodes only.

Each rank gives the positions that it has; ``nestd/partial/spatial.py`` computes the answer of all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nestd.kernel.connections import Connections
from nestd.kernel.layers import Layers
from nestd.kernel.node_location import of_this_rank
from nestd.kernel.partial_answers import Share, connection_share
from nestd.kernel.pynest import RANKS, NodeCollection, nest, node_ids


class SpatialShares:
    """The calls that need to find nodes' positions.

    Parameters
    ----------
    layers : of the network
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers

    def replaced(self) -> dict[str, Callable[..., Any]]:
        """Name in PyNEST: what is called instead."""
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

    def positions(self, nodes: Any) -> Share:
        """Positions of ``nodes``, be they a slice of their layer or not.

        ``ids`` int64 (n,), ``local`` bool (n,), ``positions`` float64 (n, d) where local,
        and of the layer ``center`` and ``extent`` (d,) and ``edge_wrap``.
        """
        if not isinstance(nodes, NodeCollection):
            raise TypeError("nodes must be a NodeCollection with spatial extent")
        layer, indices = nodes, np.arange(len(nodes))
        if len(nodes) > 1 and nodes.spatial is None:
            place = self._layers.containing(node_ids(nodes))
            if place is not None:
                layer, indices = place
        if len(nodes) == 0 or layer.spatial is None:
            # Raises what PyNEST says of nodes without positions.
            nest.GetPosition(nodes)
        # Of devices, too, NEST has the position on the rank of their id only.
        local = of_this_rank(layer)
        if local.all():
            found = nest.GetPosition(layer)
            positions = np.array([found] if len(layer) == 1 else found)[indices]
        else:
            positions = np.zeros((len(indices), len(layer.spatial["center"])))
            own = np.flatnonzero(local)
            evenly = len(set(np.diff(own).tolist())) == 1
            if evenly and len(indices) == len(layer) and self._layers.has(layer):
                # At once; of a part of a layer, NEST makes no further part.
                every = slice(int(own[0]), int(own[-1]) + 1, int(own[1] - own[0]))
                positions[own] = nest.GetPosition(layer[every])
            else:
                for row, index in enumerate(indices):
                    if local[index]:
                        positions[row] = nest.GetPosition(layer[int(index)])
        return {
            "ids": node_ids(nodes),
            "local": local[indices],
            "positions": positions,
            "center": np.array(layer.spatial["center"]),
            "extent": np.array(layer.spatial["extent"]),
            "edge_wrap": bool(layer.spatial["edge_wrap"]),
        }

    def spatial(self, nodes: Any) -> Any:
        """NodeCollection.spatial; a rank has free positions of its own nodes only."""
        metadata = nodes.spatial
        if metadata is None or "positions" not in metadata:
            return metadata
        return {
            "$share": "NodeCollection.spatial",
            "metadata": metadata | {"positions": None},
            "nodes": self.positions(nodes),
        }

    def apply(self, param: Any, spatial_nc: Any, positions: Any = None) -> Any:
        """Parameter.apply.

        With free positions, NEST 3.10 looks up those of other ranks' nodes where it has only its
        own. Each rank gives the values of its nodes. It asks for as many as there are, so that
        random numbers stay the same on all ranks.
        """
        metadata = spatial_nc.spatial if len(spatial_nc) else None
        if metadata is None or "positions" not in metadata or RANKS == 1:
            return param.apply(spatial_nc, positions)
        local = of_this_rank(spatial_nc)
        stand_in = self._one_of_this_rank(spatial_nc)
        values: list[Any] = []
        for index in range(len(spatial_nc)):
            node = spatial_nc[index] if local[index] else stand_in
            if node is None:
                values.append(None)
            elif positions is None:
                values += param.apply(node)
            else:
                values += param.apply(node, positions)
        return {
            "$share": "Parameter.apply",
            "local": local,
            "values": values,
            "of_places": positions is not None,
        }

    def _one_of_this_rank(self, nodes: Any) -> Any:
        """A node of the layer of ``nodes`` that lives on this rank; ``None`` if none does."""
        place = self._layers.containing(node_ids(nodes))
        layer = nodes if place is None else place[0]
        found = np.flatnonzero(of_this_rank(layer))
        return layer[int(found[0])] if len(found) else None

    def get_position(self, nodes: Any) -> Share:
        """GetPosition."""
        return {"$share": "GetPosition", "nodes": self.positions(nodes)}

    def _difference(self, call: str, from_arg: Any, to_arg: Any) -> Share:
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
        return {"$share": call, "from": start, "to": self.positions(to_arg)}

    def displacement(self, from_arg: Any, to_arg: Any) -> Share:
        """Displacement."""
        return self._difference("Displacement", from_arg, to_arg)

    def distance(self, from_arg: Any, to_arg: Any) -> Share:
        """Distance."""
        return self._difference("Distance", from_arg, to_arg)

    def connection_distance(self, conns: Connections) -> Share:
        """SynapseCollection.distance; either end may be anywhere in any layer."""
        return connection_share(conns, []) | {
            "$share": "SynapseCollection.distance",
            "layers": [self.positions(layer) for layer in self._layers.all()],
        }

    def find_nearest_element(self, layer: Any, locations: Any, find_all: bool = False) -> Share:
        """FindNearestElement."""
        if not isinstance(layer, NodeCollection):
            raise TypeError("layer must be a NodeCollection")
        if len(layer) == 0:
            raise ValueError("layer cannot be empty")
        places = np.array(locations, dtype=float)
        if places.ndim not in (1, 2):
            raise TypeError("locations must be coordinate array or list of coordinate arrays")
        return {
            "$share": "FindNearestElement",
            "layer": self.positions(layer),
            "locations": np.atleast_2d(places),
            "find_all": bool(find_all),
        }

    def find_center_element(self, layer: Any) -> Share:
        """FindCenterElement."""
        if not isinstance(layer, NodeCollection):
            raise TypeError("layer must be a NodeCollection")
        return {"$share": "FindCenterElement", "layer": self.positions(layer)}

    def _neighbours(
        self, call: str, own: Any, others: Any, syn_model: str | None, outgoing: bool
    ) -> Share:
        if not isinstance(own, NodeCollection) or not isinstance(others, NodeCollection):
            raise TypeError(f"{call} takes NodeCollections")
        source, target = (own, others) if outgoing else (others, own)
        conns = nest.GetConnections(source, target, synapse_model=syn_model)
        pairs = np.zeros((len(conns), 2), dtype=np.int64)
        if len(conns):
            pairs[:, 0] = list(conns.sources())
            pairs[:, 1] = list(conns.targets())
        return {
            "$share": call,
            "own": node_ids(own),
            # First column the own side.
            "pairs": pairs if outgoing else pairs[:, ::-1],
        }

    def get_target_nodes(self, sources: Any, tgt_layer: Any, syn_model: str | None = None) -> Share:
        """GetTargetNodes."""
        return self._neighbours("GetTargetNodes", sources, tgt_layer, syn_model, True)

    def get_source_nodes(self, src_layer: Any, targets: Any, syn_model: str | None = None) -> Share:
        """GetSourceNodes."""
        return self._neighbours("GetSourceNodes", targets, src_layer, syn_model, False)

    def get_target_positions(
        self, sources: Any, tgt_layer: Any, syn_model: str | None = None
    ) -> Share:
        """GetTargetPositions."""
        share = self._neighbours("GetTargetPositions", sources, tgt_layer, syn_model, True)
        return share | {"layer": self.positions(tgt_layer)}

    def get_source_positions(
        self, src_layer: Any, targets: Any, syn_model: str | None = None
    ) -> Share:
        """GetSourcePositions."""
        share = self._neighbours("GetSourcePositions", targets, src_layer, syn_model, False)
        return share | {"layer": self.positions(src_layer)}

    def dump_layer_nodes(self, layer: Any, outname: str) -> Share:
        """DumpLayerNodes, to one file as one process writes it."""
        if layer.spatial is None:
            # NEST 3.10 ends the process over it, by an exception that nothing catches.
            raise nest.NESTErrors.LayerExpected("the nodes of DumpLayerNodes have no positions")
        return _dumped(outname, lambda path: nest.DumpLayerNodes(layer, path))

    def dump_layer_connections(
        self, source_layer: Any, target_layer: Any, synapse_model: str, outname: str
    ) -> Share:
        """DumpLayerConnections, to one file as one process writes it."""
        return _dumped(
            outname,
            lambda path: nest.DumpLayerConnections(source_layer, target_layer, synapse_model, path),
        )


def _dumped(outname: str, write: Callable[[str], None]) -> Share:
    """The lines that this rank writes, and where they are meant to go."""
    with tempfile.TemporaryDirectory() as directory:
        write(str(Path(directory) / "dump"))
        lines = [
            line
            for path in Path(directory).iterdir()
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
    return {"$share": "dump", "path": str(Path(outname).absolute()), "lines": lines}
