"""Settles every job that was accepted: its kernel has it, or somebody says what became of it.

Gateways and kernels may end at any moment, also between the acceptance of a job and its way to the
kernel. A job belongs to the kernel it was accepted for, and to no other. As long as that lives, it
is passed on by whichever gateway is there; when it has ended, its jobs are ended here. A gateway
does both when it starts, and from then on for as long as a job goes on.
"""

from __future__ import annotations

import logging
import threading
import time

from gateway.kernel.channel import is_refused
from gateway.kernel.client import KernelClient
from protocol.errors import Cancelled, KernelLost, KernelUnavailable, NestdError
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.job_store import Spool
from protocol.runtime.stored_job import CANCELLED, LOST, Claim, StoredJob
from protocol.wire.messages import Failure, Result, Submit

log = logging.getLogger(__name__)

#: How often it is looked whether jobs are with their kernels, and these are there.
_LOOK_S = 0.5
#: How often a kernel on a network is looked for, and, as that may lose it, told again of a job that
#: has not begun.
_AGAIN_S = 5.0
#: How long a kernel that turns a job away may take to say so.
_SAID_S = 2.0


class JobReconciler:
    """Settles the jobs of a spool.

    Parameters
    ----------
    connection : to the kernel
    spool : where jobs lie
    """

    def __init__(self, connection: KernelClient, spool: Spool) -> None:
        self._connection = connection
        self._spool = spool
        #: Kernels that were seen, by generation.
        self._kernels: dict[str, ConnectionInfo] = {}
        #: Jobs that this gateway has passed on, and when, by the monotonic clock.
        self._passed: dict[str, float] = {}
        self._lock = threading.Lock()
        self._watches = self._look_again = False
        #: When a kernel on another host was looked for, and whether its host said that it is gone.
        self._looked_s, self._is_refused = -_AGAIN_S, False

    def pass_on(self, job: StoredJob, kernel: ConnectionInfo) -> None:
        """Tell a kernel of a job that was accepted for it, at once or as soon as that can be done.

        Should the kernel end before, so does the job: others may have seen it already.
        """
        self._kernels[kernel.generation] = kernel
        self._try_to_pass_on(job, kernel)
        self.watch()

    def _try_to_pass_on(self, job: StoredJob, kernel: ConnectionInfo) -> bool:
        try:
            self._connection.notify(Submit(job.id), kernel)
        except NestdError as error:
            log.warning("job %s can't be passed on yet: %s", job.id, error)
            return False
        with self._lock:
            self._passed[job.id] = time.monotonic()
        return True

    def answer(self, job: StoredJob) -> Result | Failure | None:
        """What came of a job; ``None`` if it goes on."""
        found = job.answer()
        if found is not None:
            return found
        claim = job.claim
        if claim is not None and claim.by == CANCELLED:
            error = Cancelled(f"{job.facts.label} was cancelled before it began")
            return Failure(job.id, job.facts.generation, error)
        now = self._connection.info()
        if now is not None:
            self._kernels[now.generation] = now
            lives = now.generation == job.facts.generation and self._is_there(now)
            # What was taken for lost nobody executes. A kernel that turns it away, as it stops, is
            # about to say why; it may have been killed since, though.
            is_left = claim is not None and claim.by == LOST and _is_old(claim)
            if lives and not is_left:
                return None
        if claim is None:
            try:
                if not job.take(LOST):
                    # Cancelled, or begun and over, since this has looked.
                    return self.answer(job)
            except OSError:
                # There may be no room to say so. If it is gone, there is nothing to say.
                if not job.exists:
                    return None
        begun = claim is not None and claim.by != LOST
        job.end(Failure(job.id, job.facts.generation, self._why(job, begun)))
        # One that arrived just before counts.
        return job.answer()

    def _why(self, job: StoredJob, begun: bool) -> NestdError:
        """The error for a job that its kernel took with it."""
        label = job.facts.label if begun else f"the wait of {job.facts.label}"
        kernel = self._kernels.get(job.facts.generation)
        if kernel is not None:
            return self._connection.ends.lost(kernel, label, None)
        return KernelLost(f"the kernel ended during {label}; its network is lost")

    def watch(self) -> None:
        """Settle all jobs from now on, also while nobody asks for them, until all have ended."""
        with self._lock:
            # Who looks now may not have seen the newest.
            self._look_again = True
            if not self._watches:
                self._watches = True
                threading.Thread(target=self._watch, name="jobs", daemon=True).start()

    def _watch(self) -> None:
        problem = ""
        while True:
            with self._lock:
                self._look_again = False
            try:
                goes_on = self._settle_all()
            except Exception as error:
                # Nobody else would go on with it. Once is enough to say so.
                goes_on = True
                if problem != (problem := f"{type(error).__name__}: {error}"):
                    log.error("jobs can't be settled: %s", problem, exc_info=error)
            with self._lock:
                if not goes_on and not self._look_again:
                    self._watches = False
                    return
            # That a kernel has ended, and left no answer, is told by nobody.
            time.sleep(_LOOK_S)

    def _settle_all(self) -> bool:
        """Settle all jobs; whether some go on."""
        going_on = [
            job
            for job in self._spool.jobs()
            if job.ended_s is None and self.answer(job) is None and job.exists
        ]
        ids = {job.id for job in going_on}
        with self._lock:
            self._passed = {job: when for job, when in self._passed.items() if job in ids}
        now = self._connection.info()
        for job in going_on:
            if now is None or job.facts.generation != now.generation:
                continue
            if job.claim is None and self._is_due(job, now) and not self._try_to_pass_on(job, now):
                break
        return bool(going_on)

    def _is_due(self, job: StoredJob, kernel: ConnectionInfo) -> bool:
        """Whether a job that the kernel has not begun is to be passed on now."""
        passed_s = self._passed.get(job.id)
        # Accepted by a gateway before this, or the kernel took no connections then.
        if passed_s is None:
            return True
        # A network that is cut may have lost it.
        return kernel.is_linked and time.monotonic() >= passed_s + _AGAIN_S

    def _is_there(self, kernel: ConnectionInfo) -> bool:
        """Whether a kernel still is there, as far as can be seen from here."""
        if kernel.is_local or not kernel.is_linked:
            return is_there(kernel)
        if time.monotonic() >= self._looked_s + _AGAIN_S:
            self._is_refused = self._refuses(kernel)
            self._looked_s = time.monotonic()
        return not self._is_refused

    def _refuses(self, kernel: ConnectionInfo) -> bool:
        """Whether nobody listens any more where a kernel on another host did."""
        channels = self._connection.channels
        try:
            channels.give_back(channels.take(kernel))
        except KernelUnavailable:
            # As far as the host can be reached: it may be there behind a network that is cut.
            return is_refused(kernel.command_endpoint)
        return False


def is_there(kernel: ConnectionInfo) -> bool:
    """Whether a kernel still is there, as far as can be seen without asking its host."""
    return not kernel.is_local or kernel.process.is_running()


def _is_old(claim: Claim) -> bool:
    """Whether who took a job has had the time to say what came of it."""
    return not 0 <= time.time() - claim.at_s < _SAID_S
