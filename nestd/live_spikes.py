"""What recorders have gained since it was told last, for those who watch a simulation."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from nestd.activity import Activity
from nestd.merging import merge
from nestd.ranks import Ranks
from protocol.errors import NestdError
from protocol.messages import Action, Operation, Watch
from protocol.values import Value

#: Part of the time by the clock that may go into it.
_PART = 0.05
#: At most so often.
_INTERVAL_S = 0.2
#: Watchers who are not heard of for so long have gone.
_WATCHED_S = 6.0
#: Events in one message; those beyond are counted.
_EVENTS = 100_000


class LiveSpikes:
    """Tells what the recorders that somebody watches have recorded.

    Reading a recorder takes the longer the more it has recorded, as PyNEST gives its events as a
    whole. So the next reading waits until the last one was no more than a small part of the time.

    Parameters
    ----------
    ranks : that have the recorders
    activity : that tells
    """

    def __init__(self, ranks: Ranks, activity: Activity) -> None:
        self._ranks = ranks
        self._activity = activity
        #: Until when each is watched, by the monotonic clock.
        self._watched: dict[int, float] = {}
        #: Biological time up to which each was told.
        self._told_ms: dict[int, float] = {}
        self._next_s = 0.0
        self._is_due = False

    def watch(self, message: Watch) -> None:
        """Somebody watches recorders, for now."""
        until_s = time.monotonic() + _WATCHED_S
        for recorder in message.recorders:
            if message.anew:
                self._told_ms[recorder] = -math.inf
            if message.anew or recorder not in self._watched:
                self._told_ms.setdefault(recorder, -math.inf)
                self._is_due = True
            self._watched[recorder] = until_s

    def forget(self) -> None:
        """The recorders are gone."""
        for recorder in self._watched:
            self._activity.publish("spikes", {"recorder": recorder, "reset": True})
        self._told_ms = dict.fromkeys(self._watched, -math.inf)

    def recorders(self) -> Value:
        """First id, last id and model of each range of recorders.

        Raises
        ------
        NestdError
            If the ranks can't tell.
        """
        operation = Operation(Action.RECORDERS)
        return merge(operation, self._ranks.execute(operation, False))

    def note(self) -> None:
        """A simulation has gone on, and there may be something to tell."""
        self._is_due = bool(self._watched)

    @property
    def wait_s(self) -> float | None:
        """Time until there is something to tell; ``None`` if there is nothing."""
        return max(0.0, self._next_s - time.monotonic()) if self._is_due else None

    def tell(self) -> None:
        """Tell what there is to tell, if it is time."""
        now_s = time.monotonic()
        if not self._is_due or now_s < self._next_s:
            return
        self._is_due = False
        self._watched = {one: until for one, until in self._watched.items() if until > now_s}
        for recorder in self._watched:
            self._tell(recorder)
        took_s = time.monotonic() - now_s
        self._next_s = now_s + max(_INTERVAL_S, took_s / _PART)

    def _tell(self, recorder: int) -> None:
        told_ms = self._told_ms.get(recorder, -math.inf)
        operation = Operation(Action.GAINED, args=[recorder, told_ms])
        try:
            found: dict[str, Any] = merge(operation, self._ranks.execute(operation, False))
        except NestdError as error:
            self._activity.publish("spikes", {"recorder": recorder, "problem": error.message})
            return
        times = found["times"]
        if not len(times):
            return
        self._told_ms[recorder] = float(times.max())
        skipped = max(0, len(times) - _EVENTS)
        facts = {name: np.asarray(column)[skipped:] for name, column in found.items()}
        after = None if told_ms == -math.inf else told_ms
        said: dict[str, Value] = {"recorder": recorder, "after_ms": after, "skipped": skipped}
        self._activity.publish("spikes", {**said, **facts})
