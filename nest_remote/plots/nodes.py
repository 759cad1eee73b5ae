"""Node ids in the forms in which callers give them."""

from __future__ import annotations

from typing import Any


def node_ids(nodes: Any) -> list[int]:
    """Return the ids in a list, set, array or NodeCollection of them, in its order."""
    return list(nodes.tolist() if hasattr(nodes, "tolist") else nodes)
