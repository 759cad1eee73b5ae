"""The end of a nestd that lets its current command end first."""

from __future__ import annotations

import math
import time


class Drain:
    """The time that the current command is given.

    Parameters
    ----------
    limit_s : after which it is ended where it is; ``None`` without a limit
    """

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s = limit_s
        self._until_s = math.inf if limit_s is None else time.monotonic() + limit_s
        #: Whether those who wait, and the log, were told.
        self.is_told = False

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._until_s

    def __str__(self) -> str:
        return "to its end" if self.limit_s is None else f"for at most {self.limit_s:g} s"
