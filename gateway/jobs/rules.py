"""Decisions about jobs, without I/O: states, and what becomes of a job."""

from __future__ import annotations

import enum
from collections.abc import Callable

from protocol.errors import Cancelled
from protocol.runtime.stored_job import CANCELLED, LOST, Claim
from protocol.wire.messages import Failure, Result

#: All states.
STATES = ("queued", "running", "done", "failed", "cancelled")

#: How long a kernel that turns a job away may take to write why.
_REFUSAL_S = 2.0


class Fate(enum.Enum):
    """Fate of a job that has no answer yet."""

    #: The job waits, or its kernel executes it.
    GOES_ON = "goes on"
    #: The job was cancelled before it began.
    CANCELLED = "cancelled"
    #: The kernel ended before the job began.
    LOST_WAITING = "lost waiting"
    #: The kernel ended while it executed the job.
    LOST_RUNNING = "lost running"


def fate_of(claim: Claim | None, is_kernel_there: Callable[[], bool], now_s: float) -> Fate:
    """Return what becomes of a job without an answer.

    Parameters
    ----------
    claim : who took the job; ``None`` if nobody has
    is_kernel_there : gives whether the kernel that the job was accepted for is there
    now_s : seconds since 1970
    """
    if claim is None:
        return Fate.GOES_ON if is_kernel_there() else Fate.LOST_WAITING
    if claim.by == CANCELLED:
        return Fate.CANCELLED
    if claim.by == LOST:
        # A kernel that turns a job away is about to write why, unless it was killed since. No
        # kernel executes a job that a gateway took for lost.
        is_recent = 0 <= now_s - claim.at_s < _REFUSAL_S
        return Fate.GOES_ON if is_recent and is_kernel_there() else Fate.LOST_WAITING
    return Fate.GOES_ON if is_kernel_there() else Fate.LOST_RUNNING


def is_due(passed_s: float | None, is_linked: bool, now_s: float, again_s: float) -> bool:
    """Return whether a job that its kernel has not begun is to be passed on now.

    Parameters
    ----------
    passed_s : when this gateway passed the job on; ``None`` if it has not
    is_linked : whether a network, which may lose messages, is in between
    now_s : by the same clock
    again_s : time after which the job is passed on again over a network
    """
    return passed_s is None or (is_linked and now_s >= passed_s + again_s)


def final_state(answer: Result | Failure) -> str:
    """Return the state of a job with ``answer``."""
    if isinstance(answer, Result):
        return "done"
    return "cancelled" if isinstance(answer.error, Cancelled) else "failed"


def open_state(claim: Claim | None) -> str:
    """Return the state of a job without an answer."""
    if claim is None or claim.by == LOST:
        return "queued"
    return "cancelled" if claim.by == CANCELLED else "running"
