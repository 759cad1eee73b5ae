"""Jobs of one server: accepted, seen, fetched and cancelled by name.

A job whose caller does not wait lies in the spool (``protocol/runtime/job_store.py``), where it
needs neither its caller nor this gateway. A request whose caller waits is a job, too, that can be
seen and cancelled; its result goes to the caller alone.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from gateway.jobs.reconciler import JobReconciler, is_there
from gateway.jobs.rules import final_state, open_state
from gateway.jobs.views import job_view, queued_view, request_view
from gateway.kernel.client import KernelClient
from gateway.kernel.pending import PendingRequest, label_of, name_is_taken
from gateway.settings import MIB, JobLimits
from protocol.errors import (
    KernelUnavailable,
    NestdError,
    QueueFull,
    RequestTooLarge,
    Unavailable,
    UnknownJob,
)
from protocol.logging import lines
from protocol.process.polling import poll_until
from protocol.runtime.job_store import Spool, new_name
from protocol.runtime.status_file import Status
from protocol.runtime.stored_job import CANCELLED, Facts, StoredJob
from protocol.wire import frames
from protocol.wire.messages import FINAL_STATES, Cancel, Failure, Result, Task

log = logging.getLogger(__name__)

#: How long a caller who cancels waits for the job's end.
_CANCEL_S = 1.0
#: When a caller may try again whose job found no room.
_FULL_S = 5
#: How often a caller who waits looks for the job's end.
_POLL_S = 0.02


class Jobs:
    """Jobs of one server. Methods that take a job's id raise ``UnknownJob`` for any other text.

    Parameters
    ----------
    kernel : executes the jobs
    limits : of jobs that have ended and are kept
    publish : takes events about jobs: kind of event, and its facts
    publish_end : takes the end of a job: its id, its label and its answer
    """

    def __init__(
        self,
        kernel: KernelClient,
        limits: JobLimits,
        publish: Callable[[str, dict[str, Any]], None],
        publish_end: Callable[[str, str, Result | Failure], None],
    ) -> None:
        self._kernel = kernel
        self._limits = limits
        self._publish = publish
        self._spool = Spool(kernel.status.files.jobs)
        self._reconciler = JobReconciler(
            kernel, self._spool, lambda job, answer: publish_end(job.id, job.facts.label, answer)
        )
        self._adding = threading.Lock()
        #: Final states that were read, by name and time of acceptance; results can be large.
        self._final_states: dict[tuple[str, float], str] = {}
        #: Views of jobs that have ended, by the same; they do not change any more.
        self._final_views: dict[tuple[str, float], dict[str, Any]] = {}

    def name_of(self, key: str) -> str:
        """Return the name of the job with a caller's idempotency key.

        Raises
        ------
        Unavailable
            If no job can be kept.
        """
        return self._spool.name_of(key)

    def submit(self, task: Task, accepts: str, has_key: bool) -> StoredJob:
        """Accept ``task`` as a job of its name.

        Parameters
        ----------
        task : to be executed
        accepts : form in which the caller takes the answer
        has_key : whether the name is made of a caller's key, so that the job may exist already

        Raises
        ------
        MalformedRequest
            If the key was used for another request.
        QueueFull
            If as many wait as may, or take as much room.
        RequestTooLarge
            If the job alone takes more room than all may.
        KernelUnavailable
            If there is no kernel.
        Unavailable
            If the job can't be kept.
        """
        info = self._kernel.status.required_info()
        if not is_there(info):
            raise KernelUnavailable(f"kernel {info.generation} has just ended", retry_after_s=1)
        # A kernel that stops turns commands away itself; but nobody waits for its answer here.
        self._kernel.status.refuse_job()
        label = label_of(task)
        facts = Facts(task.id, label, time.time(), info.generation, accepts)
        self._tidy()
        # One at a time: two that find room for one would both be added.
        with self._adding:
            if not has_key or self._spool.find(task.id) is None:
                self._kernel.requests.refuse_if_full(self._count_waiting(info.generation))
                self._make_room(sum(map(len, frames.encode(task))))
            try:
                job, is_new = self._spool.add(facts, task)
            except OSError as error:
                raise self._no_room("kept", error) from error
        if is_new:
            # Before the kernel can publish that the job has begun.
            self._publish("state", {"job": job.id, "what": label, "state": "queued"})
            self._reconciler.pass_on(job, info)
            lines.note(log, "a job is accepted", job=job.id, call=label)
        return job

    def resume(self) -> None:
        """Reconcile the jobs that earlier gateways have accepted."""
        self._reconciler.watch()

    def _count_waiting(self, generation: str) -> int:
        """Count the jobs of a kernel that nobody has taken."""
        return sum(
            job.claim is None and job.ended_s is None and job.facts.generation == generation
            for job in self._spool.jobs()
        )

    def all(self) -> list[dict[str, Any]]:
        """Return views of all jobs, in the order of their arrival."""
        self._tidy()
        status = self._kernel.status.read()
        views = [self._request_view(request, status) for request in self._requests(status)]
        for job in self._spool.jobs():
            with contextlib.suppress(UnknownJob):
                views.append(self._job_view(job, status))
        return sorted(views, key=lambda view: str(view["created"]))

    def _requests(self, status: Status) -> list[PendingRequest]:
        """Return requests whose callers wait, also those that another gateway or none has sent."""
        info = self._kernel.status.info()
        generation = None if info is None else info.generation
        requests = self._kernel.requests.list(generation, status)
        known = {request.id for request in requests}
        others = self._kernel.requests.of_others(generation, status)
        unknown = [it for it in others if it.id not in known and self._spool.find(it.id) is None]
        return [*unknown, *requests]

    def states(self) -> Counter[str]:
        """Count the jobs in each state, requests whose callers wait among them."""
        status = self._kernel.status.read()
        counts = Counter(
            "running" if request.id == status.id else "queued" for request in self._requests(status)
        )
        final = {}
        for job in self._spool.jobs():
            key = (job.id, job.facts.created_s)
            state = self._final_states.get(key) or _stored_state(job)
            if state in FINAL_STATES:
                final[key] = state
            counts[state] += job.exists
        self._final_states = final
        return counts

    def view(self, id: str) -> dict[str, Any]:
        """Return the view of a job."""
        status = self._kernel.status.read()
        for request in self._requests(status):
            if request.id == id:
                return self._request_view(request, status)
        return self._job_view(self._find(id), status)

    def accepted_view(self, job: StoredJob) -> dict[str, Any]:
        """Return the view of a job that was accepted: as it was then, if it can't be read now."""
        with contextlib.suppress(NestdError, OSError):
            return self.view(job.id)
        return queued_view(job.facts)

    def refuse_kept(self, name: str) -> None:
        """Raise if a job that is kept has a name that a caller chose for a request.

        Raises
        ------
        MalformedRequest
            If a job has the name.
        """
        if self._spool.find(name) is not None:
            raise name_is_taken(name)

    def output(self, id: str) -> bytes:
        """Return what a job's script has printed so far."""
        return self._find(id).output()

    def answer(self, id: str) -> tuple[Facts, Result | Failure | None]:
        """Return the facts of a job, and its answer; ``None`` if the job has not ended."""
        return (job := self._find(id)).facts, self._reconciler.answer(job)

    def wait(self, job: StoredJob) -> Result | Failure:
        """Return the answer of ``job``, when the job has ended.

        Raises
        ------
        UnknownJob
            If the job was removed before its end was seen.
        """
        pause_s = _POLL_S / 10
        while True:
            answer = None
            # An answer that can't be read now may be read later.
            with contextlib.suppress(Unavailable):
                answer = self._reconciler.answer(job)
            if answer is not None:
                return answer
            if not job.exists:
                raise UnknownJob(
                    f"job {job.id} has ended, and so many have since that it is not kept any more"
                )
            # Another process writes the answer into a file.
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _POLL_S)

    def cancel(self, id: str) -> dict[str, Any]:
        """Cancel a job at the next occasion; return its view then.

        Raises
        ------
        Unavailable
            If there is no room to note that the job is cancelled.
        """
        before = self.view(id)
        job = self._spool.find(id)
        if before["state"] in FINAL_STATES:
            return before
        try:
            if job is not None and job.take(CANCELLED):
                self._publish("state", {"job": id, "what": job.facts.label, "state": "cancelled"})
                return self.view(id)
        except OSError as error:
            # Raises UnknownJob if the job has ended and was removed meanwhile.
            self._find(id)
            raise self._no_room("cancelled", error) from error
        with contextlib.suppress(NestdError):
            self._kernel.notify(Cancel(new_name(), id, "its end was asked for"))

        def final_view() -> dict[str, Any] | None:
            try:
                view = self.view(id)
            except UnknownJob:
                # The caller of a request has the answer, and nobody keeps it.
                return before | {"state": "cancelled", "ending": True}
            return view if view["state"] in FINAL_STATES else None

        ended = poll_until(final_view, _CANCEL_S)
        if ended is not None:
            return ended
        view = self.view(id)
        if not view.get("ending"):
            view["message"] = (
                "what is executed now can't be interrupted: a job that waits is cancelled after "
                "it, a single call ends as done; DELETE /kernel ends everything, the network too"
            )
        return view

    def _no_room(self, done: str, error: OSError) -> Unavailable:
        return Unavailable(f"the job can't be {done}: {error.strerror}: {self._spool.directory}")

    def _find(self, id: str) -> StoredJob:
        if (job := self._spool.find(id)) is None:
            raise _unknown(id)
        return job

    def _make_room(self, new_bytes: int) -> None:
        """Remove ended jobs, the oldest first, until there is room for ``new_bytes`` of a new one.

        Raises
        ------
        QueueFull
            If jobs that have not ended leave no room.
        RequestTooLarge
            If there never is so much room.
        """
        limit = self._limits.size_bytes
        asked = f"this job takes {new_bytes / MIB:.1f} MiB, and all together may take "
        asked += f"{limit // MIB} MiB (NEST_SERVER_JOBS_MIB)"
        if new_bytes > limit:
            raise RequestTooLarge(asked)
        open_bytes = sum(job.bytes for job in self._spool.jobs() if job.ended_s is None)
        if open_bytes + new_bytes > limit:
            raise QueueFull(
                f"{asked}, of which jobs that have not ended take {open_bytes / MIB:.1f}; try "
                "again when some have",
                retry_after_s=_FULL_S,
            )
        self._tidy(open_bytes + new_bytes)

    def _tidy(self, taken_bytes: int = 0) -> None:
        self._spool.tidy(
            self._limits.count, self._limits.size_bytes - taken_bytes, self._limits.age_s
        )
        if len(self._final_views) > 2 * self._limits.count:
            # Most of these jobs have been removed.
            self._final_views.clear()

    def _job_view(self, job: StoredJob, status: Status) -> dict[str, Any]:
        key = (job.id, job.facts.created_s)
        known = self._final_views.get(key)
        if known is not None:
            return known
        # The answer before the claim, which is there if an answer is.
        answer = self._reconciler.answer(job)
        if answer is None and not job.exists:
            raise _unknown(job.id)
        view = job_view(job, answer, status, self._kernel.status.awaited_ranks)
        if view["state"] in FINAL_STATES:
            self._final_views[key] = view
        return view

    def _request_view(self, request: PendingRequest, status: Status) -> dict[str, Any]:
        return request_view(request, status, self._kernel.status.awaited_ranks)


def _stored_state(job: StoredJob) -> str:
    """Return the state of a job as the spool has it, whether its kernel is there or not."""
    answer = job.answer()
    return open_state(job.claim) if answer is None else final_state(answer)


def _unknown(id: str) -> UnknownJob:
    return UnknownJob(f"there is no job {id:.80}; GET /jobs lists those that are kept")
