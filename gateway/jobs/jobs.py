"""Jobs: what the kernel is asked for, seen, fetched and ended by name.

A job whose caller does not wait lies in the spool (``protocol/runtime/job_store.py``), where it
needs neither
its caller nor this gateway. A request whose caller waits is a job, too, that can be seen and
cancelled; its result goes to the caller alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from gateway.jobs.reconciler import JobReconciler, is_there
from gateway.jobs.views import final_state, of_job, of_request
from gateway.kernel.client import KernelClient, Pending, name_is_taken
from gateway.settings import JobLimits
from protocol.errors import KernelUnavailable, NestdError, Unavailable, UnknownJob
from protocol.logging import lines
from protocol.process.polling import poll_until
from protocol.runtime.job_store import Spool, new_name
from protocol.runtime.status_file import Status
from protocol.runtime.stored_job import CANCELLED, LOST, Facts, StoredJob
from protocol.wire.messages import FINAL_STATES, Cancel, Failure, Result, Task

log = logging.getLogger(__name__)

#: How long a caller who cancels waits to hear how that went.
_CANCEL_S = 1.0
#: How often a job is looked at by who waits for its end.
_LOOK_S = 0.02

#: All states.
STATES = ("queued", "running", "done", "failed", "cancelled")


class Jobs:
    """The jobs of one server.

    Parameters
    ----------
    connection : to the kernel
    limits : of what is kept
    tell : is told of what happens to jobs here: kind of event, and its facts
    """

    def __init__(
        self,
        connection: KernelClient,
        limits: JobLimits,
        tell: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._tell = tell
        self._spool = Spool(connection.files.jobs)
        self._settling = JobReconciler(connection, self._spool)
        #: Final states that were found, by name and time of acceptance; results can be large.
        self._found: dict[tuple[str, float], str] = {}
        #: What is said of those that have ended, by the same; it does not change any more.
        self._ended: dict[tuple[str, float], dict[str, Any]] = {}

    def submit(
        self, make: Callable[[str], Task], label: str, accepts: str, key: str | None
    ) -> StoredJob:
        """Accept a job.

        Parameters
        ----------
        make : gives the message of a name
        what : the PyNEST call, ``"batch"`` or ``"script"``
        accepts : what the caller takes the answer as
        key : of the caller's choice; the same key is the same job

        Raises
        ------
        MalformedRequest
            If the key was used for another request.
        QueueFull
            If as many wait as may.
        KernelUnavailable
            If there is no kernel.
        Unavailable
            If it can't be kept.
        """
        info = self._connection.needed_info()
        if not is_there(info):
            raise KernelUnavailable(f"kernel {info.generation} has just ended", retry_after_s=1)
        # Others ask the kernel itself, which turns them away; nobody waits for this one.
        self._connection.refuse_if_stopping()
        name = new_name() if key is None else _named_after(key)
        facts = Facts(name, label, time.time(), info.generation, accepts)
        self._tidy()
        known = None if key is None else self._spool.find(name)
        if known is None:
            self._connection.refuse_if_full(also=len(self._waiting()))
        try:
            job, is_new = self._spool.add(facts, make(name))
        except OSError as error:
            raise Unavailable(
                f"the job can't be kept: {error.strerror}: {self._spool.directory}"
            ) from error
        if is_new:
            # Before the kernel can tell that it has begun.
            self._tell("state", {"job": name, "what": label, "state": "queued"})
            self._settling.pass_on(job, info)
            lines.note(log, "a job is accepted", job=name, call=label)
        return job

    def resume(self) -> None:
        """See to the jobs that gateways before this have accepted."""
        self._settling.watch()

    def _waiting(self) -> list[StoredJob]:
        """Jobs that nobody has begun, of the kernel that there is."""
        info = self._connection.info()
        return [
            job
            for job in self._spool.jobs()
            if job.claim is None
            and job.ended_s is None
            and info is not None
            and job.facts.generation == info.generation
        ]

    def all(self) -> list[dict[str, Any]]:
        """What is known of all jobs, in the order in which they came."""
        self._tidy()
        status = self._connection.status()
        views = [self._view_pending(one, status) for one in self._pending()]
        ended = {}
        for job in self._spool.jobs():
            key = (job.id, job.facts.created_s)
            with contextlib.suppress(UnknownJob):
                view = self._ended.get(key) or self._view(job, status)
                if view["state"] in FINAL_STATES:
                    ended[key] = view
                views.append(view)
        self._ended = ended
        return sorted(views, key=lambda view: str(view["created"]))

    def _pending(self) -> list[Pending]:
        """Requests whose callers wait, and one that a gateway before this has left running."""
        pending, orphan = self._connection.pending(), self._connection.orphan()
        if orphan is None or self._spool.find(orphan.id) is not None:
            return pending
        if any(one.id == orphan.id for one in pending):
            return pending
        return [orphan, *pending]

    def states(self) -> Counter[str]:
        """How many jobs are in which state; those whose callers wait are among them."""
        now = self._connection.status().id
        counts = Counter("running" if one.id == now else "queued" for one in self._pending())
        found = {}
        for job in self._spool.jobs():
            key = (job.id, job.facts.created_s)
            state = self._found.get(key) or _state(job)
            if state in FINAL_STATES:
                found[key] = state
            counts[state] += job.exists
        self._found = found
        return counts

    def one(self, id: str) -> dict[str, Any]:
        """What is known of a job.

        Raises
        ------
        UnknownJob
            If there is none of that name.
        """
        status = self._connection.status()
        for pending in self._pending():
            if pending.id == id:
                return self._view_pending(pending, status)
        return self._view(self._find(id), status)

    def refuse_kept(self, name: str) -> None:
        """Raise if a job that is kept has the name that somebody chose for another.

        Raises
        ------
        MalformedRequest
            If one has.
        """
        if self._spool.find(name) is not None:
            raise name_is_taken(name)

    def output(self, id: str) -> bytes:
        """What a job's script has printed so far; see :meth:`one`."""
        return self._find(id).output()

    def answer(self, id: str) -> tuple[Facts, Result | Failure | None]:
        """What came of a job; ``None`` if it has not ended.

        Raises
        ------
        UnknownJob
            If there is none of that name.
        """
        job = self._find(id)
        return job.facts, self._settling.answer(job)

    def wait(self, job: StoredJob) -> Result | Failure:
        """What came of a job, when it has ended.

        Raises
        ------
        UnknownJob
            If it was removed before this has seen its end.
        """
        pause_s = _LOOK_S / 10
        while True:
            found = None
            # What can't be read now goes on all the same.
            with contextlib.suppress(Unavailable):
                found = self._settling.answer(job)
            if found is not None:
                return found
            if not job.exists:
                raise UnknownJob(
                    f"job {job.id} has ended, and so many have since that it is not kept any more"
                )
            # The end of a job is a file, which another process writes.
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LOOK_S)

    def cancel(self, id: str) -> dict[str, Any]:
        """End a job at the next occasion; what is known of it then.

        Raises
        ------
        UnknownJob
            If there is none of that name.
        Unavailable
            If there is no room to say that it is cancelled.
        """
        before = self.one(id)
        job = self._spool.find(id)
        if before["state"] in FINAL_STATES:
            return before
        try:
            if job is not None and job.take(CANCELLED):
                self._tell("state", {"job": id, "what": job.facts.label, "state": "cancelled"})
                return self.one(id)
        except OSError as error:
            # It may have ended and gone meanwhile, which this says then.
            self._find(id)
            raise Unavailable(
                f"the job can't be cancelled: {error.strerror}: {self._spool.directory}"
            ) from error
        with contextlib.suppress(NestdError):
            self._connection.notify(Cancel(new_name(), id, "its end was asked for"))

        def look() -> dict[str, Any] | None:
            try:
                view = self.one(id)
            except UnknownJob:
                # Its caller has the answer, and nobody keeps it.
                return before | {"state": "cancelled", "ending": True}
            return view if view["state"] in FINAL_STATES else None

        found = poll_until(look, _CANCEL_S)
        if found is not None:
            return found
        view = self.one(id)
        if not view.get("ending"):
            view["message"] = (
                "what is executed now can't be interrupted, and this is cancelled after it; "
                "DELETE /kernel ends everything, the network included"
            )
        return view

    def _find(self, id: str) -> StoredJob:
        job = self._spool.find(id)
        if job is None:
            raise _unknown(id)
        return job

    def _tidy(self) -> None:
        self._spool.tidy(self._limits.count, self._limits.size_bytes, self._limits.age_s)

    def _view(self, job: StoredJob, status: Status) -> dict[str, Any]:
        # Before the claim is looked at, which is there if an answer is.
        answer = self._settling.answer(job)
        if answer is None and not job.exists:
            raise _unknown(job.id)
        return of_job(job, answer, status, self._connection.awaited)

    def _view_pending(self, pending: Pending, status: Status) -> dict[str, Any]:
        return of_request(pending, status, self._connection.awaited)


def _state(job: StoredJob) -> str:
    """As the spool says, without a look at whether its kernel still is there."""
    answer = job.answer()
    if answer is not None:
        return final_state(answer)
    claim = job.claim
    if claim is None or claim.by == LOST:
        return "queued"
    return "cancelled" if claim.by == CANCELLED else "running"


def _unknown(id: str) -> UnknownJob:
    return UnknownJob(f"there is no job {id:.80}; GET /jobs lists those that are kept")


def _named_after(key: str) -> str:
    """The name of the job with a caller's key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
