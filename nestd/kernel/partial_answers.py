"""PyNEST's calls that no rank can answer alone: each collects this rank's part.

The parts are the classes of ``nestd/partial``, which also make one answer of those of all ranks,
with the same code for one rank as for many.
"""

from __future__ import annotations

from typing import Any

from nestd.kernel.connections import Connections
from nestd.kernel.native.recorder_memory import Recordings
from nestd.kernel.node_location import on_this_rank, virtual_processes
from nestd.kernel.pynest import RANK, NodeCollection, nest, note_deprecated, status_note
from nestd.partial.answers import PartialAnswer
from nestd.partial.connections import NO_WEIGHT, ConnectionRecords, ConnectionValues
from nestd.partial.nodes import LocalNodes, NodeRecords, NodeValues
from nestd.partial.slices import NewEvents
from nestd.partial.status import KernelFields, LocalVps, ModelDefaults, key_names

#: Attributes of the kernel that the connections of all ranks decide.
_DELAYS = ("min_delay", "max_delay")

#: Reader of recorded events; a process has one, as it has one kernel.
recordings = Recordings()


def _local(nodes: Any) -> LocalNodes:
    """Return ``nodes`` with what reading them takes."""
    return LocalNodes(nodes, on_this_rank(nodes), recordings, virtual_processes.of_this_rank)


def get_status(
    nodes_or_conns: Any, *more_keys: Any, keys: Any = None, output: str = ""
) -> PartialAnswer:
    """Answer GetStatus; several positional keys are taken as several keys.

    That is how clients of NEST Server call it; in PyNEST the third argument is ``output``.
    """
    note_deprecated("GetStatus", text=status_note("Get"))
    wanted = [*more_keys] if keys is None else [keys, *more_keys]
    asked: Any = wanted[0] if wanted else None
    if len(wanted) > 1:
        asked = [key for item in wanted for key in key_names(item) or []]
    asked = asked or None
    if isinstance(nodes_or_conns, Connections):
        return ConnectionRecords.collect(nodes_or_conns, key_names(asked), asked, output)
    return NodeRecords.collect(_local(nodes_or_conns), key_names(asked), asked, output)


def get_status_by_keys(nodes_or_conns: Any, keys: Any = None, output: str = "") -> PartialAnswer:
    """Answer GetStatus with PyNEST's own parameters."""
    return get_status(nodes_or_conns, keys=keys or None, output=_pynest_output(output))


def _pynest_output(output: str) -> str:
    """Return the form of an answer as PyNEST understands ``output``: it ignores what it lacks."""
    return "json" if output == "json" else ""


def get_from_nodes(nodes: Any, *params: Any, output: str = "") -> PartialAnswer:
    """Answer NodeCollection.get."""
    if len(nodes) == 0:
        raise ValueError("Cannot get parameter of empty NodeCollection")
    if len(params) > 1 and not isinstance(params[0], str):
        raise TypeError("the first of several keys must be a string: the path to the others")
    keys = [params[0]] if len(params) > 1 else key_names(params[0] if params else None)
    return NodeValues.collect(_local(nodes), keys, list(params), output)


def get_from_connections(conns: Any, keys: Any = None, output: str = "") -> PartialAnswer:
    """Answer SynapseCollection.get."""
    return ConnectionValues.collect(conns, key_names(keys), keys, output)


def get_kernel_status(keys: Any = None) -> PartialAnswer:
    """Answer GetKernelStatus."""
    return KernelFields.collect(nest.kernel_status, keys)


def get(*args: Any) -> PartialAnswer:
    """Answer nest.get: GetKernelStatus with several keys as several arguments."""
    return get_kernel_status(*args) if len(args) < 2 else get_kernel_status(list(args))


def read_attribute(name: str) -> PartialAnswer:
    """Read a kernel attribute."""
    if name == "kernel_status":
        return get_kernel_status()
    if name in _DELAYS:
        return get_kernel_status(name)
    return KernelFields({name: getattr(nest, name)}, name)


def get_defaults(model: str, keys: Any = None, output: str = "") -> PartialAnswer:
    """Answer GetDefaults."""
    defaults = nest.GetDefaults(model)
    if "drift_factor" in defaults:
        defaults["weight"] = NO_WEIGHT
    return ModelDefaults.collect(defaults, keys, output)


def get_defaults_by_keys(model: str, keys: Any = None, output: str = "") -> PartialAnswer:
    """Answer GetDefaults with PyNEST's own parameters."""
    return get_defaults(model, keys, _pynest_output(output))


def get_local_vps() -> PartialAnswer:
    """Answer GetLocalVPs."""
    return LocalVps.collect(virtual_processes.of_this_rank())


def read_new_events(recorder: int, counts: list[list[int]]) -> PartialAnswer:
    """Read what a recorder has recorded on this rank beyond ``counts`` of all ranks' threads."""
    return NewEvents.collect(recordings, NodeCollection([recorder]), counts, RANK)
