"""Recorders of the network."""

from __future__ import annotations

from nestd.kernel.pynest import nest, node_ranges


def listed() -> list[list[int | str]]:
    """Return first id, last id and model of each range of recorders, equal on every rank."""
    return [
        [first, last, model]
        for first, last, model in node_ranges()
        if nest.GetDefaults(model)["element_type"] == "recorder"
    ]
