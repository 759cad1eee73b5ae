"""New events of recorders, for readers who watch a simulation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nestd.call_traits import CallTraits
from nestd.master.activity import Activity
from nestd.master.courses import Course, Turn
from nestd.master.rank_answers import ask
from protocol.errors import NestdError
from protocol.wire.messages import Action, Operation, Watch
from protocol.wire.values import Text, Value

#: Fields by which a call may take events away.
_TAKING = ("n_events", "record_to")
#: Part of the time by the clock that may go into reading recorders.
_PART = 0.05
#: Shortest time between two readings.
_INTERVAL_S = 0.2
#: Time without a word of its watchers after which a recorder is not watched any more.
WATCHED_S = 6.0
#: Events in one message; those beyond are counted.
_EVENTS = 100_000


class LiveSpikes:
    """Publishes what the watched recorders have recorded.

    For each thread of each rank the class remembers how many events were published, as these only
    become more: so each event is published once, and only new ones are copied. The next reading
    waits until the last one was no more than a small part of the time.

    Parameters
    ----------
    turn : in which events are handled
    activity : publishes
    """

    def __init__(self, turn: Turn, activity: Activity) -> None:
        self._turn = turn
        self._activity = activity
        #: Until when each recorder is watched, by the monotonic clock.
        self._watched: dict[int, float] = {}
        #: How many events of each recorder were published, by rank and thread.
        self._published: dict[int, Value] = {}
        #: Up to when, in biological time.
        self._until_ms: dict[int, float] = {}
        self._next_s = 0.0
        self._is_due = False

    def watch(self, message: Watch) -> None:
        """Watch recorders, for some seconds."""
        until_s = self._turn.now_s + WATCHED_S
        for recorder in message.recorders:
            if message.anew:
                self._begin_again(recorder)
            self._is_due |= message.anew or recorder not in self._watched
            self._watched[recorder] = until_s

    def precedes(self, operation: Operation, traits: CallTraits) -> bool:
        """Return whether spikes are to be published before an operation that takes them away."""
        if not self._watched or not traits.takes_events:
            return False
        return traits.resets_time or _mentions([operation.args, operation.kwargs], _TAKING)

    def follow(self, traits: CallTraits) -> Course[None]:
        """Take note that an operation has taken events away."""
        if traits.resets_time:
            for recorder in self._watched:
                self._begin_again(recorder)
                self._activity.publish("spikes", {"recorder": recorder, "reset": True})
        else:
            # What is there now was published, and what comes is new.
            yield from self.publish_all()

    def _begin_again(self, recorder: int) -> None:
        """Publish all that a recorder has, next time."""
        self._published.pop(recorder, None)
        self._until_ms.pop(recorder, None)

    def note(self) -> None:
        """Note that a simulation has gone on, so there may be something to publish."""
        self._is_due = bool(self._watched)

    def due_in_s(self, now_s: float) -> float | None:
        """Return the time until there is something to publish; ``None`` if nothing is due."""
        return max(0.0, self._next_s - now_s) if self._is_due else None

    def publish_due(self) -> Course[None]:
        """Publish what is due, if it is time."""
        began_s = self._turn.now_s
        if self._is_due and began_s >= self._next_s:
            yield from self.publish_all()
            took_s = self._turn.now_s - began_s
            self._next_s = began_s + max(_INTERVAL_S, took_s / _PART)

    def publish_all(self) -> Course[None]:
        """Publish what there is to publish, now."""
        now_s = self._turn.now_s
        self._is_due = False
        watched = {id: until_s for id, until_s in self._watched.items() if until_s > now_s}
        self._watched = watched
        # Watchers who come back later are sent everything.
        for recorder in self._published.keys() - watched.keys():
            self._begin_again(recorder)
        for recorder in watched:
            yield from self._publish(recorder)

    def _publish(self, recorder: int) -> Course[None]:
        known = self._published.get(recorder, [])
        try:
            gained: Any = yield from ask(Operation(Action.READ_NEW_EVENTS, args=[recorder, known]))
        except NestdError as error:
            self._activity.publish("spikes", {"recorder": recorder, "problem": error.message})
            return
        self._published[recorder] = gained["told"]
        events = gained["events"]
        number = len(events["times"])
        if not number:
            return
        skipped = max(0, number - _EVENTS)
        facts = {name: np.asarray(column)[skipped:] for name, column in events.items()}
        after_ms = self._until_ms.get(recorder)
        self._until_ms[recorder] = float(facts["times"].max())
        head: dict[str, Value] = {"recorder": recorder, "after_ms": after_ms, "skipped": skipped}
        self._activity.publish("spikes", {**head, **facts})


def _mentions(value: Value, names: Iterable[str]) -> bool:
    """Return whether one of the names is anywhere in a value."""
    match value:
        case str():
            return any(name in value for name in names)
        case dict():
            return any(
                _mentions(key, names) or _mentions(item, names) for key, item in value.items()
            )
        case list() | tuple():
            return any(_mentions(item, names) for item in value)
        case Text():
            return _mentions(list(value.values), names)
    return False
