"""A rank's share of answers that no single rank can give whole.

Each function here stands for a PyNEST call. It answers what this rank knows, in a form of which
``nestd/merging.py`` makes the global answer, with the same code for one rank as for many. The
form of each share is the class of its name in ``nestd/merging.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nestd.kernel.connections import Connections
from nestd.kernel.pynest import nest

Share = dict[str, Any]

#: What tells connections apart, the most significant first.
IDENTITY = ("source", "target", "synapse_id", "port")


def _names(keys: Any) -> list[str] | None:
    """Keys as a list; ``None`` for all."""
    if keys is None:
        return None
    return [keys] if isinstance(keys, str) else list(keys)


def local_mask(nodes: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of ``nodes`` live on this rank, bool of shape (n,)."""
    local = nodes.get("local")
    return np.array([local] if len(nodes) == 1 else local, dtype=bool)


def node_share(nodes: Any, keys: list[str] | None) -> Share:
    """Columns of the values of ``nodes`` that this rank has.

    A key that no node of this rank has is left out; whether that is an error shows when all
    shares are there.
    """
    columns: dict[str, Any] = {}
    if keys is None:
        columns = dict(nodes.get())
    else:
        for key in keys:
            try:
                columns[key] = nodes.get(key)
            except KeyError:
                continue
    if len(nodes) == 1:
        columns = {key: [value] for key, value in columns.items()}
    columns = {
        key: value.get_tuple() if hasattr(value, "get_tuple") else value
        for key, value in columns.items()
    }
    return {"$share": "nodes", "local": local_mask(nodes), "columns": columns}


def connection_share(conns: Connections) -> Share:
    """All values of this rank's part of ``conns``, as parallel lists."""
    local = conns.local
    status = local.get() if len(local) else {}
    if len(local) == 1:
        status = {key: [value] for key, value in status.items()}
    return {
        "$share": "connections",
        "columns": dict(status),
        "rows": conns.rows,
        "missing": conns.missing,
    }


def done(conns: Connections, parameter: str) -> Share:
    """Something was done, or put off, to those of ``conns`` that this rank has."""
    return {
        "$share": "done",
        "missing": conns.missing,
        "parameter": parameter,
        "put_off": conns.uncertain,
    }


def _share(nodes_or_conns: Any, keys: list[str] | None) -> Share:
    if isinstance(nodes_or_conns, Connections):
        return connection_share(nodes_or_conns)
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
    return connection_share(conns) | {"asked": keys, "output": output}


def _chosen(fields: dict[str, Any], keys: Any) -> dict[str, Any]:
    """Those of ``fields`` that were asked for; what is missing shows when shares are merged."""
    names = _names(keys)
    if names is None:
        return fields
    return {name: fields[name] for name in names if name in fields}


def get_kernel_status(keys: Any = None) -> Share:
    """GetKernelStatus."""
    return {"$share": "kernel", "fields": _chosen(nest.kernel_status, keys), "asked": keys}


def get(*args: Any) -> Share:
    """nest.get: GetKernelStatus with several keys as several arguments."""
    if len(args) < 2:
        return get_kernel_status(*args)
    return get_kernel_status(list(args))


def get_defaults(model: str, keys: Any = None, output: str = "") -> Share:
    """GetDefaults."""
    fields = _chosen(nest.GetDefaults(model), keys)
    return {"$share": "defaults", "fields": fields, "asked": keys, "output": output}


def get_local_vps() -> Share:
    """GetLocalVPs."""
    return {"$share": "union", "items": list(nest.GetLocalVPs())}


def read_attribute(name: str) -> Share:
    """A kernel attribute."""
    if name == "kernel_status":
        return get_kernel_status()
    return {"$share": "kernel", "fields": {name: getattr(nest, name)}, "asked": name}
