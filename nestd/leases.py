"""Leases of clients on the kernel objects that they hold, without I/O and without a clock.

A client's calls and signs of life renew its lease. When a lease is over, its client may be gone or
asleep: what is small stays for a day, should the client come back, and what is large goes. The
objects of a client that says good-bye go at once.

Time counts as far as this process listens: neither a long call nor a machine that sleeps makes a
lease end that could not be renewed meanwhile.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from nestd.master.courses import Course
from nestd.master.queue import Queue
from nestd.master.rank_answers import ask
from protocol.errors import NestdError
from protocol.process.lease import LEASE_S
from protocol.wire.messages import Action, LeaseNotice, Operation
from protocol.wire.values import Value

log = logging.getLogger(__name__)

#: Owner of the objects of the script that runs.
SCRIPT = "~script"

#: Most time that counts between two looks at the clock; an idle loop looks every 2 s.
_STEP_S = 5.0
#: Between two looks at what owners have whose lease is over.
_SWEEP_S = 10.0
#: An object of this size is large.
LARGE_BYTES = 1 << 18
#: Room for the small objects of all whose lease is over, and the time for which they stay.
_ROOM_BYTES = 1 << 20
_KEPT_S = 86_400.0
#: Requests of clients without a name share an owner for so long.
_SHARED_S = 60.0
#: What a job makes outlives the good-bye of its client, as the job does.
_JOB = "/job"


class Leases:
    """Leases of all owners of objects, the one that was renewed last at the end.

    Parameters
    ----------
    lease_s : time after which a lease is over that is not renewed
    """

    def __init__(self, lease_s: float = LEASE_S) -> None:
        self._lease_s = lease_s
        #: Owner: when the lease was renewed, in time that counts.
        self._renewed: dict[str, float] = {}
        self._ended: dict[str, None] = {}
        self._counted_s = 0.0
        self._now_s: float | None = None
        self._sweep_s = 0.0

    @property
    def reason(self) -> str:
        """Return why objects are gone whose owner's lease is over."""
        return (
            f"nothing was heard of its client for more than {self._lease_s:g} s, so its memory "
            "went to others; ask for it anew"
        )

    def is_due(self, now_s: float) -> bool:
        """Take note of the time, by the monotonic clock; return whether it is time for a sweep."""
        if self._now_s is not None:
            self._counted_s += min(max(now_s - self._now_s, 0.0), _STEP_S)
        self._now_s = now_s
        if self._ended:
            return True
        if self._counted_s < self._sweep_s or not self._renewed:
            return False
        return self._is_over(next(iter(self._renewed.values())))

    def take_note(self, notice: LeaseNotice) -> None:
        """Take note of which clients live, and which have said good-bye."""
        for client in notice.renewed:
            self.renew(client)
        for client in notice.ended:
            self.end(client)

    def owner(self, client: str, is_job: bool) -> str:
        """Return who will own what a request makes, with a new lease.

        Parameters
        ----------
        client : that asks; empty if it has no name
        is_job : whether the request is a job
        """
        if not client:
            client = f"~{int(self._counted_s // _SHARED_S)}"
        elif is_job:
            client += _JOB
        self.renew(client)
        return client

    def renew(self, client: str) -> None:
        """Renew the lease of a client, and that of its jobs; without a name nothing is done."""
        if not client:
            return
        self._renewed.pop(client, None)
        self._renewed[client] = self._counted_s
        of_jobs = client + _JOB
        if of_jobs in self._renewed:
            del self._renewed[of_jobs]
            self._renewed[of_jobs] = self._counted_s

    def end(self, client: str) -> None:
        """End the lease of a client that says good-bye."""
        if self._renewed.pop(client, None) is not None:
            self._ended[client] = None

    def take_ended(self) -> list[str]:
        """Return the owners that have said good-bye since this was asked, whose objects go."""
        ended = list(self._ended)
        self._ended.clear()
        return ended

    def take_over(self) -> list[str]:
        """Return the owners whose leases are over, the oldest first; :meth:`choose` takes them."""
        self._sweep_s = self._counted_s + min(_SWEEP_S, self._lease_s / 4)
        over = []
        for owner, renewed_s in self._renewed.items():
            if not self._is_over(renewed_s):
                break
            over.append(owner)
        return over

    def _is_over(self, renewed_s: float) -> bool:
        return self._counted_s - renewed_s > self._lease_s

    def choose(self, over: list[str], sizes: Mapping[str, int]) -> list[str]:
        """Return the owners whose small objects go: those without room, and the oldest ones.

        Parameters
        ----------
        over : owners whose leases are over, the oldest first
        sizes : how many bytes their small objects take; nothing for one without objects
        """
        leaving = []
        room = _ROOM_BYTES
        for owner in reversed(over):
            size = sizes.get(owner, 0)
            is_old = self._counted_s - self._renewed.get(owner, -math.inf) > _KEPT_S
            if size and size <= room and not is_old:
                room -= size
                continue
            self._renewed.pop(owner, None)
            if size:
                leaving.append(owner)
        return leaving


def sweep(leases: Leases, queue: Queue) -> Course[None]:
    """Release the objects of owners that have said good-bye, or whose leases are over.

    Parameters
    ----------
    leases : of all owners
    queue : of commands, whose clients wait and so live
    """
    for queued in queue:
        leases.renew(queued.command.context.client)
    ended, over = leases.take_ended(), leases.take_over()
    try:
        if ended:
            yield from release(ended, "its client has disconnected")
        if over:
            yield from release(over, leases.reason, LARGE_BYTES)
            sizes: Any = yield from ask(Operation(Action.MEASURE_OWNERS, args=list(over)))
            leaving = leases.choose(over, sizes)
            if leaving:
                yield from release(leaving, leases.reason)
    except NestdError as error:
        log.error("objects of clients that are gone can't be released: %s", error)


def release(owners: list[str], reason: str, least_bytes: int = 0) -> Course[Value]:
    """Release objects of these owners.

    Parameters
    ----------
    owners : whose objects
    reason : for who uses one of them later
    least_bytes : that such an object takes, by and large
    """
    return ask(Operation(Action.RELEASE_OWNERS, args=[owners, reason, least_bytes]))
