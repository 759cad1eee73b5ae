"""Jobs of a gateway, without a server: the kernel is a fake, the spool a directory."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.jobs import jobs as module
from gateway.jobs.reconciler import JobReconciler
from gateway.settings import JobLimits
from protocol.errors import (
    Cancelled,
    KernelUnavailable,
    MalformedRequest,
    QueueFull,
    RequestTooLarge,
    Unavailable,
    UnknownJob,
)
from protocol.runtime.status_file import Status
from protocol.runtime.stored_job import CANCELLED, LOST, StoredJob
from protocol.wire.messages import Cancel, Failure, Result, Script, Submit
from tests.unit.gateway.fakes import GENERATION, KERNEL, JobsUnderTest, command, jobs_under_test

LIMITS = JobLimits(count=2, size_bytes=1 << 20, age_s=3600.0)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobsUnderTest:
    monkeypatch.setattr(JobReconciler, "watch", lambda self: None)
    monkeypatch.setattr(module, "_CANCEL_S", 0.05)
    return jobs_under_test(tmp_path, LIMITS)


def finish(job: StoredJob, value: object = None) -> None:
    """End a job as its kernel does."""
    assert job.take(GENERATION)
    job.end(Result(job.id, GENERATION, value))


def states(made: JobsUnderTest) -> dict[str, int]:
    return {state: count for state, count in made.jobs.states().items() if count}


def test_accepted_job_is_kept_published_and_sent_to_the_kernel(made: JobsUnderTest) -> None:
    job = made.submit("job00001")
    assert made.events == [("job00001", "queued")]
    assert made.kernel.sent == [Submit("job00001")]
    assert job.request() == command("job00001")
    view = made.jobs.view("job00001")
    assert (view["state"], view["what"], view["waited_for"]) == ("queued", "Create", False)
    assert made.jobs.answer("job00001") == (job.facts, None)
    assert states(made) == {"queued": 1}


def test_job_is_accepted_although_the_kernel_cannot_be_reached(made: JobsUnderTest) -> None:
    made.kernel.is_reachable = False
    made.submit("job00001")
    assert made.events == [("job00001", "queued")]
    # It is sent as soon as that can be done.
    made.kernel.is_reachable = True
    assert made.reconciler.reconcile()
    assert made.kernel.sent == [Submit("job00001")]


def test_accepted_job_is_told_as_accepted_whatever_cannot_be_read(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A caller that is told of an error does not know that there is a job, and never cancels it.
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        # Between the job's new name and the answer no file can be opened or looked at.
        rename = Path.rename

        def rename_and_lose(path: Path, target: Path) -> Path:
            renamed = rename(path, target)
            patch.setattr(os, "stat", refuse)
            patch.setattr(Path, "stat", refuse)
            patch.setattr(Path, "read_bytes", refuse)
            return renamed

        patch.setattr(Path, "rename", rename_and_lose)
        job = made.submit("job00001")
        view = made.jobs.accepted_view(job)
    assert (view["id"], view["state"], view["what"]) == ("job00001", "queued", "Create")
    assert made.kernel.sent == [Submit("job00001")]
    assert made.jobs.accepted_view(job) == made.jobs.view("job00001")


def test_job_is_accepted_although_no_thread_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = jobs_under_test(tmp_path, LIMITS)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        made.submit("job00001")
    # The next one starts it.
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    made.submit("job00002")
    assert started == ["jobs"]


def test_requests_of_one_key_are_one_job(made: JobsUnderTest) -> None:
    name = made.jobs.name_of("k-1")
    jobs = [made.submit(name, has_key=True) for _ in range(2)]
    assert jobs[0].facts == jobs[1].facts
    assert made.events == [(name, "queued")]
    assert made.kernel.sent == [Submit(name)]
    with pytest.raises(MalformedRequest, match="Idempotency-Key"):
        made.submit(name, "Connect", has_key=True)
    finish(jobs[0])
    assert made.submit(name, has_key=True).answer() is not None


def test_as_many_wait_as_may_be_it_callers_or_jobs(made: JobsUnderTest) -> None:
    made.kernel.wait_for("waiting1")
    name = made.jobs.name_of("k-1")
    first = made.submit(name, has_key=True)
    made.submit("job00002")
    with pytest.raises(QueueFull):
        made.submit("job00003")
    # A job that is there already takes no more room.
    assert made.submit(name, has_key=True).id == name
    assert first.take(GENERATION)
    made.submit("job00003")


def test_jobs_of_another_kernel_take_no_room(made: JobsUnderTest) -> None:
    for number in range(3):
        made.submit(f"job0000{number}")
    made.kernel.status.kernel = replace(KERNEL, generation="next0000")
    made.submit("job00009")


@pytest.mark.parametrize(
    ("kernel", "status", "message"),
    [
        (None, Status(), "there is no kernel"),
        (replace(KERNEL, start_ticks=1), Status(), "has just ended"),
        (KERNEL, Status(stopping=True), "the server stops"),
    ],
)
def test_no_job_is_accepted_without_a_kernel_that_takes_it(
    made: JobsUnderTest, kernel: object, status: Status, message: str
) -> None:
    made.kernel.status.kernel = kernel  # type: ignore[assignment]
    made.kernel.status.present = status
    with pytest.raises(KernelUnavailable, match=message):
        made.submit("job00001")
    assert made.spool.jobs() == []


def test_job_that_cannot_be_kept_is_not_accepted(made: JobsUnderTest) -> None:
    made.spool.directory.write_text("no directory")
    # The first look is at what is there, and finds that it can't be read.
    with pytest.raises(Unavailable):
        made.submit("job00001")
    made.spool.directory.unlink()
    made.spool.directory.parent.joinpath("jobs").symlink_to("nowhere/jobs")
    with pytest.raises(Unavailable, match="can't be kept"):
        made.submit("job00001")
    assert made.events == []


def test_running_job_shows_its_progress(made: JobsUnderTest) -> None:
    job = made.submit("job00001", "Simulate")
    assert job.take(GENERATION)
    made.kernel.status.present = Status(
        id="job00001",
        since_s=10.0,
        from_ms=0.0,
        at_ms=25.0,
        until_ms=100.0,
        began_s=10.0,
        at_s=11.0,
        call="Simulate",
        ending=True,
    )
    view = made.jobs.view("job00001")
    assert (view["state"], view["call"], view["ending"]) == ("running", "Simulate", True)
    progress = view["progress"]
    assert (progress["done_ms"], progress["total_ms"], progress["fraction"]) == (25.0, 100.0, 0.25)
    assert progress["real_time_factor"] == 40.0
    assert progress["estimated_end"] == "1970-01-01T00:00:14.000+00:00"
    assert states(made) == {"running": 1}


@pytest.mark.parametrize(
    "status",
    [
        Status(id="job00001", from_ms=0.0, at_ms=0.0, until_ms=1.0),
        Status(id="job00001", at_ms=0.0, began_s=1.0, at_s=2.0),
    ],
)
def test_progress_is_missing_without_a_simulation(made: JobsUnderTest, status: Status) -> None:
    made.submit("job00001").take(GENERATION)
    made.kernel.status.present = status
    assert "progress" not in made.jobs.view("job00001")


def test_simulation_that_has_just_begun_has_no_estimate(made: JobsUnderTest) -> None:
    made.submit("job00001").take(GENERATION)
    made.kernel.status.present = Status(
        id="job00001", from_ms=1.0, at_ms=1.0, until_ms=1.0, began_s=1.0, at_s=1.0
    )
    progress = made.jobs.view("job00001")["progress"]
    assert (progress["fraction"], progress["real_time_factor"]) == (1.0, None)
    assert progress["estimated_end"] is None


def test_jobs_in_the_queue_show_their_place(made: JobsUnderTest) -> None:
    made.submit("job00001")
    made.submit("job00002")
    made.kernel.status.present = Status(queue=["other", "job00001"])
    assert [view["position"] for view in made.jobs.all()] == [2, None]


def test_ended_job_shows_its_end_once_and_for_all(made: JobsUnderTest) -> None:
    for id, answer in (
        ("job00001", Result("job00001", GENERATION, [1])),
        ("job00002", Failure("job00002", GENERATION, MalformedRequest("no such model"))),
    ):
        job = made.submit(id)
        assert job.take(GENERATION)
        job.end(answer)
    views = made.jobs.all()
    assert [view["state"] for view in views] == ["done", "failed"]
    assert views[0]["result"] == "/jobs/job00001/result"
    assert views[1]["message"] == "no such model"
    assert states(made) == {"done": 1, "failed": 1}
    # Results can be large, and are not read again.
    for job in made.spool.jobs():
        (job.path / "result").write_bytes(b"")
    assert made.jobs.all() == views
    assert made.jobs.view("job00001") == views[0]
    assert states(made) == {"done": 1, "failed": 1}


def test_requests_whose_callers_wait_are_listed_but_not_kept(made: JobsUnderTest) -> None:
    made.kernel.wait_for("waiting1")
    made.kernel.wait_for("waiting2")
    made.kernel.status.present = Status(id="waiting1", since_s=2.0, queue=["waiting2"])
    running, queued = made.jobs.all()
    assert (running["state"], running["waited_for"], running["began"] is None) == (
        "running",
        True,
        False,
    )
    assert (queued["state"], queued["position"]) == ("queued", 1)
    assert made.jobs.view("waiting1")["id"] == "waiting1"
    assert states(made) == {"running": 1, "queued": 1}
    made.kernel.requests.remove("waiting2")
    with pytest.raises(UnknownJob):
        made.jobs.view("waiting2")


def test_request_that_an_earlier_gateway_left_running_is_listed_once(made: JobsUnderTest) -> None:
    made.kernel.status.present = Status(id="orphan01", label="Run", since_s=2.0)
    assert [view["id"] for view in made.jobs.all()] == ["orphan01"]
    # A job of the spool, or a request of this gateway, is no such request.
    made.submit("job00001").take(GENERATION)
    made.kernel.status.present = Status(id="job00001")
    assert [view["waited_for"] for view in made.jobs.all()] == [False]
    made.kernel.wait_for("waiting1")
    made.kernel.requests.abandon("waiting1")
    made.kernel.status.present = Status(id="waiting1")
    made.kernel.requests.remove("waiting1")
    assert [view["id"] for view in made.jobs.all()].count("waiting1") == 1


@pytest.mark.parametrize("id", ["nonesuch", "../token", ""])
def test_unknown_job_is_unknown_to_all(made: JobsUnderTest, id: str) -> None:
    for ask in (made.jobs.view, made.jobs.answer, made.jobs.output, made.jobs.cancel):
        with pytest.raises(UnknownJob):
            ask(id)


def test_output_is_what_was_printed_so_far(made: JobsUnderTest) -> None:
    job = made.submit("job00001")
    assert made.jobs.output("job00001") == b""
    job.print(b"one\n")
    job.print(b"two\n")
    assert made.jobs.output("job00001") == b"one\ntwo\n"


def test_queued_job_is_cancelled_at_once_and_never_sent_again(made: JobsUnderTest) -> None:
    job = made.submit("job00001")
    view = made.jobs.cancel("job00001")
    assert view["state"] == "cancelled"
    assert view["message"] == "Create was cancelled before it began"
    assert made.events[-1] == ("job00001", "cancelled")
    assert not job.take(GENERATION)
    assert states(made) == {"cancelled": 1}
    made.kernel.sent.clear()
    assert not made.reconciler.reconcile()
    # Its end is final.
    assert made.jobs.cancel("job00001") == view
    assert made.kernel.sent == []


def test_kernel_is_asked_to_end_a_running_job(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = made.submit("job00001")
    assert job.take(GENERATION)

    def end(message: Cancel) -> None:
        assert message.target == "job00001"
        job.end(Failure("job00001", GENERATION, Cancelled("its end was asked for")))

    monkeypatch.setattr(made.kernel, "notify", end)
    assert made.jobs.cancel("job00001")["state"] == "cancelled"


def test_job_that_cannot_be_interrupted_says_so(made: JobsUnderTest) -> None:
    made.submit("job00001").take(GENERATION)
    view = made.jobs.cancel("job00001")
    assert "can't be interrupted" in view["message"]
    made.kernel.status.present = Status(id="job00001", since_s=1.0, ending=True)
    view = made.jobs.cancel("job00001")
    assert (view["state"], view["ending"]) == ("running", True)
    assert "message" not in view
    assert [type(message) for message in made.kernel.sent] == [Submit, Cancel, Cancel]


def test_request_that_ends_while_it_is_cancelled_is_cancelled(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.kernel.wait_for("waiting1")
    monkeypatch.setattr(
        made.kernel, "notify", lambda message: made.kernel.requests.remove("waiting1")
    )
    view = made.jobs.cancel("waiting1")
    assert (view["state"], view["ending"]) == ("cancelled", True)


@pytest.mark.parametrize("is_removed", [False, True])
def test_job_is_not_said_to_be_cancelled_without_room_to_note_that(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    job = made.submit("job00001")

    def fail(self: StoredJob, by: str) -> bool:
        assert by == CANCELLED
        if is_removed:
            job.remove()
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(StoredJob, "take", fail)
    with pytest.raises(UnknownJob if is_removed else Unavailable):
        made.jobs.cancel("job00001")
    assert made.events == [("job00001", "queued")]


def test_ended_jobs_are_removed_beyond_the_limit_but_not_open_ones(made: JobsUnderTest) -> None:
    for number in range(4):
        finish(made.submit(f"job0000{number}"))
    made.submit("job00009")
    # The oldest have gone.
    assert [view["id"] for view in made.jobs.all()] == ["job00002", "job00003", "job00009"]
    with pytest.raises(UnknownJob):
        made.jobs.view("job00000")


def test_cancelled_jobs_neither_fill_the_queue_nor_stay_beyond_the_limit(
    made: JobsUnderTest,
) -> None:
    for number in range(8):
        made.submit(f"job0000{number}")
        made.jobs.cancel(f"job0000{number}")
    assert [view["id"] for view in made.jobs.all()] == ["job00006", "job00007"]
    assert len(list(made.spool.directory.iterdir())) == 2
    # No more is remembered of those that were removed.
    assert len(made.jobs._final_views) <= 2 * LIMITS.count + 1


def test_caller_who_waits_gets_the_answer_when_there_is_one(made: JobsUnderTest) -> None:
    job = made.submit("job00001")
    thread = threading.Timer(0.01, finish, [job, [1]])
    thread.start()
    assert made.jobs.wait(job) == Result("job00001", GENERATION, [1])
    thread.join()


def test_caller_waits_on_while_an_answer_cannot_be_read(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = made.submit("job00001")
    answers = iter([Unavailable("too many open files"), None, Result("job00001", "g", 1)])

    def answer(job: StoredJob) -> Result | None:
        found = next(answers)
        if isinstance(found, Unavailable):
            raise found
        return found

    monkeypatch.setattr(made.reconciler, "answer", answer)
    assert made.jobs.wait(job) == Result("job00001", "g", 1)


def test_caller_of_a_job_that_was_removed_does_not_wait_for_ever(made: JobsUnderTest) -> None:
    job = made.submit("job00001")
    job.remove()
    with pytest.raises(UnknownJob, match="not kept any more"):
        made.jobs.wait(job)


def test_job_that_is_removed_while_it_is_looked_at_is_unknown(
    made: JobsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = made.submit("job00001")

    def answer(job: StoredJob) -> None:
        job.remove()

    monkeypatch.setattr(made.reconciler, "answer", answer)
    assert made.jobs.all() == []
    made.submit(job.id)
    with pytest.raises(UnknownJob):
        made.jobs.view(job.id)


def large(id: str, size_bytes: int) -> Script:
    return Script(id, "#" * size_bytes)


def test_jobs_that_wait_take_room_and_the_one_that_passes_the_limit_is_refused(
    made: JobsUnderTest,
) -> None:
    share = LIMITS.size_bytes // 2 - 8192
    made.jobs.submit(large("job00001", share), "json", False)
    made.jobs.submit(large("job00002", share), "json", True)
    with pytest.raises(QueueFull, match="NEST_SERVER_JOBS_MIB") as raised:
        made.jobs.submit(large("job00003", share), "json", False)
    assert raised.value.retry_after_s
    assert made.spool.find("job00003") is None
    # One that is known already takes no more room, and a small one finds some.
    made.jobs.submit(large("job00002", share), "json", True)
    made.jobs.submit(large("job00004", 100), "json", False)
    # Ended jobs make room, as far as it is needed.
    for id in ("job00001", "job00004"):
        job = made.spool.find(id)
        assert job is not None
        finish(job)
    made.jobs.submit(large("job00005", share), "json", False)
    assert made.spool.find("job00001") is None
    assert sum(job.bytes for job in made.spool.jobs()) <= LIMITS.size_bytes


def test_job_that_never_finds_room_is_too_large(made: JobsUnderTest) -> None:
    with pytest.raises(RequestTooLarge, match="NEST_SERVER_JOBS_MIB"):
        made.jobs.submit(large("job00001", LIMITS.size_bytes + 1), "json", False)
    assert made.spool.jobs() == []


def test_jobs_that_are_submitted_at_once_do_not_share_their_room(made: JobsUnderTest) -> None:
    share = LIMITS.size_bytes // 2 - 8192
    refused: list[QueueFull] = []

    def submit(number: int) -> None:
        try:
            made.jobs.submit(large(f"job0000{number}", share), "json", False)
        except QueueFull as error:
            refused.append(error)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made.spool.jobs()) == 2
    assert len(refused) == 4


def test_kernel_without_its_file_broker_gets_no_jobs_and_ends_those_it_has(
    made: JobsUnderTest,
) -> None:
    running, waiting = made.submit("running1"), made.submit("waiting1")
    assert running.take(GENERATION)
    made.kernel.status.present = Status(jobs_problem="the file broker has ended")
    with pytest.raises(Unavailable, match="file broker has ended; calls without a job go on"):
        made.submit("job00003")
    for job, told in ((running, "it was begun"), (waiting, "it was not begun")):
        answer = made.reconciler.answer(job)
        assert isinstance(answer, Failure)
        assert answer.error.message.startswith(told)
        assert "the file broker has ended" in answer.error.message
        kept = job.answer()
        assert isinstance(kept, Failure)
        assert kept.error.message == answer.error.message
    assert waiting.claim is not None
    assert waiting.claim.by == LOST
