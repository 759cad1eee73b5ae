"""Nodes that a caller names."""

from __future__ import annotations

from typing import Any


def node_ids(nodes: Any) -> list[int]:
    """The ids in a list, set, array or NodeCollection of them, in its order."""
    return list(nodes.tolist() if hasattr(nodes, "tolist") else nodes)
