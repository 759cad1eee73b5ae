"""Turns of callers who send little at a time, so that they take little of everybody's time.

Python runs one thread at a time. A loop that looks at every byte of a thousand callers leaves the
threads waiting for their turn, and with them everybody who has sent a whole request.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: How long what comes is gathered, before one looks at it.
_GATHER_S = 0.02
#: Items of one turn.
_TURN = 16
#: How long a turn is followed by none, in times of its own length.
_REST = 4


class Turns(Generic[Item]):
    """Items that are taken in turns, a fifth of the time at most."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Item]] = deque()
        self._began_s = 0.0
        self._rests_until_s = 0.0

    def add(self, item: Item) -> None:
        """Add an item, for a turn that is not at once."""
        self._waiting.append((time.monotonic() + _GATHER_S, item))

    def begin(self) -> list[Item]:
        """Return the items of the present turn; the turn lasts until :meth:`end`."""
        self._began_s = now_s = time.monotonic()
        items: list[Item] = []
        if now_s < self._rests_until_s:
            return items
        while self._waiting and self._waiting[0][0] <= now_s and len(items) < _TURN:
            items.append(self._waiting.popleft()[1])
        return items

    def end(self) -> None:
        """End the present turn."""
        now_s = time.monotonic()
        self._rests_until_s = now_s + _REST * (now_s - self._began_s)

    def wait_s(self) -> float | None:
        """Return how long it is to the next turn; ``None`` if nothing waits."""
        if not self._waiting:
            return None
        return max(0.0, max(self._waiting[0][0], self._rests_until_s) - time.monotonic())
