"""Checks for connection rules with which NEST would draw partners without end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nestd.kernel.pynest import NodeCollection, node_ids

#: Rule: its parameter with the number to draw, the end it is drawn for, and the ends drawn from.
_DRAWN = {
    "fixed_indegree": ("indegree", "target", "sources"),
    "fixed_outdegree": ("outdegree", "source", "targets"),
}


def refuse_endless(pre: Any, post: Any, conn_spec: Any) -> None:
    """Raise if NEST would draw partners for ever.

    NEST draws again whenever it has drawn a node for itself without autapses, or a node twice
    without multapses, and compares the number to draw with all nodes, not with those left.

    Raises
    ------
    ValueError
        If fewer nodes are left than are to be drawn.
    """
    if not isinstance(conn_spec, dict):
        return
    rule = conn_spec.get("rule")
    # With a mask or a probability NEST draws otherwise.
    if conn_spec.get("allow_autapses", True) or {"mask", "p"} & conn_spec.keys():
        return
    sources, targets = _ids(pre), _ids(post)
    shared = len(np.intersect1d(sources, targets))
    if rule == "fixed_total_number":
        wanted, left = conn_spec.get("N"), len(sources) * len(targets) - shared
        if isinstance(wanted, int) and wanted > 0 and left == 0:
            raise ValueError(f"{rule}: without autapses there is no pair to connect")
    elif rule in _DRAWN and shared:
        name, end, other_ends = _DRAWN[rule]
        wanted = conn_spec.get(name)
        left = len(sources if rule == "fixed_indegree" else targets) - 1
        # With multapses one node is enough for any number.
        least = 1 if conn_spec.get("allow_multapses", True) else wanted
        # Of more than all nodes NEST says itself that they are too many.
        is_endless = isinstance(least, int) and left < least <= left + 1
        if isinstance(wanted, int) and wanted > 0 and is_endless:
            raise ValueError(
                f"{rule}: without autapses, {left} {other_ends} are left for a {end} that is "
                f"among them, which are too few for {name} {wanted}"
            )


def _ids(nodes: Any) -> Sequence[int] | np.ndarray[Any, Any]:
    return np.unique(node_ids(nodes) if isinstance(nodes, NodeCollection) else np.asarray(nodes))
