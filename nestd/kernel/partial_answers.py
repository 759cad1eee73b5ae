"""A rank's share of answers that no single rank can give whole.

Each function here stands for a PyNEST call. It answers what this rank knows, in a form of which
``nestd/partial/policies.py`` makes the global answer, with the same code for one rank as for many.
The form of each share is the class of its name in ``nestd/partial/policies.py``.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import numpy as np

from nestd.kernel.connections import Connections
from nestd.kernel.native.recorder_memory import Recordings
from nestd.kernel.node_location import Mask, on_this_rank
from nestd.kernel.pynest import RANK, NodeCollection, nest

Share = dict[str, Any]

#: What tells connections apart, the most significant first.
IDENTITY = ("synapse_id", "source", "target", "port")

#: Attributes of the kernel that the connections of all ranks decide.
DELAYS = ("min_delay", "max_delay")

#: The weight of a diffusion_connection, the model with a ``drift_factor``: it has none, and NEST
#: 3.10 gives what happens to lie in memory, which differs between ranks.
NO_WEIGHT = float("nan")


#: Like NEST's kernel, there is one of it in a process.
recordings = Recordings()


def _names(keys: Any) -> list[str] | None:
    """Keys as a list; ``None`` for all."""
    if keys is None:
        return None
    return [keys] if isinstance(keys, str) else list(keys)


def node_share(nodes: Any, keys: list[str] | None) -> Share:
    """Columns of the values of ``nodes`` that this rank has.

    A key that no node of this rank has is left out; whether that is an error shows when all
    shares are there.
    """
    local = on_this_rank(nodes)
    columns: dict[str, Any] = {}
    if keys is not None and len(keys) == 1:
        with suppress(KeyError):
            columns[keys[0]] = recordings.get_one(nodes, keys[0])
    else:
        columns = recordings.get(nodes) if keys is None else recordings.get(nodes, keys)
        if keys is not None:
            columns = {key: columns[key] for key in keys if _have(columns.get(key), local)}
    if len(nodes) == 1:
        columns = {key: [value] for key, value in columns.items()}
    columns = {
        key: value.get_tuple() if hasattr(value, "get_tuple") else value
        for key, value in columns.items()
    }
    if "filenames" in columns:
        columns["filenames"] = [_of_all_threads(names) for names in columns["filenames"]]
    return {"$share": "nodes", "local": local, "columns": columns}


def _have(values: Any, local: Mask) -> bool:
    """Whether all nodes of this rank have a value; PyNEST puts ``None`` for those that don't."""
    if len(local) == 1:
        return values is not None
    if values is None or not local.any():
        return values is not None
    return all(value is not None for value, here in zip(values, local, strict=True) if here)


def _of_all_threads(names: Any) -> Any:
    """Names of the files of all threads of this rank; NEST 3.10 gives the last thread's only."""
    if not names:
        return names
    parts = re.fullmatch(r"(.*-)(\d+)(\.[^-/]*)?", names[0])
    if parts is None:
        return names
    prefix, number, extension = parts.groups()
    processes = sorted(nest.GetLocalVPs())
    return [f"{prefix}{vp:0{len(number)}d}{extension or ''}" for vp in processes]


def connection_share(conns: Connections, keys: list[str] | None = None) -> Share:
    """Values of this rank's part of ``conns``, as parallel columns.

    Parameters
    ----------
    conns : of which connections
    keys : fields that are wanted, besides those that tell connections apart; ``None`` for all
    """
    wanted = None if keys is None else {*keys, *IDENTITY, "drift_factor"}
    columns = conns.columns(wanted)
    if "drift_factor" in columns and "weight" in columns:
        columns["weight"] = [
            weight if drift is None else NO_WEIGHT
            for weight, drift in zip(columns["weight"], columns["drift_factor"], strict=True)
        ]
    return {
        "$share": "connections",
        "columns": columns,
        "rows": conns.rows,
        **_missing(conns),
    }


def done(conns: Connections) -> Share:
    """Something was done, or put off, to those of ``conns`` that this rank has."""
    return {"$share": "done", "put_off": conns.uncertain, **_missing(conns)}


def _missing(conns: Connections) -> Share:
    """The rows that this rank lacks; rank 0, which says so if all do, has them as described."""
    described = conns.described if RANK == 0 else None
    return {"missing": conns.missing, "described": described}


def _share(nodes_or_conns: Any, keys: list[str] | None) -> Share:
    if isinstance(nodes_or_conns, Connections):
        return connection_share(nodes_or_conns, keys)
    if len(nodes_or_conns) == 0:
        return {"$share": "nodes", "local": np.zeros(0, bool), "columns": {}}
    return node_share(nodes_or_conns, keys)


def get_status(nodes_or_conns: Any, *more_keys: Any, keys: Any = None, output: str = "") -> Share:
    """GetStatus; takes several positional keys as several keys.

    That is how clients of NEST Server call it; in PyNEST the third argument is ``output``.
    """
    wanted = [*more_keys] if keys is None else [keys, *more_keys]
    asked: Any = wanted[0] if wanted else None
    if len(wanted) > 1:
        asked = [key for item in wanted for key in _names(item) or []]
    asked = asked or None
    return _share(nodes_or_conns, _names(asked)) | {"asked": asked, "output": output}


def get_status_by_keys(nodes_or_conns: Any, keys: Any = None, output: str = "") -> Share:
    """GetStatus with PyNEST's own parameters."""
    return get_status(nodes_or_conns, keys=keys or None, output=output)


def get_from_nodes(nodes: Any, *params: Any, output: str = "") -> Share:
    """NodeCollection.get."""
    if len(nodes) == 0:
        raise ValueError("Cannot get parameter of empty NodeCollection")
    if len(params) > 1 and not isinstance(params[0], str):
        raise TypeError("the first of several keys must be a string: the path to the others")
    keys = [params[0]] if len(params) > 1 else _names(params[0] if params else None)
    return node_share(nodes, keys) | {"asked": list(params), "output": output}


def get_from_connections(conns: Any, keys: Any = None, output: str = "") -> Share:
    """SynapseCollection.get."""
    return connection_share(conns, _names(keys)) | {"asked": keys, "output": output}


def _chosen(fields: dict[str, Any], keys: Any) -> dict[str, Any]:
    """Those of ``fields`` that were asked for; what is missing shows when shares are merged."""
    names = _names(keys)
    if names is None:
        return fields
    return {name: fields[name] for name in names if name in fields}


def get_kernel_status(keys: Any = None) -> Share:
    """GetKernelStatus."""
    return {"$share": "kernel", "fields": _chosen(_kernel_status(), keys), "asked": keys}


def _kernel_status() -> dict[str, Any]:
    status: dict[str, Any] = nest.kernel_status
    for name in DELAYS:
        # Between GetConnections and a run, NEST 3.10 gives each rank's own extremes, and its
        # default where there is no connection.
        status[name] = {"value": status[name], "counts": status["num_connections"] > 0}
    return status


def gained(recorder: int, told: list[list[int]]) -> Share:
    """Columns of what a recorder has recorded on this rank beyond what was told.

    Parameters
    ----------
    recorder : id of the node
    told : of each rank, how many events of each thread were told; empty for none
    """
    columns, now = recordings.beyond(NodeCollection([recorder]), told[RANK] if told else [])
    return {"$share": "gained", "columns": columns, "told": now}


def get(*args: Any) -> Share:
    """nest.get: GetKernelStatus with several keys as several arguments."""
    if len(args) < 2:
        return get_kernel_status(*args)
    return get_kernel_status(list(args))


def get_defaults(model: str, keys: Any = None, output: str = "") -> Share:
    """GetDefaults."""
    fields = nest.GetDefaults(model)
    if "drift_factor" in fields:
        fields["weight"] = NO_WEIGHT
    if not (keys is None or isinstance(keys, (str, list, tuple))):
        # PyNEST takes anything for a key.
        raise KeyError(keys)
    fields = _chosen(fields, keys)
    return {"$share": "defaults", "fields": fields, "asked": keys, "output": output}


def get_local_vps() -> Share:
    """GetLocalVPs."""
    return {"$share": "union", "items": list(nest.GetLocalVPs())}


def read_attribute(name: str) -> Share:
    """A kernel attribute."""
    if name == "kernel_status":
        return get_kernel_status()
    if name in DELAYS:
        return get_kernel_status(name)
    return {"$share": "kernel", "fields": {name: getattr(nest, name)}, "asked": name}
