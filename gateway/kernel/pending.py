"""Registry of the requests whose callers wait for the kernel's answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.errors import MalformedRequest, QueueFull
from protocol.runtime.status_file import Status
from protocol.wire.messages import Batch, Command, Task


@dataclass(frozen=True)
class PendingRequest:
    """Request whose caller waits for the answer."""

    id: str
    #: The PyNEST call, ``"batch"`` or ``"script"``.
    label: str
    #: When it came, seconds since 1970.
    since_s: float
    #: Of the kernel that it was sent to.
    generation: str


class PendingRequests:
    """Requests of one gateway that are under way. Safe for any number of threads.

    Parameters
    ----------
    limit : requests that may be under way at once
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._pending: dict[str, PendingRequest] = {}
        #: The newest requests of this gateway. The kernel's status may name one that has ended.
        self._own: deque[str] = deque(maxlen=1024)
        #: Requests that the kernel may still execute although their callers were told that the
        #: network is cut.
        self._abandoned: dict[str, PendingRequest] = {}
        #: When waiting commands of clients without a gateway were seen first.
        self._seen_s: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, request: PendingRequest) -> None:
        """Add ``request``.

        Raises
        ------
        MalformedRequest
            If another request has its name.
        QueueFull
            If as many requests wait as may.
        """
        with self._lock:
            if request.id in self._pending:
                raise name_is_taken(request.id)
            self.refuse_if_full()
            self._pending[request.id] = request
            self._own.append(request.id)

    def remove(self, id: str) -> None:
        """Remove the request ``id``, which is answered."""
        with self._lock:
            del self._pending[id]

    def abandon(self, id: str) -> None:
        """List the request ``id`` after its caller has left, while the kernel may have it."""
        with self._lock:
            self._abandoned[id] = self._pending[id]

    def refuse_if_full(self, queued_jobs: int = 0) -> None:
        """Raise if one more request is one too many.

        Parameters
        ----------
        queued_jobs : jobs that wait beside these requests

        Raises
        ------
        QueueFull
            If as many wait as may.
        """
        waiting = len(self._pending) + queued_jobs
        if waiting >= self._limit:
            raise QueueFull(
                f"{waiting} requests are waiting for the kernel, which is as many as may; "
                "try again later",
                retry_after_s=1,
            )

    def list(self, generation: str | None, status: Status) -> list[PendingRequest]:
        """Return all requests in the order of their arrival, abandoned ones first.

        Forgets abandoned requests that the kernel no longer has.

        Parameters
        ----------
        generation : of the present kernel
        status : of the present kernel
        """
        with self._lock:
            if self._abandoned:
                kept = {status.id, *status.queue}
                self._abandoned = {
                    id: request
                    for id, request in self._abandoned.items()
                    if request.generation == generation and id in kept
                }
            return [*self._abandoned.values(), *self._pending.values()]

    def of_others(self, generation: str | None, status: Status) -> Sequence[PendingRequest]:
        """Return the commands of the kernel's status that this gateway has not sent.

        The command that is executed is a job of the spool, a request of a gateway that has ended
        or was replaced, or of a client without a gateway; so are those of the latter that wait.

        Parameters
        ----------
        generation : of the present kernel
        status : of the present kernel
        """
        found = []
        if generation is not None and status.id and status.id not in self._own:
            found = [PendingRequest(status.id, status.label, status.since_s, generation)]
        waiting = status.direct if generation is not None else {}
        with self._lock:
            now_s = time.time()
            self._seen_s = {id: self._seen_s.get(id, now_s) for id in waiting}
            since_s = self._seen_s
        return found + [
            PendingRequest(id, label, since_s[id], generation or "")
            for id, label in waiting.items()
        ]


def label_of(task: Task) -> str:
    """Name ``task`` for a person: the PyNEST call, ``"batch"`` or ``"script"``."""
    if isinstance(task, Command):
        return task.operation.call or task.operation.action.value
    return "batch" if isinstance(task, Batch) else "script"


def name_is_taken(name: str) -> MalformedRequest:
    """Return the error for a name that another job has."""
    return MalformedRequest(f"there is a job {name} already; X-Job-ID must be a new name each time")
