"""Connections to volume transmitters, of which every thread of every rank has a copy.

NEST lists each copy, changes the one that it is given, and disconnects pairs of nodes on one rank
alone, so that one connection counts several times and never goes. Here the copy of rank 0's first
thread stands for all: it is listed, and what happens to it happens to the others.

Networks without such nodes skip all of this. Where ranks meet here, all of them come: NEST's
GetConnections communicates, and what one rank does alone must not need it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from nestd.kernel.api.joint_calls import joint
from nestd.kernel.node_location import receivers
from nestd.kernel.pynest import (
    RANK,
    NodeCollection,
    SynapseCollection,
    connection_status,
    nest,
    node_ids,
)

#: Source, target and synapse model of a connection.
Pair = tuple[int, int, str]

#: Connections whose fields are read at a time.
_AT_A_TIME = 10_000


def listed(conns: Any) -> Any:
    """Return ``conns`` without the copies for which another stands."""
    if not receivers.ranges or len(conns) == 0:
        return conns
    kept = []
    for at in range(0, len(conns), _AT_A_TIME):
        data = conns._datum[at : at + _AT_A_TIME]
        for datum, fields in zip(data, connection_status(data), strict=True):
            if _stands_for_others(fields) or not receivers.has(fields["target"]):
                kept.append(datum)
    return SynapseCollection(kept)


def set_all(local: Any, params: Any) -> None:
    """Set parameters of this rank's connections, and of all copies of those with copies.

    Parameters
    ----------
    local : this rank's connections
    params : a dict for all, or a list of one for each
    """
    if not receivers.ranges:
        if len(local):
            local.set(params)
        return
    changes: list[tuple[Pair, Any]] = []
    try:
        for index, pair in _with_copies(local):
            changes.append((pair, params[index] if isinstance(params, list) else params))
        if len(local):
            local.set(params)
    finally:
        # Every rank comes here, whatever it raised.
        for pair, values in joint.of_rank_0(changes):
            found = _connections(*pair)
            for datum, fields in zip(found._datum, connection_status(found._datum), strict=True):
                if not _stands_for_others(fields):
                    SynapseCollection([datum]).set(values)


def disconnect_all(local: Any) -> None:
    """Remove this rank's connections, and all copies of those with copies."""
    if not receivers.ranges:
        if len(local):
            local.disconnect()
        return
    shared: dict[int, Pair] = {}
    try:
        shared.update(_with_copies(local))
        others = [datum for index, datum in enumerate(local._datum or []) if index not in shared]
        if others:
            SynapseCollection(others).disconnect()
    finally:
        for pair in joint.of_rank_0(list(shared.values())):
            _disconnect_pair(*pair)


def disconnect_pairs(collections: Sequence[Any], conn_spec: Any, syn_spec: Any) -> bool:
    """Disconnect pairs of nodes; return whether the second collection is of every thread's nodes.

    Raises
    ------
    InexistentConnection
        If a pair is not connected, as NEST raises it.
    """
    pre, post = collections
    if not (isinstance(pre, NodeCollection) and isinstance(post, NodeCollection)):
        return False
    targets = node_ids(post).tolist() if receivers.ranges else []
    if not targets or not all(map(receivers.has, targets)):
        return False
    rule = conn_spec.get("rule") if isinstance(conn_spec, dict) else conn_spec or "one_to_one"
    model = syn_spec.get("synapse_model") if isinstance(syn_spec, dict) else syn_spec
    sources = node_ids(pre).tolist()
    if rule == "one_to_one" and len(sources) == len(targets):
        pairs = list(zip(sources, targets, strict=True))
    elif rule == "all_to_all":
        pairs = list(itertools.product(sources, targets))
    else:
        # NEST says what is wrong.
        return False
    for source, target in pairs:
        _disconnect_pair(source, target, model or "static_synapse")
    return True


def _disconnect_pair(source: int, target: int, model: str) -> None:
    """Remove one connection of a pair of nodes from all threads of this rank."""
    found = _connections(source, target, model)
    if len(found) == 0:
        raise nest.NESTErrors.InexistentConnection(
            "Deletion of connection is not possible because it does not exist."
        )
    before = _by_thread(found)
    SynapseCollection([found._datum[0]]).disconnect()
    # NEST has removed one from each thread, or from that thread alone where another rank owns the
    # target by its id.
    for thread, left in _by_thread(_connections(source, target, model)).items():
        if len(left) == len(before[thread]):
            SynapseCollection([left[0]]).disconnect()


def _by_thread(conns: Any) -> dict[int, list[Any]]:
    """Return the entries of ``conns`` by the thread of their target."""
    threads: dict[int, list[Any]] = {}
    data = conns._datum if len(conns) else []
    for datum, fields in zip(data, connection_status(data) if data else [], strict=True):
        threads.setdefault(fields["target_thread"], []).append(datum)
    return threads


def _connections(source: int, target: int, model: str) -> Any:
    """Return this rank's connections of a pair of nodes; all ranks have to ask."""
    return nest.GetConnections(NodeCollection([source]), NodeCollection([target]), model)


def _stands_for_others(fields: dict[str, Any]) -> bool:
    """Return whether the connection with ``fields`` is the one that is listed of its copies."""
    return RANK == 0 and bool(fields["target_thread"] == 0)


def _with_copies(local: Any) -> Iterator[tuple[int, Pair]]:
    """Return the place and the name of each connection that has copies."""
    for index, one in enumerate(connection_status(local._datum) if len(local) else []):
        if receivers.has(one["target"]):
            yield index, (one["source"], one["target"], one["synapse_model"])
