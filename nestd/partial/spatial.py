"""Answers about positions, computed from those of all ranks.

NEST computes them for the nodes of one rank only. The formulas are those of NEST's ``Layer``
(nestkernel/layer.h), operation by operation, so the numbers are the same to the last bit.
Pure functions over the shares of ``nestd/kernel/partial_spatial.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from protocol.errors import ArgumentError
from protocol.wire.values import Array, Value

Share = dict[str, Any]


@dataclass(frozen=True)
class Nodes:
    """Stands in a merged value for a NodeCollection that no rank has made yet."""

    #: int64 of shape (n,).
    ids: Array


@dataclass(frozen=True)
class TextFile:
    """Stands for a file that is still to be written."""

    path: str
    lines: list[str]


def _whole(shares: Sequence[Any], key: str | int) -> Share:
    """The positions under ``key`` with every rank's nodes filled in."""
    first = shares[0][key]
    positions = np.array(first["positions"])
    for share in shares[1:]:
        local = share[key]["local"]
        positions[local] = share[key]["positions"][local]
    whole: Share = first | {"positions": positions}
    return whole


def get_position(call: str, shares: Sequence[Share]) -> Value:
    """Positions, shape (n, d); of one node its d coordinates."""
    positions = _whole(shares, "nodes")["positions"].tolist()
    return positions[0] if len(positions) == 1 else positions


def metadata(call: str, shares: Sequence[Share]) -> Value:
    """What NodeCollection.spatial gives, with the positions of all ranks' nodes."""
    known: Share = shares[0]["metadata"]
    return known | {"positions": _whole(shares, "nodes")["positions"]}


def applied(call: str, shares: Sequence[Share]) -> Value:
    """The value of a parameter for each node, or for each place as seen from the only node."""
    owners = np.argmax([share["local"] for share in shares], axis=0)
    if shares[0]["of_places"]:
        return tuple(shares[owners[0]]["values"])
    return tuple(shares[owner]["values"][index] for index, owner in enumerate(owners))


def _displacements(start: Array, layer: Share) -> Array:
    """From each of ``start`` to each node of ``layer``, shortest where edges are wrapped."""
    if start.shape[-1] != layer["positions"].shape[-1]:
        raise ArgumentError(
            f"positions have {layer['positions'].shape[-1]} coordinates, not {start.shape[-1]}"
        )
    displacement: Array = layer["positions"] - start
    if layer["edge_wrap"]:
        extent = layer["extent"]
        displacement = -0.5 * extent + np.fmod(displacement + 0.5 * extent, extent)
        displacement = np.where(displacement < -0.5 * extent, displacement + extent, displacement)
    return displacement


def _lengths(displacements: Array) -> Array:
    """Euclidean lengths, shape (n,), added up in NEST's order."""
    squares = displacements[:, 0] * displacements[:, 0]
    for axis in range(1, displacements.shape[1]):
        squares = squares + displacements[:, axis] * displacements[:, axis]
    lengths: Array = np.sqrt(squares)
    return lengths


def _difference(shares: Sequence[Share]) -> Array:
    start = shares[0]["from"]
    if isinstance(start, dict):
        # Between nodes, NEST 3.10 gives the way back from "to" to "from", in the layer of "from".
        return _displacements(_whole(shares, "to")["positions"], _whole(shares, "from"))
    return _displacements(start, _whole(shares, "to"))


def displacement(call: str, shares: Sequence[Share]) -> Value:
    """Displacements, shape (n, d)."""
    return _difference(shares).tolist()


def distance(call: str, shares: Sequence[Share]) -> Value:
    """Distances, shape (n,)."""
    return _lengths(_difference(shares)).tolist()


def connection_distances(sources: Array, targets: Array, shares: Sequence[Share]) -> Value:
    """From the source of each connection to its target, in the target's layer; shape (n,).

    NaN where one of the two has no position.

    Raises
    ------
    ArgumentError
        If both have one, of different numbers of coordinates.
    """
    parts = [share["layers"] for share in shares]
    layers = [_whole(parts, index) for index in range(len(parts[0]))]
    found = np.full(len(sources), np.nan)
    starts = [(layer, _places(layer, sources)) for layer in layers]
    for to in layers:
        there = _places(to, targets)
        for start, at in starts:
            rows = np.flatnonzero((at >= 0) & (there >= 0))
            if len(rows):
                ends = to | {"positions": to["positions"][there[rows]]}
                found[rows] = _lengths(_displacements(start["positions"][at[rows]], ends))
    return found.tolist()


def _places(layer: Share, ids: Array) -> Array:
    """Index of each of ``ids`` in ``layer``, whose own are consecutive; -1 for others."""
    places = np.asarray(ids) - layer["ids"][0]
    return np.where((places >= 0) & (places < len(layer["ids"])), places, -1)


def _nearest(layer: Share, place: Array) -> int:
    return int(np.argmin(_lengths(_displacements(place, layer))))


def find_nearest_element(call: str, shares: Sequence[Share]) -> Value:
    """The nearest node to each location; with ``find_all`` all that are equally near."""
    layer = _whole(shares, "layer")
    ids = layer["ids"]
    found: list[Value] = []
    for place in shares[0]["locations"]:
        distances = _lengths(_displacements(place, layer))
        if not shares[0]["find_all"]:
            found.append(Nodes(ids[[int(np.argmin(distances))]]))
            continue
        near: list[int] = [0]
        least = distances[0]
        for index in range(1, len(distances)):
            if distances[index] < least:
                near, least = [index], distances[index]
            elif abs(distances[index] - least) <= 1e-14 * least:
                near.append(index)
        found.append([Nodes(ids[[index]]) for index in near])
    return found[0] if len(found) == 1 else found


def find_center_element(call: str, shares: Sequence[Share]) -> Value:
    """The node nearest to the layer's center."""
    layer = _whole(shares, "layer")
    return Nodes(layer["ids"][[_nearest(layer, layer["center"])]])


def _pairs(shares: Sequence[Share]) -> Array:
    """All ranks' connected pairs, own side first, in one order."""
    pairs = np.concatenate([share["pairs"] for share in shares])
    ordered: Array = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return ordered


def neighbours(call: str, shares: Sequence[Share]) -> Value:
    """For each own node the nodes it is connected with, without repetition."""
    pairs = _pairs(shares)
    return tuple(Nodes(np.unique(pairs[pairs[:, 0] == own, 1])) for own in shares[0]["own"])


def neighbour_positions(call: str, shares: Sequence[Share]) -> Value:
    """For each own node the positions of those it is connected with, one a connection."""
    pairs = _pairs(shares)
    layer = _whole(shares, "layer")
    places = {int(node): index for index, node in enumerate(layer["ids"])}
    return [
        layer["positions"][[places[int(other)] for other in pairs[pairs[:, 0] == own, 1]]].tolist()
        for own in shares[0]["own"]
    ]


def dump(call: str, shares: Sequence[Share]) -> Value:
    """The lines of all ranks in the order of the numbers they begin with."""
    lines = [line for share in shares for line in share["lines"]]

    def ids(line: str) -> tuple[int, ...]:
        return tuple(int(word) for word in line.split()[:2] if word.isdigit())

    return TextFile(shares[0]["path"], sorted(lines, key=ids))
