"""Reconciliation of jobs with kernels: each accepted job reaches its kernel, or ends.

Gateways and kernels may end at any moment, also between the acceptance of a job and its way to the
kernel. A job belongs to the kernel it was accepted for, and to no other. While that kernel lives,
the present gateway passes the job on; when the kernel has ended, the gateway ends its jobs. A
gateway does both from its start on for as long as a job goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from gateway.jobs.rules import Fate, fate_of, is_due
from gateway.kernel.client import KernelClient
from gateway.kernel.status import WITHOUT_JOBS
from protocol.channel.channel import is_refused
from protocol.errors import Cancelled, InternalError, KernelLost, KernelUnavailable, NestdError
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.job_store import Spool
from protocol.runtime.stored_job import LOST, StoredJob
from protocol.wire.messages import Failure, Result, Submit

log = logging.getLogger(__name__)

#: Time between two reconciliations.
_INTERVAL_S = 0.5
#: Time after which a kernel on a network is probed again, and sent again a job that it has not
#: begun: the network may have lost the message.
_AGAIN_S = 5.0


class JobReconciler:
    """Reconciles the jobs of one spool with their kernels.

    Parameters
    ----------
    kernel : executes the jobs
    spool : keeps the jobs
    on_end : called with each job that has ended, and its answer
    """

    def __init__(
        self,
        kernel: KernelClient,
        spool: Spool,
        on_end: Callable[[StoredJob, Result | Failure], None],
    ) -> None:
        self._kernel = kernel
        self._spool = spool
        self._on_end = on_end
        #: Jobs that went on when they were last reconciled.
        self._going_on: set[str] = set()
        #: Kernels that there were, by generation.
        self._kernels: dict[str, ConnectionInfo] = {}
        #: When this gateway has passed on each job, by the monotonic clock.
        self._passed: dict[str, float] = {}
        self._lock = threading.Lock()
        self._is_watching = self._has_new = False
        #: When a kernel on another host was probed, and whether its host refused the connection.
        self._probed_s, self._is_refused = -_AGAIN_S, False

    def pass_on(self, job: StoredJob, kernel: ConnectionInfo) -> None:
        """Send ``kernel`` a job that was accepted for it, at once or as soon as possible.

        Should the kernel end before, so does the job.
        """
        self._kernels[kernel.generation] = kernel
        self._try_to_pass_on(job, kernel)
        self.watch()

    def _try_to_pass_on(self, job: StoredJob, kernel: ConnectionInfo) -> bool:
        try:
            self._kernel.notify(Submit(job.id), kernel)
        except NestdError as error:
            log.warning("job %s can't be passed on yet: %s", job.id, error)
            return False
        with self._lock:
            self._passed[job.id] = time.monotonic()
        return True

    def answer(self, job: StoredJob) -> Result | Failure | None:
        """Return the answer of ``job``; ``None`` if the job goes on.

        Ends a job whose kernel has ended.
        """
        answer = job.answer()
        if answer is not None:
            return answer
        claim = job.claim
        fate = fate_of(claim, lambda: self._is_with_its_kernel(job), time.time())
        if fate is Fate.GOES_ON:
            return None
        if fate is Fate.CANCELLED:
            error = Cancelled(f"{job.facts.label} was cancelled before it began")
            return Failure(job.id, job.facts.generation, error)
        if claim is None:
            try:
                if not job.take(LOST):
                    # The job was cancelled, or has begun and ended, in the meantime.
                    return self.answer(job)
            except OSError:
                # There may be no room for the claim. A job that was removed has no answer.
                if not job.exists:
                    return None
        job.end(Failure(job.id, job.facts.generation, self._why_lost(job, fate)))
        # An answer that arrived just before counts.
        return job.answer()

    def _is_with_its_kernel(self, job: StoredJob) -> bool:
        """Return whether the kernel that ``job`` was accepted for is there and works on jobs."""
        return self._has_kernel(job) and not self._kernel.status.read().jobs_problem

    def _has_kernel(self, job: StoredJob) -> bool:
        kernel = self._kernel.status.info()
        if kernel is None:
            return False
        self._kernels[kernel.generation] = kernel
        return kernel.generation == job.facts.generation and self._is_there(kernel)

    def _why_lost(self, job: StoredJob, fate: Fate) -> NestdError:
        """Return the error for a job that its kernel took with it, or can't work on."""
        is_running = fate is Fate.LOST_RUNNING
        problem = self._kernel.status.read().jobs_problem if self._has_kernel(job) else ""
        if problem:
            told = (
                "it was begun, and its result can't be kept" if is_running else "it was not begun"
            )
            return InternalError(f"{told}: {problem}; {WITHOUT_JOBS}")
        label = job.facts.label if is_running else f"the wait of {job.facts.label}"
        kernel = self._kernels.get(job.facts.generation)
        if kernel is not None:
            return self._kernel.link.exit_reasons.lost(kernel, label, None)
        return KernelLost(f"the kernel ended during {label}; its network is lost")

    def watch(self) -> None:
        """Reconcile all jobs from now on until all have ended."""
        with self._lock:
            # The present round may not have seen the newest job.
            self._has_new = True
            if not self._is_watching:
                try:
                    threading.Thread(target=self._watch, name="jobs", daemon=True).start()
                except RuntimeError as error:
                    # A job is accepted all the same. The next one tries again.
                    log.error("jobs can't be reconciled now: %s", error)
                    return
                self._is_watching = True

    def _watch(self) -> None:
        problem = ""
        while True:
            with self._lock:
                self._has_new = False
            try:
                goes_on = self.reconcile()
            except Exception as error:
                # No other thread would go on. Each problem is logged once.
                goes_on = True
                if problem != (problem := f"{type(error).__name__}: {error}"):
                    log.error("jobs can't be reconciled: %s", problem, exc_info=error)
            with self._lock:
                if not goes_on and not self._has_new:
                    self._is_watching = False
                    return
            # Nothing signals that a kernel has ended without an answer.
            time.sleep(_INTERVAL_S)

    def reconcile(self) -> bool:
        """Reconcile all jobs; return whether some go on."""
        going_on = [
            job
            for job in self._spool.jobs()
            if job.ended_s is None and self.answer(job) is None and job.exists
        ]
        ids = {job.id for job in going_on}
        with self._lock:
            ended = (self._going_on | self._passed.keys()) - ids
            self._going_on = ids
            self._passed = {job: when for job, when in self._passed.items() if job in ids}
        for id in ended:
            # A kernel that has ended may not have said so, or to nobody.
            job = self._spool.find(id)
            answer = None if job is None else self.answer(job)
            if job is not None and answer is not None:
                self._on_end(job, answer)
        kernel = self._kernel.status.info()
        for job in going_on:
            if kernel is None or job.facts.generation != kernel.generation:
                continue
            passed_s = self._passed.get(job.id)
            if (
                job.claim is None
                and is_due(passed_s, kernel.is_linked, time.monotonic(), _AGAIN_S)
                and not self._try_to_pass_on(job, kernel)
            ):
                break
        return bool(going_on)

    def _is_there(self, kernel: ConnectionInfo) -> bool:
        """Return whether ``kernel`` is there, as far as can be seen from here."""
        if kernel.is_local or not kernel.is_linked:
            return is_there(kernel)
        if time.monotonic() >= self._probed_s + _AGAIN_S:
            self._is_refused = self._refuses(kernel)
            self._probed_s = time.monotonic()
        return not self._is_refused

    def _refuses(self, kernel: ConnectionInfo) -> bool:
        """Return whether the host of ``kernel`` refuses connections to it."""
        channels = self._kernel.link.channels
        try:
            channels.give_back(channels.take(kernel))
        except KernelUnavailable:
            # The kernel may be there behind a network that is cut.
            return is_refused(kernel.command_endpoint)
        return False


def is_there(kernel: ConnectionInfo) -> bool:
    """Return whether ``kernel`` is there, as far as can be seen without asking its host."""
    return not kernel.is_local or kernel.process.is_running()
