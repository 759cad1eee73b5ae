"""Ledger of the jobs that rank 0 works on, without I/O: what it may do to each.

Rank 0 runs NEST, and code of users may run in it that nobody has foreseen. So it reads and writes
no other jobs than those of its kernel that it was told of and that have not ended.
"""

from __future__ import annotations

import enum

from nestd.broker.packets import Lookup
from protocol.runtime.stored_job import CANCELLED, LOST

#: Jobs that a kernel may hold at once; more than a gateway lets wait.
LIMIT = 100_000


class JobPhase(enum.Enum):
    """Phases of a job, as its kernel sees it. One that has ended is forgotten."""

    WAITING = "waiting"
    RUNNING = "running"
    #: Claimed by its kernel as one that is not executed.
    TURNED_AWAY = "turned away"


class Ledger:
    """Jobs that rank 0 was told of and has not ended.

    Parameters
    ----------
    generation : of the kernel
    limit : jobs at once
    """

    def __init__(self, generation: str, limit: int = LIMIT) -> None:
        self._generation = generation
        self._limit = limit
        self._phases: dict[str, JobPhase] = {}

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self._phases)

    def outcome(self, id: str, generation: str, is_settled: bool) -> Lookup:
        """Return what rank 0 hears of a job that is there.

        Parameters
        ----------
        id : of the job
        generation : of the kernel that the job was accepted for
        is_settled : whether somebody has claimed it, or it has ended
        """
        if generation != self._generation:
            return Lookup.FOREIGN
        if is_settled:
            return Lookup.SETTLED
        return Lookup.READY if len(self._phases) < self._limit else Lookup.UNREADABLE

    def begin(self, id: str) -> None:
        """Take note that rank 0 was told of a job that is to be executed."""
        self._phases.setdefault(id, JobPhase.WAITING)

    def may_claim(self, id: str, by: str) -> bool:
        """Return whether rank 0 may claim a job.

        Parameters
        ----------
        id : of the job
        by : generation of a kernel, ``CANCELLED`` or ``LOST``
        """
        return id in self._phases and by in (self._generation, CANCELLED, LOST)

    def claim(self, id: str, by: str) -> None:
        """Take note that rank 0 has claimed a job."""
        runs = by == self._generation
        self._phases[id] = JobPhase.RUNNING if runs else JobPhase.TURNED_AWAY

    def may_print(self, id: str) -> bool:
        """Return whether rank 0 may add to the output of a job."""
        return self._phases.get(id) is JobPhase.RUNNING

    def may_end(self, id: str) -> bool:
        """Return whether rank 0 may give the answer of a job."""
        return id in self._phases

    def end(self, id: str) -> None:
        """Take note that a job has ended, or is somebody else's."""
        self._phases.pop(id, None)
