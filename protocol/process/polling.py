"""Waiting for something that sends no signal, always with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def poll_until(
    look: Callable[[], Found | None], deadline_s: float, interval_s: float = 0.02
) -> Found | None:
    """Call ``look`` until it gives something true, for at most ``deadline_s`` seconds.

    Returns what ``look`` gave, or ``None`` when the deadline has passed.
    """
    end = time.monotonic() + deadline_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() >= end:
            return None
        time.sleep(interval_s)
