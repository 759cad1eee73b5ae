"""Restarts of one program: when it is started again after its process has ended."""

from __future__ import annotations

import math

from nestd.server.supervisor.events import ChildId

#: A process that lived longer than this is not part of a series of failures.
STABLE_AFTER_S = 60.0
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 10.0


class RestartSchedule:
    """Process of a program that runs now, or when the next one is due.

    The first restart comes at once. Delays double with each further failure up to
    ``LONGEST_DELAY_S``, until a process has lived for ``STABLE_AFTER_S``.
    """

    def __init__(self) -> None:
        #: The process that runs; ``None`` if none does.
        self.running: ChildId | None = None
        #: Start of the last process, by the monotonic clock.
        self.started_s = -math.inf
        #: When to start again, by the monotonic clock; infinite if not.
        self.due_s = math.inf
        #: Processes that were started so far.
        self.starts = 0
        self._failures = 0

    def on_start(self, child: ChildId, now_s: float) -> None:
        """Note that ``child`` was started."""
        self.running, self.started_s, self.due_s = child, now_s, math.inf
        self.starts += 1

    def on_exit(self, now_s: float) -> None:
        """Note that the process has ended, and plan the next one."""
        self.running = None
        if now_s - self.started_s > STABLE_AFTER_S:
            self._failures = 0
        delay_s = 0.0
        if self._failures:
            # The exponent has a bound of its own: a power of 2 without one would overflow.
            exponent = min(self._failures - 1, 16)
            delay_s = min(FIRST_DELAY_S * 2**exponent, LONGEST_DELAY_S)
        self._failures += 1
        self.due_s = now_s + delay_s

    def cancel(self) -> None:
        """Start no further process."""
        self.due_s = math.inf
