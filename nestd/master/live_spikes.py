"""What recorders have gained since it was told last, for those who watch a simulation."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nestd.master.activity import Activity
from nestd.partial.merging import merge
from nestd.ranks.transport import Ranks
from protocol.errors import Diverged, NestdError
from protocol.wire.messages import Action, Operation, Watch
from protocol.wire.values import Text, Value

#: Calls that may take events away, and the fields by which they do.
_SETTING = frozenset(["NodeCollection.set", "SetStatus"])
_TAKING = ("n_events", "record_to")
#: Part of the time by the clock that may go into it.
_PART = 0.05
#: At most so often.
_INTERVAL_S = 0.2
#: Watchers who are not heard of for so long have gone.
WATCHED_S = 6.0
#: Events in one message; those beyond are counted.
_EVENTS = 100_000


class LiveSpikes:
    """Tells what the recorders that somebody watches have recorded.

    Of each thread of each rank it is remembered how many events were told, as these only become
    more: so each is told once, and only new ones are copied. The next reading waits until the last
    one was no more than a small part of the time.

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
        #: Of each, by rank and thread, how many events were told.
        self._told: dict[int, Value] = {}
        #: Of each, up to when, in biological time.
        self._until_ms: dict[int, float] = {}
        self._next_s = 0.0
        self._is_due = False

    def watch(self, message: Watch) -> None:
        """Somebody watches recorders, for now."""
        until_s = time.monotonic() + WATCHED_S
        for recorder in message.recorders:
            if message.anew:
                self._begin_again(recorder)
            self._is_due |= message.anew or recorder not in self._watched
            self._watched[recorder] = until_s

    @contextmanager
    def kept_up(self, operation: Operation) -> Iterator[None]:
        """Around an operation: what it takes away is told before."""
        resets = operation.call == "ResetKernel"
        if not self._watched or not (resets or _takes_away(operation)):
            yield
            return
        self._tell_all()
        yield
        if resets:
            for recorder in self._watched:
                self._begin_again(recorder)
                self._activity.publish("spikes", {"recorder": recorder, "reset": True})
        else:
            # What is there now was told, and what comes is new.
            self._tell_all()

    def _begin_again(self, recorder: int) -> None:
        """Tell all that it has, next time."""
        self._told.pop(recorder, None)
        self._until_ms.pop(recorder, None)

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
        self._tell_all()
        took_s = time.monotonic() - now_s
        self._next_s = now_s + max(_INTERVAL_S, took_s / _PART)

    def _tell_all(self) -> None:
        """Tell what there is to tell, now."""
        now_s = time.monotonic()
        self._is_due = False
        self._watched = {one: until for one, until in self._watched.items() if until > now_s}
        # Who watches one again later is told of all that is there.
        for recorder in self._told.keys() - self._watched.keys():
            self._begin_again(recorder)
        for recorder in self._watched:
            self._tell(recorder)

    def _tell(self, recorder: int) -> None:
        operation = Operation(Action.READ_NEW_EVENTS, args=[recorder, self._told.get(recorder, [])])
        try:
            found: dict[str, Any] = merge(operation, self._ranks.execute(operation, False))
        except Diverged:
            # The kernel is of no use any more.
            raise
        except NestdError as error:
            self._activity.publish("spikes", {"recorder": recorder, "problem": error.message})
            return
        self._told[recorder] = found["told"]
        events = found["events"]
        number = len(events["times"])
        if not number:
            return
        skipped = max(0, number - _EVENTS)
        facts = {name: np.asarray(column)[skipped:] for name, column in events.items()}
        after_ms = self._until_ms.get(recorder)
        self._until_ms[recorder] = float(facts["times"].max())
        said: dict[str, Value] = {"recorder": recorder, "after_ms": after_ms, "skipped": skipped}
        self._activity.publish("spikes", {**said, **facts})


def _takes_away(operation: Operation) -> bool:
    """Whether an operation may take events of recorders away."""
    return operation.call in _SETTING and _mentions([operation.args, operation.kwargs], _TAKING)


def _mentions(value: Value, names: Iterable[str]) -> bool:
    """Whether one of the names is anywhere in a value."""
    match value:
        case str():
            return any(name in value for name in names)
        case dict():
            return any(_mentions(key, names) or _mentions(one, names) for key, one in value.items())
        case list() | tuple():
            return any(_mentions(one, names) for one in value)
        case Text():
            return _mentions(list(value.values), names)
    return False
