"""Composition of nodes, by which they are joined and printed without asking the kernel.

NEST keeps nodes as parts: ranges of ids of one model. A collection prints its parts, and a slice of
one prints what it takes of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from protocol.wire.values import Array

_HEAD = re.compile(r"NodeCollection\(metadata=(\w+),")
_PART = re.compile(r"model=([^,]+), size=\d+, first=(\d+)(?:, last=(\d+))?[;)]")

#: What is printed for nodes that have no positions.
NO_POSITIONS = "None"
EMPTY = "NodeCollection(<empty>)"


@dataclass(frozen=True)
class Composition:
    """Parts of a collection that is no slice."""

    #: Kind of what the nodes have beside their ids, ``spatial`` or ``None``.
    metadata: str
    #: First and last id of each part, int64 of shape (n,), and its model.
    firsts: Array
    lasts: Array
    models: list[str]

    @classmethod
    def read(cls, text: str) -> Composition | None:
        """Read the text that PyNEST prints; return ``None`` if it is that of a slice."""
        head = _HEAD.match(text)
        parts = _PART.findall(text)
        if head is None or len(parts) != text.count("model=") or ", step=" in text:
            return None
        firsts = np.array([int(first) for _, first, _ in parts], np.int64)
        lasts = np.array([int(last or first) for _, first, last in parts], np.int64)
        return cls(head[1], firsts, lasts, [model for model, _, _ in parts])

    @classmethod
    def of(cls, ids: Array, models: Array) -> Composition:
        """Compose nodes without positions.

        Parameters
        ----------
        ids : ascending, shape (n,), n > 0
        models : name of the model of each, objects of shape (n,)
        """
        ends = np.flatnonzero((np.diff(ids) != 1) | (models[1:] != models[:-1]))
        begins = np.concatenate([[0], ends + 1])
        lasts = ids[np.concatenate([ends, [len(ids) - 1]])]
        return cls(NO_POSITIONS, ids[begins], lasts, list(models[begins]))

    def models_of(self, ids: Array) -> Array:
        """Return the name of the model of each of ``ids``, which are all part of this."""
        return np.array(self.models, object)[self._parts_of(ids)]

    def _parts_of(self, ids: Array) -> Array:
        parts: Array = np.searchsorted(self.firsts, ids, "right") - 1
        return parts

    def is_sliced(self, ids: Array, step: int) -> bool:
        """Return whether every ``step``-th node from the first to the last of ``ids`` is a slice.

        What lies in one part is a part by itself.
        """
        first, last = self._parts_of(ids[[0, -1]])
        return bool(step > 1 or first != last or self.metadata != NO_POSITIONS)

    def text(self) -> str:
        """Return what PyNEST prints for the whole."""
        parts = [
            f"model={model}, size={last - first + 1}, first={first}"
            + (f", last={last}" if last > first else "")
            for model, first, last in zip(self.models, self.firsts, self.lasts, strict=True)
        ]
        if len(parts) == 1:
            return f"NodeCollection(metadata={self.metadata}, {parts[0]})"
        return _printed(self.metadata, [*(f"{part};" for part in parts[:-1]), parts[-1]])

    def slice_text(self, ids: Array, step: int) -> str:
        """Return what PyNEST prints for a slice.

        Parameters
        ----------
        ids : of its nodes
        step : of the slice
        """
        of_part = self._parts_of(ids)
        parts = []
        for part in np.unique(of_part):
            own = ids[of_part == part]
            ends = f"first={own[0]}, last={own[-1]}"
            several = len(own) > 1
            stride = f", step={step}" if step > 1 and several else ""
            # As NEST does it: no semicolon after several nodes that follow each other.
            end = "" if part == of_part[-1] or (several and not stride) else ";"
            parts.append(f"model={self.models[part]}, size={len(own)}, {ends}{stride}{end}")
        return _printed(self.metadata, parts)


def _printed(metadata: str, parts: list[str]) -> str:
    below = "\n" + " " * len("NodeCollection(")
    return f"NodeCollection(metadata={metadata},{below}{below.join(parts)})"
