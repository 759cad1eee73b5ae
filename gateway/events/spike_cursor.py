"""What a reader of events has of recorders: each gets everything once, however many there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Facts about spikes that are no columns of a recorder.
_NO_COLUMNS = ("recorder", "after_ms", "skipped")


class SpikeCursor:
    """How far one reader has those of ``recorders``.

    The kernel tells all readers the same. For one who has just come it begins anew; the others have
    that already, and get what follows only.

    Parameters
    ----------
    recorders : whose spikes the reader wants
    """

    def __init__(self, recorders: Sequence[int]) -> None:
        #: Biological time up to which it has each; ``None`` before the first.
        self._until_ms: dict[int, float | None] = dict.fromkeys(recorders)

    @property
    def needs_all(self) -> bool:
        """Whether some recorder has to be told from the beginning."""
        return None in self._until_ms.values()

    def go_on(self) -> None:
        """The reader was here before, and has what was told until then."""
        self._until_ms = dict.fromkeys(self._until_ms, -math.inf)

    def unseen(self, kind: str, facts: dict[str, Any]) -> dict[str, Any] | None:
        """What is new to the reader of an event; ``None`` if nothing is.

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
                # In the middle of what others are told; the beginning is on its way.
                return None
            until_ms = -math.inf
        times = np.asarray(facts["times"])
        self._until_ms[recorder] = max(until_ms, float(times.max()))
        if until_ms == -math.inf or (after_ms is not None and after_ms >= until_ms):
            return facts
        new = times > until_ms
        if not new.any():
            return None
        rest = {
            name: value if name in _NO_COLUMNS else np.asarray(value)[new]
            for name, value in facts.items()
        }
        return rest | {"after_ms": until_ms, "skipped": 0}
