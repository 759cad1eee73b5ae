"""Threads of the server: there is work for them also when the system gives no more of them."""

from __future__ import annotations

import queue
import threading

import pytest

from gateway.server.threads import WorkerThreads


def test_job_is_done_later_if_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    threads: WorkerThreads[int] = WorkerThreads(2, done.put)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for job in range(5):
            threads.submit(job)
        assert threads.has_waiting
    threads.submit(5)
    assert [done.get(timeout=10) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
