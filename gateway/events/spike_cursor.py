"""Spike cursor of one reader of events: every reader gets each spike once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Facts of an event with spikes that are no columns of a recorder.
_NO_COLUMNS = ("recorder", "after_ms", "skipped")


class SpikeCursor:
    """Position of one reader in the spikes of ``recorders``.

    The kernel publishes for all readers. For a new reader it begins anew; the other readers have
    those spikes already, and get only what follows.

    Parameters
    ----------
    recorders : whose spikes the reader wants
    """

    def __init__(self, recorders: Sequence[int]) -> None:
        #: Biological time up to which the reader has each recorder; ``None`` before the first.
        self._until_ms: dict[int, float | None] = dict.fromkeys(recorders)

    def watched(self, anew: bool) -> list[int]:
        """Return the recorders that have to be published from the beginning, or the others.

        A recorder that never spikes is among the first for good, and must not have the others
        published again.
        """
        return [id for id, until_ms in self._until_ms.items() if (until_ms is None) is anew]

    def resume(self) -> None:
        """Continue for a reader that was here before, and has what was published until then."""
        self._until_ms = dict.fromkeys(self._until_ms, -math.inf)

    def unseen(self, kind: str, facts: dict[str, Any]) -> dict[str, Any] | None:
        """Return what of an event is new to the reader; ``None`` if nothing is.

        Parameters
        ----------
        kind : of the event
        facts : of the event; never changed, as others read it
        """
        if kind == "kernel":
            # Another network, in which time begins again.
            self._until_ms = dict.fromkeys(self._until_ms)
        if kind != "spikes":
            return facts
        recorder = facts.get("recorder")
        if not isinstance(recorder, int) or recorder not in self._until_ms:
            return None
        if facts.get("reset"):
            self._until_ms[recorder] = None
        if "times" not in facts:
            return facts
        until_ms, after_ms = self._until_ms[recorder], facts["after_ms"]
        if until_ms is None:
            if after_ms is not None:
                # Spikes for other readers; the beginning is on its way.
                return None
            until_ms = -math.inf
        times = np.asarray(facts["times"])
        self._until_ms[recorder] = max(until_ms, float(times.max()))
        if until_ms == -math.inf or (after_ms is not None and after_ms >= until_ms):
            return facts
        is_new = times > until_ms
        if not is_new.any():
            return None
        rest = {
            name: value if name in _NO_COLUMNS else np.asarray(value)[is_new]
            for name, value in facts.items()
        }
        return rest | {"after_ms": until_ms, "skipped": 0}
