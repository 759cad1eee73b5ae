"""PyNEST, imported in a way fit for a server.

Every other module of this package takes ``nest`` from here.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import Any

import numpy as np

from nestd.logs.nest_messages import messages

# PyNEST hands sys.argv to the simulator, which has options of its own.
_argv, sys.argv = sys.argv, sys.argv[:1]
# The banner belongs to interactive sessions.
os.environ.setdefault("PYNEST_QUIET", "1")
# Every call's warnings are its caller's, who has filters.
warnings.filterwarnings("always", module=r"nest\.")
# PyNEST imports what it needs for tables and figures of its own, in three quarters of the time that
# its import takes. Both are made where the caller is; PyNEST goes without what is not installed.
_absent = [name for name in ("pandas", "matplotlib") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_absent))  # type: ignore[arg-type]  # None stands for "not there"
try:
    import nest
    from nest import nestkernel_api
    from nest.lib import hl_api_helper, hl_api_spatial, hl_api_types
finally:
    sys.argv = _argv
    for _name in _absent:
        del sys.modules[_name]


def note_deprecated(name: str, instead: str | None = None, text: str | None = None) -> None:
    """Note that a call is deprecated, in place of PyNEST's note, which is once in a process."""
    if text is None:
        text = f"{name} is deprecated and will be removed in a future version of NEST."
        text += f" Please use {instead} instead!"
    messages.note(text, "UserWarning")


hl_api_helper.show_deprecation_warning = note_deprecated


def status_note(verb: str) -> str:
    """Return what PyNEST notes about GetStatus or SetStatus, which are replaced here."""
    return (
        f"{verb}Status() is deprecated and will be removed in a future version of NEST. "
        f"Instead of {verb}Status(nrns|conns, args), use nrns|conns.{verb.lower()}(args)."
    )


NodeCollection = nest.NodeCollection
SynapseCollection = nest.SynapseCollection
#: Fields of each of a list of connections, which ``SynapseCollection.get`` makes lists of by field.
connection_status = nestkernel_api.llapi_get_connection_status
Parameter = nest.Parameter
Mask = nest.Mask

#: Rank of this process, and number of ranks; asking PyNEST takes longer than most calls do.
RANK: int = nest.Rank()
RANKS: int = nest.NumProcesses()


def has_nodes() -> bool:
    """Return whether there are nodes.

    The kernel's status says it, too, but may have ranks wait for each other.
    """
    try:
        NodeCollection([1])
    except nest.NESTErrors.UnknownNode:
        return False
    return True


def _network_size(field: str) -> int:
    """Return 0 if there are no nodes; PyNEST wants to know no more of the kernel's status."""
    if field != "network_size":
        raise ValueError(f"this PyNEST asks for {field} where it asked for network_size before")
    return int(has_nodes())


# PyNEST asks for these where one rank has connections or nodes, and another has none: NEST would
# have the first wait for the other.
hl_api_types.GetKernelStatus = _network_size
for _module in (hl_api_types, hl_api_spatial):
    _module.Rank, _module.NumProcesses = (lambda: RANK), (lambda: RANKS)

__all__ = [
    "nest",
    "NodeCollection",
    "SynapseCollection",
    "Parameter",
    "Mask",
    "RANK",
    "RANKS",
    "connection_status",
    "dump_layer_connections",
    "dump_layer_nodes",
    "has_nodes",
    "hl_api_helper",
    "node_ids",
    "node_ranges",
    "printed_nodes",
    "set_kernel_status",
]

#: DumpLayerNodes and DumpLayerConnections, which add the rank to the name of their file.
dump_layer_nodes = nestkernel_api.llapi_dump_layer_nodes
dump_layer_connections = nestkernel_api.llapi_dump_layer_connections
#: Text of PrintNodes, which PyNEST prints.
#: Sets what PyNEST only reads, too.
set_kernel_status = nestkernel_api.llapi_set_kernel_status
printed_nodes = nestkernel_api.llapi_print_nodes
#: Line of that text: one node, or the first and the last of a range, and their model.
_PRINTED_RANGE = re.compile(r" *(\d+)(?: \.\. *(\d+))? +(.+)")


def node_ranges() -> list[tuple[int, int, str]]:
    """Return first id, last id and model of each range of nodes, by their ids, equal on every rank.

    PrintNodes names ranges of nodes in no time, where GetNodes would look at each node, and copy
    what each recorder has recorded.
    """
    matches = filter(None, map(_PRINTED_RANGE.fullmatch, printed_nodes().splitlines()))
    ranges = (match.groups() for match in matches)
    return [(int(first), int(last or first), model) for first, last, model in ranges]


def node_ids(nodes: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the ids of the nodes of a NodeCollection, int64 of shape (n,).

    PyNEST's ``tolist`` fetches all fields of all nodes for them: seconds for 1e5 neurons, and all
    events of a recorder.
    """
    if len(nodes) == 0:
        return np.zeros(0, np.int64)
    return np.array(nodes._to_array()["All"], dtype=np.int64)
