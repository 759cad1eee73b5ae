"""Calls that differ from PyNEST's own because they arrive from another process.

:func:`replaced` lists the functions of PyNEST that are replaced, each with the reason in its
docstring; the others here are methods that PyNEST spells with Python's syntax.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from nestd.kernel.layers import Layers
from nestd.kernel.pynest import NodeCollection, SynapseCollection, nest


def get_status(nodes_or_conns: Any, *more_keys: Any, keys: Any = None, output: str = "") -> Any:
    """GetStatus that takes several positional keys as several keys.

    That is how clients of NEST Server call it; in PyNEST the third argument is ``output``.
    """
    wanted = [*more_keys] if keys is None else [keys, *more_keys]
    if len(wanted) > 1:
        wanted = [[key for item in wanted for key in ([item] if isinstance(item, str) else item)]]
    return nest.GetStatus(nodes_or_conns, wanted[0] if wanted else None, output=output)


def simulate(t: float) -> None:
    """Simulate that leaves a usable kernel when it fails.

    PyNEST's does not clean up after an error, and the next Simulate then says "Prepare called
    twice".
    """
    nest.Prepare()
    try:
        nest.Run(t)
    finally:
        nest.Cleanup()


def print_nodes() -> str:
    """PrintNodes that answers what it would print, since nobody sees the daemon's console."""
    with redirect_stdout(io.StringIO()) as printed:
        nest.PrintNodes()
    return printed.getvalue().strip()


def help_text(obj: str | None = None, return_text: bool = True) -> str:
    """help that answers the text instead of starting a pager on the server."""
    if obj is None:
        return str(nest.__doc__)
    text: str = nest.help(obj, return_text=True)
    if text is None:
        raise ValueError(f"there is no help for {obj!r}")
    return text


def node_collection(data: Any = None) -> Any:
    """NodeCollection of what the conversion of arguments has made one of already.

    PyNEST's takes ids alone, and would lose the layer that they are part of.
    """
    return NodeCollection() if data is None else data


def local_nodes(nc: Any) -> Any:
    """GetLocalNodeCollection that also takes one node; PyNEST's then raises IndexError."""
    if len(nc) == 1:
        return nc if nc.local else NodeCollection()
    return nest.GetLocalNodeCollection(nc)


def disconnect(
    *args: Any,
    pre: Any = None,
    post: Any = None,
    conns: Any = None,
    conn_spec: Any = None,
    syn_spec: Any = None,
) -> None:
    """Disconnect that also takes its collections by the names they have elsewhere."""
    by_name = [collection for collection in (conns, pre, post) if collection is not None]
    nest.Disconnect(*args, *by_name, conn_spec=conn_spec, syn_spec=syn_spec)


def position_getter(layers: Layers) -> Callable[[Any], Any]:
    """GetPosition that also takes nodes of one layer that are no slice of it.

    PyNEST's needs the layer, and any other choice of nodes has lost it.
    """

    def get_position(nodes: Any) -> Any:
        if isinstance(nodes, NodeCollection) and len(nodes) > 1 and nodes.spatial is None:
            place = layers.containing(np.array(nodes.tolist()))
            if place is not None:
                layer, indices = place
                positions = nest.GetPosition(layer)
                return [positions[index] for index in indices]
        return nest.GetPosition(nodes)

    return get_position


def replaced(layers: Layers) -> dict[str, Callable[..., Any]]:
    """Name in PyNEST: what is called instead."""
    return {
        "Disconnect": disconnect,
        "GetLocalNodeCollection": local_nodes,
        "GetPosition": position_getter(layers),
        "GetStatus": get_status,
        "NodeCollection": node_collection,
        "PrintNodes": print_nodes,
        "Simulate": simulate,
        "help": help_text,
    }


def spatial_of(nodes: Any) -> Any:
    """The spatial metadata of a layer, else ``None``."""
    return nodes.spatial


def slice_of(
    collection: Any, start: int | None = None, stop: int | None = None, step: int | None = None
) -> Any:
    """``collection[start:stop:step]``.

    Also of a slice of a layer, as which a caller's ids arrive; PyNEST can't slice those.
    """
    try:
        return collection[start:stop:step]
    except nest.NESTErrors.BadProperty:
        if not isinstance(collection, NodeCollection):
            raise
        return NodeCollection(collection.tolist()[start:stop:step])


def take_from(nodes: Any, indices: Any) -> Any:
    """``nodes[indices]``: one index, indices, or a boolean mask as long as ``nodes``."""
    return nodes[indices if isinstance(indices, int) else np.asarray(indices)]


def take_connections(conns: Any, indices: Any) -> Any:
    """``conns[indices]`` for one index or several."""
    if isinstance(indices, int):
        return conns[indices]
    return SynapseCollection([conns._datum[index] for index in indices])


def join_nodes(nodes: Any, other: Any) -> Any:
    """``nodes + other``, in the order of ids; also of slices of a layer."""
    if not isinstance(other, NodeCollection):
        other = NodeCollection(other)
    try:
        return nodes + other
    except nest.NESTErrors.BadProperty:
        # NEST joins neither such slices nor layers with other nodes, but their ids.
        return NodeCollection(sorted(nodes.tolist() + other.tolist()))


def size_of(collection: Any) -> int:
    """``len(collection)``."""
    return len(collection)
