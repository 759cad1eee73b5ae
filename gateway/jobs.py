"""Jobs: what the kernel is asked for, seen, fetched and ended by name.

A job whose caller does not wait lies in the spool (``protocol/spool.py``), where it needs neither
its caller nor this gateway. A request whose caller waits is a job, too, that can be seen and
cancelled; its result goes to the caller alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from gateway.connection import Connection, Pending
from gateway.settings import JobLimits
from protocol import frames
from protocol.connection_file import ConnectionInfo
from protocol.errors import (
    Cancelled,
    KernelLost,
    NestdError,
    Unavailable,
    UnknownJob,
)
from protocol.messages import Cancel, Command, Failure, Result, Script, Submit
from protocol.polling import poll_until
from protocol.progress import Status
from protocol.spool import CANCELLED, SPOOL_DIRECTORY, Facts, Job, Spool, new_name

log = logging.getLogger(__name__)

#: How long a caller who cancels waits to hear how that went.
_CANCEL_S = 1.0
#: How often a job is looked at by who waits for its end.
_LOOK_S = 0.02
#: How often it is looked whether the kernels of jobs still are there.
_WATCH_S = 0.5

#: States that are final.
FINAL = frozenset(["done", "failed", "cancelled"])


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
        connection: Connection,
        limits: JobLimits,
        tell: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._tell = tell
        self._spool = Spool(connection.directory / SPOOL_DIRECTORY)
        #: Kernels that jobs were accepted for, by generation.
        self._kernels: dict[str, ConnectionInfo] = {}
        self._watch_lock = threading.Lock()
        self._watched = False

    def submit(
        self, make: Callable[[str], Command | Script], what: str, accepts: str, key: str | None
    ) -> Job:
        """Accept a job.

        Parameters
        ----------
        make : gives the message of a name
        what : the PyNEST call, or ``"script"``
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
        self._kernels[info.generation] = info
        name = new_name() if key is None else _named_after(key)
        digest = _digest(make(""), accepts)
        facts = Facts(name, what, time.time(), info.generation, accepts, digest)
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
            self._tell("state", {"job": name, "what": what, "state": "queued"})
            try:
                self._connection.notify(Submit(name))
            except NestdError as error:
                job.remove()
                said = {"job": name, "what": what, "state": "failed", "message": error.message}
                self._tell("state", said)
                raise
            self._watch()
        return job

    def resume(self) -> None:
        """Tell the kernel of jobs that a gateway has accepted and perhaps not passed on."""

        for job in self._waiting():
            with contextlib.suppress(NestdError):
                self._connection.notify(Submit(job.id))
        self._watch()

    def _watch(self) -> None:
        """Notice the end of jobs whose kernel has ended, also while nobody asks for them."""

        def watch() -> None:
            while True:
                info = self._connection.info()
                if info is not None:
                    self._kernels.setdefault(info.generation, info)
                with self._watch_lock:
                    if all(self._answer(job) is not None for job in self._spool.jobs()):
                        self._watched = False
                        return
                time.sleep(_WATCH_S)

        with self._watch_lock:
            if not self._watched:
                self._watched = True
                threading.Thread(target=watch, name="jobs", daemon=True).start()

    def _waiting(self) -> list[Job]:
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
        views = [self._view_pending(one, status) for one in self._connection.pending()]
        views += [self._view(job, status) for job in self._spool.jobs()]
        return sorted(views, key=lambda view: str(view["created"]))

    def one(self, id: str) -> dict[str, Any]:
        """What is known of a job.

        Raises
        ------
        UnknownJob
            If there is none of that name.
        """
        status = self._connection.status()
        for pending in self._connection.pending():
            if pending.id == id:
                return self._view_pending(pending, status)
        return self._view(self._find(id), status)

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
        return job.facts, self._answer(job)

    def wait(self, job: Job) -> Result | Failure:
        """What came of a job, when it has ended."""
        pause_s = _LOOK_S / 10
        while True:
            found = self._answer(job)
            if found is not None:
                return found
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LOOK_S)

    def cancel(self, id: str) -> dict[str, Any]:
        """End a job at the next occasion; what is known of it then.

        Raises
        ------
        UnknownJob
            If there is none of that name.
        """
        before = self.one(id)
        job = self._spool.find(id)
        if before["state"] in FINAL:
            return before
        if job is not None and job.take(CANCELLED):
            self._tell("state", {"job": id, "what": job.facts.what, "state": "cancelled"})
            return self.one(id)
        with contextlib.suppress(NestdError):
            self._connection.notify(Cancel(new_name(), id, "its end was asked for"))

        def look() -> dict[str, Any] | None:
            try:
                view = self.one(id)
            except UnknownJob:
                # Its caller has the answer, and nobody keeps it.
                return before | {"state": "cancelled", "ending": True}
            return view if view["state"] in FINAL else None

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

    def _find(self, id: str) -> Job:
        job = self._spool.find(id)
        if job is None:
            raise UnknownJob(f"there is no job {id:.80}; GET /jobs lists those that are kept")
        return job

    def _tidy(self) -> None:
        self._spool.tidy(self._limits.count, self._limits.size_bytes, self._limits.age_s)

    def _answer(self, job: Job) -> Result | Failure | None:
        found = job.answer()
        if found is not None:
            return found
        claim = job.claim
        if claim is not None and claim.by == CANCELLED:
            error: NestdError = Cancelled(f"{job.facts.what} was cancelled before it began")
            return Failure(job.id, job.facts.generation, error)
        kernel = self._kernels.get(job.facts.generation)
        now = self._connection.info()
        if now is not None and now.generation == job.facts.generation:
            kernel = now
            if not kernel.is_local or kernel.process.is_running():
                return None
        what = job.facts.what if claim is not None else f"the wait of {job.facts.what}"
        if kernel is not None:
            error = self._connection.lost(kernel, what, None)
        else:
            error = KernelLost(f"the kernel ended during {what}; its network is lost")
        # An answer that arrived just before counts; what is kept from now on does not change.
        found = job.answer()
        if found is None:
            found = Failure(job.id, job.facts.generation, error)
            job.end(found)
        return found

    def _view(self, job: Job, status: Status) -> dict[str, Any]:
        facts = job.facts
        view: dict[str, Any] = {
            "id": facts.id,
            "what": facts.what,
            "state": "queued",
            "created": _iso(facts.created_s),
            "began": None,
            "ended": None,
            "generation": facts.generation,
            "waited_for": False,
        }
        claim = job.claim
        if claim is not None and claim.by != CANCELLED:
            view["state"] = "running"
            view["began"] = _iso(claim.at_s)
        answer = self._answer(job)
        if answer is not None:
            view["state"] = "done"
            if isinstance(answer, Failure):
                cancelled = isinstance(answer.error, Cancelled)
                view["state"] = "cancelled" if cancelled else "failed"
                view["message"] = answer.error.message
            ended_s = job.ended_s or (claim.at_s if claim else None)
            view["ended"] = _iso(ended_s)
            view["result"] = f"/jobs/{facts.id}/result"
        elif status.id == facts.id:
            view |= self._progress(status)
        elif view["state"] == "queued":
            view["position"] = _position(facts.id, status)
        return view

    def _view_pending(self, pending: Pending, status: Status) -> dict[str, Any]:
        view: dict[str, Any] = {
            "id": pending.id,
            "what": pending.what,
            "state": "queued",
            "created": _iso(pending.since_s),
            "began": None,
            "ended": None,
            "generation": pending.generation,
            "waited_for": True,
        }
        if status.id == pending.id:
            view["state"] = "running"
            view["began"] = _iso(status.since_s)
            view |= self._progress(status)
        else:
            view["position"] = _position(pending.id, status)
        return view

    def _progress(self, status: Status) -> dict[str, Any]:
        """How far what runs is."""
        view: dict[str, Any] = {"wall_s": round(time.time() - status.since_s, 3)}
        if status.call:
            view["call"] = status.call
        if status.ending:
            view["ending"] = True
        view["awaited"] = self._connection.awaited()
        if status.at_ms is None or status.from_ms is None or status.until_ms is None:
            return view
        if status.at_s is None or status.began_s is None:
            return view
        done_ms, total_ms = status.at_ms - status.from_ms, status.until_ms - status.from_ms
        took_s = max(status.at_s - status.began_s, 1e-6)
        view["progress"] = {
            "biological_time_ms": status.at_ms,
            "done_ms": round(done_ms, 9),
            "total_ms": round(total_ms, 9),
            "fraction": done_ms / total_ms if total_ms else 1.0,
            "wall_s": round(took_s, 3),
            # As NEST defines it: how many times longer it takes than what it simulates.
            "real_time_factor": took_s / (done_ms / 1000) if done_ms else None,
            "estimated_end": _iso(status.began_s + took_s * total_ms / done_ms)
            if done_ms
            else None,
        }
        return view


def _position(id: str, status: Status) -> int | None:
    """Place in the queue, 1 for the next; ``None`` while it is on its way there."""
    try:
        return status.queue.index(id) + 1
    except ValueError:
        return None


def _named_after(key: str) -> str:
    """The name of the job with a caller's key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _digest(message: Command | Script, accepts: str) -> str:
    """Tells a request from another."""
    found = hashlib.sha256(accepts.encode())
    for part in frames.encode(replace(message, id="")):
        found.update(part)
    return found.hexdigest()


def _iso(at_s: float | None) -> str | None:
    if at_s is None:
        return None
    return datetime.fromtimestamp(at_s, timezone.utc).isoformat(timespec="milliseconds")
