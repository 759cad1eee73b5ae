"""Turns of callers who send little at a time, so that they take little of everybody's time.

Python runs one thread at a time. A loop that looks at every byte of a thousand callers leaves the
threads waiting for their turn, and with them everybody who has sent a whole request.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: How long what comes is gathered, before one looks at it.
_GATHER_S = 0.02
#: Longest turn, and how long it is followed by none, in times of its own length.
_TURN_S = 0.0005
_REST = 4


class Turns(Generic[Item]):
    """Items that are taken in turns, a fifth of the time at most."""

    def __init__(self) -> None:
        self._gathering: deque[tuple[float, Item]] = deque()
        self._ready: deque[Item] = deque()
        self._rests_until_s = 0.0

    def gather(self, item: Item) -> None:
        """Add an item of which more may come, for a turn that is not at once."""
        self._gathering.append((time.monotonic() + _GATHER_S, item))

    def add(self, item: Item) -> None:
        """Add an item of which enough is there."""
        self._ready.append(item)

    def take(self) -> Iterator[Item]:
        """Yield the items of one turn, if there is one now; it lasts until the last is done."""
        began_s = now_s = time.monotonic()
        if now_s < self._rests_until_s:
            return
        while self._gathering and self._gathering[0][0] <= now_s:
            self._ready.append(self._gathering.popleft()[1])
        # What is added meanwhile is for the next turn.
        for _ in range(len(self._ready)):
            yield self._ready.popleft()
            now_s = time.monotonic()
            if now_s > began_s + _TURN_S:
                break
        self._rests_until_s = now_s + _REST * (now_s - began_s)

    def wait_s(self) -> float | None:
        """Return how long it is to the next turn; ``None`` if nothing waits."""
        if self._ready:
            due_s = self._rests_until_s
        elif self._gathering:
            due_s = max(self._gathering[0][0], self._rests_until_s)
        else:
            return None
        return max(0.0, due_s - time.monotonic())
