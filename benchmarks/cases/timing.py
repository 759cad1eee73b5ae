"""Timing requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_WARM_UP = 20


def timed_ms(request: Callable[[], Any], times: int, warm_up: int = _WARM_UP) -> list[float]:
    """Milliseconds of each of ``times`` requests, after some that are not counted."""
    took = []
    for number in range(times + warm_up):
        began = time.perf_counter()
        request()
        if number >= warm_up:
            took.append((time.perf_counter() - began) * 1e3)
    return took
