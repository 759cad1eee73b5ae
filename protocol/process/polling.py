"""Waiting for a condition that sends no signal, always with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def poll_until(
    probe: Callable[[], Answer | None], deadline_s: float, interval_s: float = 0.02
) -> Answer | None:
    """Call ``probe`` until its answer is true, for at most ``deadline_s`` seconds.

    Returns the answer, or ``None`` when the deadline has passed.
    """
    end = time.monotonic() + deadline_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= end:
            return None
        time.sleep(interval_s)
