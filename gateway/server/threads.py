"""Threads that answer requests; they are made when they are needed."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Job = TypeVar("Job")


class WorkerThreads(Generic[Job]):
    """Threads that do one job after the other.

    Not those of ``concurrent.futures``: they make an object for each job's result, and the
    interpreter waits for them at its end, however long that takes.

    Parameters
    ----------
    limit : most threads
    work : what they do with a job
    """

    def __init__(self, limit: int, work: Callable[[Job], None]) -> None:
        self._limit = limit
        self._work = work
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._count = 0
        #: Threads that wait for a job, less the jobs that wait for a thread.
        self._idle = 0
        self._lock = threading.Lock()

    @property
    def has_waiting(self) -> bool:
        """Return whether a job waits for a thread."""
        return not self._jobs.empty()

    def submit(self, job: Job) -> None:
        """Have a thread do ``job``, as soon as one is free."""
        with self._lock:
            self._idle -= 1
            is_short = self._idle < 0 and self._count < self._limit
            if is_short:
                self._count += 1
                self._idle += 1
        self._jobs.put(job)
        if is_short:
            self._start()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._run, name=f"http-{self._count}", daemon=True).start()
        except RuntimeError as error:
            # The limit of the user or of the container. Another thread, or a later one, does it.
            log.warning("no thread more than %d: %s", self._count - 1, error)
            with self._lock:
                self._count -= 1
                self._idle -= 1

    def _run(self) -> None:
        while True:
            self._work(self._jobs.get())
            with self._lock:
                self._idle += 1
