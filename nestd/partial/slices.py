"""Answers between two slices of a simulation: pauses, and new events of recorders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nestd.partial import ordering
from nestd.partial.answers import PartialAnswer, Piece
from protocol.wire.values import Array, Value

if TYPE_CHECKING:
    from nestd.kernel.native.recorder_memory import Recordings


@dataclass(frozen=True)
class SimulationPause(Piece, kind="paused"):
    """Answer of a simulation that has used up its budget: how far the rank is."""

    #: Steps that the slice had.
    steps: int
    #: Biological time where the simulation began, is, and ends.
    from_ms: float
    at_ms: float
    until_ms: float


@dataclass(frozen=True)
class NewEvents(PartialAnswer, kind="new_events"):
    """Events of a recorder that are new since the last reading."""

    columns: dict[str, Array]
    #: Of each thread of the rank, how many events were read in all.
    counts: list[int]

    @classmethod
    def collect(
        cls, recordings: Recordings, node: Any, counts: list[list[int]], rank: int
    ) -> NewEvents:
        """Read what a recorder has on this rank beyond the ``counts`` of each rank, if any."""
        return cls(*recordings.beyond(node, counts[rank] if counts else []))

    @classmethod
    def merge(cls, call: str, parts: Sequence[NewEvents]) -> Value:
        """Return the new events in order, and the counts of all ranks."""
        return {
            "events": ordering.merge_events([part.columns for part in parts]),
            "told": [part.counts for part in parts],
        }
