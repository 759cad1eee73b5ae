"""Limits to a wait for an answer."""

from __future__ import annotations

import time
from typing import Protocol


class WaitLimit(Protocol):
    """Limit of a wait that is looked at now and then."""

    def wait_ms(self, most_ms: int) -> int | None:
        """Return how long to wait before the next check; ``None`` if a check shows nothing."""

    def is_over(self) -> bool:
        """Return whether the wait is over."""


class Deadline:
    """Limit of a wait by time.

    Parameters
    ----------
    duration_s : from now on
    """

    def __init__(self, duration_s: float) -> None:
        self._until_s = time.monotonic() + duration_s

    def wait_ms(self, most_ms: int) -> int | None:
        """Return how long to wait before the next check, at most ``most_ms``."""
        left_s = self._until_s - time.monotonic()
        return max(0, min(most_ms, int(left_s * 1000) + 1))

    def is_over(self) -> bool:
        """Return whether the time is over."""
        return time.monotonic() >= self._until_s
