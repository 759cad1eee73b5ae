"""What becomes of jobs whose gateway or kernel has ended; the kernel is a fake."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.jobs import reconciler as module
from gateway.jobs.reconciler import JobReconciler
from gateway.kernel.client import KernelClient
from gateway.settings import JobLimits
from protocol.errors import KernelLost, KernelUnavailable, NestdError
from protocol.process.polling import poll_until
from protocol.runtime import connection_file
from protocol.runtime.job_store import Spool
from protocol.runtime.stored_job import CANCELLED, LOST, Facts, StoredJob
from protocol.security.curve_keys import new_keys
from protocol.wire.messages import Failure, Result, Submit
from tests.unit.gateway.fakes import GENERATION, KERNEL, JobsUnderTest, command, jobs_under_test

DEADLINE_S = 30.0


@pytest.fixture
def made(tmp_path: Path) -> JobsUnderTest:
    return jobs_under_test(tmp_path, JobLimits(10, 1 << 20, 3600.0))


def accepted(made: JobsUnderTest, generation: str = GENERATION, id: str = "job00001") -> StoredJob:
    """A job that a gateway has accepted, and was killed before it could pass it on."""
    facts = Facts(id, "Create", 1.0, generation, "json")
    return made.spool.add(facts, command(id))[0]


def error_of(answer: Result | Failure | None) -> NestdError:
    assert isinstance(answer, Failure)
    return answer.error


def test_job_of_an_earlier_gateway_is_passed_on_once(made: JobsUnderTest) -> None:
    job = accepted(made)
    assert made.reconciler.reconcile()
    assert made.reconciler.reconcile()
    assert made.kernel.sent == [Submit(job.id)]
    assert job.take(GENERATION)
    job.end(Result(job.id, GENERATION, None))
    assert not made.reconciler.reconcile()


def test_no_other_job_is_tried_while_the_kernel_cannot_be_reached(made: JobsUnderTest) -> None:
    for number in range(3):
        accepted(made, id=f"job0000{number}")
    made.kernel.is_reachable = False
    assert made.reconciler.reconcile()
    made.kernel.is_reachable = True
    assert made.reconciler.reconcile()
    assert made.kernel.sent == [Submit(f"job0000{number}") for number in range(3)]


def test_job_is_passed_on_again_over_a_network(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", 0.0)
    made.kernel.status.kernel = replace(KERNEL, command_endpoint="tcp://192.0.2.1:1")
    job = accepted(made)
    for _ in range(2):
        assert made.reconciler.reconcile()
    assert made.kernel.sent == [Submit(job.id)] * 2
    # A kernel that has begun it needs no message.
    assert job.take(GENERATION)
    assert made.reconciler.reconcile()
    assert len(made.kernel.sent) == 2


@pytest.mark.parametrize("kernel", [None, replace(KERNEL, start_ticks=1)], ids=["none", "ended"])
@pytest.mark.parametrize(
    ("claim", "label"), [(None, "the wait of Create"), (GENERATION, "Create")], ids=str
)
def test_job_ends_with_its_kernel(
    made: JobsUnderTest, kernel: object, claim: str | None, label: str
) -> None:
    made.kernel.status.kernel = kernel  # type: ignore[assignment]
    job = accepted(made)
    if claim is not None:
        assert job.take(claim)
    error = error_of(made.reconciler.answer(job))
    assert isinstance(error, KernelLost)
    assert f"ended during {label}" in error.message
    # A kernel that comes too late can't execute it.
    assert not job.take(GENERATION)
    assert not made.reconciler.reconcile()


def test_job_of_another_kernel_is_not_executed(made: JobsUnderTest) -> None:
    job = accepted(made, generation="before00")
    assert not made.reconciler.reconcile()
    assert made.kernel.sent == []
    assert isinstance(error_of(job.answer()), KernelLost)


def test_answer_that_arrived_just_before_counts(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accepted(made)
    assert job.take(GENERATION)

    def answered_meanwhile() -> None:
        job.end(Result(job.id, GENERATION, [1]))

    monkeypatch.setattr(made.kernel.status, "info", answered_meanwhile)
    assert made.reconciler.answer(job) == Result(job.id, GENERATION, [1])


def test_job_that_is_taken_meanwhile_is_left_to_who_took_it(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accepted(made)
    monkeypatch.setattr(made.kernel.status, "info", lambda: job.take(CANCELLED) and None)
    answer = made.reconciler.answer(job)
    assert "cancelled before it began" in error_of(answer).message


@pytest.mark.parametrize("is_removed", [False, True])
def test_job_ends_also_without_room_for_a_claim(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    made.kernel.status.kernel = None
    job = accepted(made)

    def fail(self: StoredJob, by: str) -> bool:
        if is_removed:
            job.remove()
        raise OSError(28, "no space left")

    monkeypatch.setattr(StoredJob, "take", fail)
    answer = made.reconciler.answer(job)
    assert (answer is None) is is_removed


def test_kernel_that_turns_a_job_away_says_why(made: JobsUnderTest) -> None:
    job = accepted(made)
    assert job.take(LOST)
    # Between its claim and its answer.
    assert made.reconciler.answer(job) is None
    job.end(Failure(job.id, GENERATION, KernelUnavailable("the server stops")))
    assert isinstance(error_of(made.reconciler.answer(job)), KernelUnavailable)


@pytest.mark.parametrize("is_listening", [False, True])
def test_kernel_on_another_host_is_there_unless_its_host_refuses_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_listening: bool
) -> None:
    monkeypatch.setattr("protocol.channel.exit_reason.EXIT_NOTE_DEADLINE_S", 0.0)
    monkeypatch.setattr("protocol.channel.channel.CONNECT_DEADLINE_S", 0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    info = replace(
        KERNEL,
        host="elsewhere.invalid",
        command_endpoint=f"tcp://127.0.0.1:{listener.getsockname()[1]}",
        public_key=new_keys().public,
    )
    connection_file.write(tmp_path / "connection.json", info)
    kernel = KernelClient(tmp_path / "connection.json", tmp_path / "exit.json", 4)
    spool = Spool(tmp_path / "jobs")
    job = spool.add(Facts("job", "Create", 0.0, GENERATION, "json"), command("job"))[0]
    assert job.take(GENERATION)
    try:
        if not is_listening:
            listener.close()
        answer = JobReconciler(kernel, spool, lambda job, answer: None).answer(job)
        assert (answer is None) is is_listening
    finally:
        kernel.close()
        listener.close()


def test_thread_reconciles_until_all_jobs_have_ended(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_INTERVAL_S", 0.01)
    jobs, failures = made.spool.jobs, threading.Semaphore(0)
    problems = [OSError("too many open files")] * 2

    def fail_at_first() -> list[StoredJob]:
        failures.release()
        if problems:
            raise problems.pop()
        return Spool(made.spool.directory).jobs()

    monkeypatch.setattr(made.reconciler._spool, "jobs", fail_at_first)
    job = accepted(made)
    made.jobs.resume()
    for _ in range(3):
        assert failures.acquire(timeout=DEADLINE_S)
    made.kernel.status.kernel = None
    assert poll_until(lambda: jobs()[0].answer() is not None, DEADLINE_S)
    assert isinstance(error_of(job.answer()), KernelLost)
    assert poll_until(lambda: not made.reconciler._is_watching, DEADLINE_S)
    assert caplog.text.count("jobs can't be reconciled: OSError: too many open files") == 1
