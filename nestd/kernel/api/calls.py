"""Calls that differ from PyNEST's own because they arrive from another process.

:func:`replaced` lists PyNEST's functions that are replaced; the docstring of each replacement has
the reason. The other functions are methods that PyNEST spells with Python's syntax.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nestd.extensions import Extensions, danger
from nestd.kernel import node_location, partial_answers
from nestd.kernel.api import room
from nestd.kernel.api.joint_calls import connect
from nestd.kernel.api.shared_targets import disconnect_pairs
from nestd.kernel.connections import Connections
from nestd.kernel.layers import Layers
from nestd.kernel.partial_spatial import SpatialCalls
from nestd.kernel.pynest import (
    RANKS,
    NodeCollection,
    hl_api_helper,
    nest,
    node_ids,
    note_deprecated,
    printed_nodes,
    status_note,
)
from nestd.kernel.simulation import Simulation
from nestd.partial.connections import ConnectionChange


def print_nodes() -> str:
    """Return what PrintNodes prints, since nobody sees the daemon's console."""
    return str(printed_nodes())


def help_text(obj: str | None = None, return_text: bool = True) -> str:
    """Return the text of help, instead of starting a pager on the server."""
    if obj is None:
        return str(nest.__doc__)
    try:
        path = Path(hl_api_helper.get_help_fname(obj))
    except FileNotFoundError:
        raise ValueError(f"there is no help for {obj!r}") from None
    # A wheel looks for texts where it was built, which on this machine anybody may make.
    problem = danger(path)
    if problem is not None:
        raise ValueError(f"the help for {obj!r} is not shown: {problem}")
    return path.read_text(encoding="utf-8")


def create(model: str, n: Any = 1, params: Any = None, positions: Any = None) -> Any:
    """Call Create, with per-node lists on any number of ranks."""
    if isinstance(n, dict):
        if params is not None or positions is not None:
            raise ValueError("a dictionary as second argument of Create excludes others")
        n, params = 1, n
    _refuse_grid(positions)
    room.for_nodes(model, n)
    room.for_positions(model, positions)
    if not isinstance(params, dict) or RANKS == 1:
        nodes = nest.Create(model, n, params, positions)
        node_location.receivers.note_created(model, nodes)
        return nodes
    nodes = nest.Create(model, n, None, positions)
    node_location.receivers.note_created(model, nodes)
    set_nodes(nodes, params)
    return nodes


def _refuse_grid(positions: Any) -> None:
    """Raise for a grid of more positions than NEST counts, which would crash it."""
    shape = getattr(positions, "shape", None)
    if shape is not None and math.prod(max(1, int(extent)) for extent in shape) >= 2**31:
        raise ValueError(f"a grid has at most {2**31 - 1} positions, and {shape} are more")


def set_nodes(nodes: Any, params: Any = None, **kwargs: Any) -> None:
    """Call NodeCollection.set, with per-node lists on any number of ranks.

    PyNEST looks at the first node's values to tell a list of values from a value that is a
    list, and most of several ranks don't have them; the model's defaults serve as well.
    """
    if kwargs and params is None:
        params = kwargs
    elif kwargs and params:
        raise TypeError("must either provide params or kwargs, but not both.")
    if RANKS > 1 and isinstance(params, dict) and len(nodes):
        model = nodes[0].get("model")
        defaults = nest.GetDefaults(model)
        listed = [
            key
            for key, value in params.items()
            if is_listed(value) and key in defaults and not is_listed(defaults[key])
        ]
        if listed:
            params = [
                {k: v[i] if is_listed(v) else v for k, v in params.items()}
                for i in range(len(nodes))
            ]
    nodes.set(params)


def is_listed(value: Any) -> bool:
    """Return whether PyNEST takes ``value`` for a list of values."""
    return isinstance(value, (list, tuple, np.ndarray, str, dict))


def set_status(nodes_or_conns: Any, params: Any, val: Any = None) -> Any:
    """Call SetStatus, with per-node and per-connection lists on any number of ranks."""
    wanted = params if val is None else {params: val}
    note_deprecated("SetStatus", text=status_note("Set"))
    if isinstance(nodes_or_conns, NodeCollection):
        set_nodes(nodes_or_conns, wanted)
        return None
    return set_connections(nodes_or_conns, wanted)


def set_connections(conns: Any, params: Any = None, **kwargs: Any) -> Any:
    """Call SynapseCollection.set, with per-connection lists on any number of ranks."""
    conns.set(params, **kwargs)
    return ConnectionChange.collect(conns)


def node_collection(data: Any = None) -> Any:
    """Return the NodeCollection that the conversion of arguments has made already.

    PyNEST's constructor takes ids alone, and would lose the layer that they are part of.
    """
    return NodeCollection() if data is None else data


def disconnect(
    *args: Any,
    pre: Any = None,
    post: Any = None,
    conns: Any = None,
    conn_spec: Any = None,
    syn_spec: Any = None,
) -> Any:
    """Call Disconnect, with its collections also by the names they have in other calls."""
    by_name = [collection for collection in (conns, pre, post) if collection is not None]
    collections = [*args, *by_name]
    if len(collections) == 1 and isinstance(collections[0], Connections):
        if conn_spec is not None or syn_spec is not None:
            raise ValueError(
                "When disconnecting with a SynapseCollection, conn_spec and syn_spec cannot be "
                "specified"
            )
        collections[0].disconnect()
        return ConnectionChange.collect(collections[0])
    if len(collections) == 2 and disconnect_pairs(collections, conn_spec, syn_spec):
        return None
    nest.Disconnect(*collections, conn_spec=conn_spec, syn_spec=syn_spec)
    return None


def get_nodes(properties: dict[str, Any] | None = None, local_only: bool = False) -> Any:
    """Call GetNodes; to its callers all nodes are local."""
    return nest.GetNodes(properties or {}, local_only=False)


def local_nodes(nc: Any) -> Any:
    """Return all nodes, as GetLocalNodeCollection; to its callers all nodes are local."""
    if not isinstance(nc, NodeCollection):
        raise TypeError("GetLocalNodeCollection requires a NodeCollection in order to run")
    return nc


def rank() -> int:
    """Return the rank of the one process that callers see."""
    return 0


def num_processes() -> int:
    """Return the number of processes that callers see."""
    return 1


#: Most threads of a rank: NEST writes the number of one in 10 bits.
MOST_THREADS = 1024

#: Kernel parameter: largest number that NEST survives, and its text in messages; the least is 1.
#: Without any thread an exception that nothing catches ends the process, and NEST divides by the
#: sizes of its buffers.
_SIZES: dict[str, tuple[int, str]] = {
    # With equal texts for any number of ranks.
    "local_num_threads": (MOST_THREADS * RANKS, f"{MOST_THREADS} a rank"),
    "total_num_virtual_procs": (MOST_THREADS * RANKS, f"{MOST_THREADS} a rank"),
    "buffer_size_spike_data": (2**31, str(2**31)),
    "buffer_size_target_data": (2**31, str(2**31)),
    "max_buffer_size_target_data": (2**31, str(2**31)),
}


def set_kernel_status(params: dict[str, Any]) -> None:
    """Call SetKernelStatus, with threads as those of the one process that callers see.

    Every rank gets its part of them, so the number of virtual processes is the same for any
    number of ranks, and with it what NEST computes.
    """
    params = dict(params)
    # It belongs to the server: rank 0 has refused any other value than the one that is set.
    params.pop("data_path", None)
    if isinstance(params.get("verbosity"), int):
        # NEST takes the level only, which callers have as its number.
        params["verbosity"] = nest.VerbosityLevel(params["verbosity"])
    _refuse_sizes(params)
    if RANKS > 1 and "local_num_threads" in params:
        params["total_num_virtual_procs"] = params.pop("local_num_threads")
    if "total_num_virtual_procs" in params:
        asked = params["total_num_virtual_procs"]
        params["total_num_virtual_procs"] = virtual_processes(asked, RANKS)
    total = params.get("total_num_virtual_procs")
    room.for_threads(total // RANKS if isinstance(total, int) else params.get("local_num_threads"))
    if isinstance(total, int) and total % RANKS:
        raise ValueError(
            f"{total} virtual processes can't be shared evenly by {RANKS} ranks; possible are "
            f"multiples of {RANKS}: {', '.join(str(k * RANKS) for k in range(1, 5))} …"
        )
    try:
        nest.SetKernelStatus(params)
    finally:
        if not params.keys().isdisjoint(("local_num_threads", "total_num_virtual_procs")):
            node_location.virtual_processes.ask()


def _refuse_sizes(params: dict[str, Any]) -> None:
    """Raise for numbers with which NEST 3.10 ends the process, or starts threads without end."""
    for name, (most, text) in _SIZES.items():
        value = params.get(name)
        if isinstance(value, (int, float)) and not 1 <= value <= most:
            bounds = "at least 1" if value < 1 else f"at most {text}"
            raise ValueError(f"{name} must be {bounds}, not {value}")


def virtual_processes(asked: Any, ranks: int) -> Any:
    """Return the number of virtual processes for a request of that many, or of that many threads.

    PyNEST's default is one thread, and many scripts ask for one without a thought of ranks. Every
    rank has at least one, so a request for fewer gives as many as there are ranks.
    """
    if type(asked) is int and 0 < asked < ranks:
        return ranks
    return asked


def set_attributes(**kwargs: Any) -> None:
    """Set kernel parameters by keywords, as nest.set does."""
    set_kernel_status(kwargs)


def replaced(
    layers: Layers, simulation: Simulation, extensions: Extensions
) -> dict[str, Callable[..., Any]]:
    """Return the replacements of PyNEST's functions, by name."""

    def install(module_name: str) -> None:
        """Call Install with the full path of a module that the operator allows."""
        nest.Install(extensions.find(module_name))

    return {
        "Cleanup": simulation.cleanup,
        "Connect": connect,
        "Create": create,
        "Disconnect": disconnect,
        "GetDefaults": partial_answers.get_defaults,
        "GetKernelStatus": partial_answers.get_kernel_status,
        "GetLocalNodeCollection": local_nodes,
        "GetLocalVPs": partial_answers.get_local_vps,
        "GetNodes": get_nodes,
        "GetStatus": partial_answers.get_status,
        "Install": install,
        "NumProcesses": num_processes,
        "NodeCollection": node_collection,
        "Prepare": simulation.prepare,
        "PrintNodes": print_nodes,
        "Rank": rank,
        "Run": simulation.run,
        "SetKernelStatus": set_kernel_status,
        "SetStatus": set_status,
        "Simulate": simulation.simulate,
        "get": partial_answers.get,
        "help": help_text,
        "set": set_attributes,
        **SpatialCalls(layers).replaced(),
    }


def slice_of(
    collection: Any, start: int | None = None, stop: int | None = None, step: int | None = None
) -> Any:
    """Return ``collection[start:stop:step]``.

    A caller's ids may arrive as a slice of a layer, which PyNEST can't slice.
    """
    try:
        return collection[start:stop:step]
    except nest.NESTErrors.BadProperty:
        if not isinstance(collection, NodeCollection):
            raise
        return NodeCollection(node_ids(collection)[start:stop:step])


def take_from(nodes: Any, indices: Any) -> Any:
    """Return ``nodes[indices]`` for an index, indices, or a boolean mask as long as ``nodes``."""
    return nodes[indices if isinstance(indices, int) else np.asarray(indices)]


def join_nodes(nodes: Any, other: Any) -> Any:
    """Return ``nodes + other``, in the order of ids; both may be slices of a layer."""
    if not isinstance(other, NodeCollection):
        other = NodeCollection(other)
    try:
        return nodes + other
    except nest.NESTErrors.BadProperty:
        # NEST joins neither such slices nor layers with other nodes, but their ids.
        return NodeCollection(np.sort(np.concatenate([node_ids(nodes), node_ids(other)])))


def ids_of(nodes: Any) -> list[int]:
    """Return ``nodes.tolist()``."""
    ids: list[int] = node_ids(nodes).tolist()
    return ids


def size_of(collection: Any) -> int:
    """Return ``len(collection)``."""
    return len(collection)


def disconnect_all(conns: Any) -> Any:
    """Call SynapseCollection.disconnect."""
    return disconnect(conns)
