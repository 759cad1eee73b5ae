"""The spool: one taker for each job, whole files or none, and no more than is to be kept."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.errors import Cancelled, InternalError, KernelError, MalformedRequest, Unavailable
from protocol.logging.context import RequestContext
from protocol.runtime.job_store import NAME, Spool, new_name
from protocol.runtime.stored_job import CANCELLED, LOST, Facts, StoredJob
from protocol.wire.messages import Action, Command, Failure, Operation, Result
from tests.integration.limits import no_more_files

DAY_S = 86_400.0
MANY = 1_000_000_000


def make(spool: Spool, name: str | None = None) -> StoredJob:
    name = name or new_name()
    facts = Facts(name, "Create", time.time(), "g1", "json")
    job, _ = spool.add(
        facts, Command(name, Operation(Action.CALL_JSON, "Create"), references=False)
    )
    return job


def end(job: StoredJob, at_s: float, size: int = 10) -> None:
    """The job ends, and did so at a time."""
    assert job.end(Result(job.id, "g1", "x" * size)) is None
    os.utime(job.path / "result", (at_s, at_s))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "jobs")


def _take_from(path: Path, by: str) -> bool:
    return StoredJob(path).take(by)


def test_one_of_many_threads_takes_a_job(spool: Spool) -> None:
    job = make(spool)
    with ThreadPoolExecutor(16) as threads:
        taken = list(threads.map(lambda n: job.take(f"g{n}"), range(64)))
    assert taken.count(True) == 1
    assert job.claim is not None
    assert job.claim.by == f"g{taken.index(True)}"


def test_one_of_many_processes_takes_a_job(spool: Spool) -> None:
    jobs = [make(spool) for _ in range(20)]
    with multiprocessing.get_context("spawn").Pool(3) as processes:
        asked = [(job.path, f"g{n}") for job in jobs for n in range(3)]
        taken = processes.starmap(_take_from, asked, chunksize=1)
    for number, job in enumerate(jobs):
        assert taken[3 * number : 3 * number + 3].count(True) == 1, job.claim
    assert not [path for job in jobs for path in job.path.iterdir() if "tmp" in path.name]


def test_one_of_many_requests_with_one_name_makes_the_job(spool: Spool) -> None:
    facts = Facts(new_name(), "Create", time.time(), "g1", "json")
    command = Command(facts.id, Operation(Action.CALL_JSON, "Create"), references=False)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: spool.add(facts, command), range(32)))
    assert [is_new for _, is_new in made].count(True) == 1
    assert [path.name for path in spool.directory.iterdir()] == [facts.id]
    other = replace(command, operation=Operation(Action.CALL_JSON, "Create", ["iaf_psc_alpha"]))
    for job, request in ((facts, other), (replace(facts, accepts="msgpack"), command)):
        with pytest.raises(MalformedRequest):
            spool.add(job, request)
    traced = replace(command, context=RequestContext("again", True))
    assert spool.add(facts, traced)[1] is False


def test_first_answer_stays(spool: Spool) -> None:
    job = make(spool)
    job.end(Result(job.id, "g1", 1))
    job.end(Failure(job.id, "g1", InternalError("too late")))
    answer = job.answer()
    assert isinstance(answer, Result)
    assert answer.value == 1


@pytest.mark.parametrize("whole", ["result", "request"])
def test_torn_file_is_an_error_and_no_crash(spool: Spool, whole: str) -> None:
    job = make(spool)
    job.end(Result(job.id, "g1", [1.0] * 100))
    content = (job.path / whole).read_bytes()
    for length in {0, 1, 3, 4, 11, 12, len(content) // 2, len(content) - 1}:
        (job.path / whole).write_bytes(content[:length])
        if whole == "request":
            with pytest.raises(InternalError):
                job.request()
        else:
            answer = job.answer()
            assert isinstance(answer, Failure)
            assert "can't be read" in answer.error.message


@pytest.mark.parametrize("facts", [b"", b"{", b"[]", b'{"id": "x"}', b"\xff"])
def test_directory_without_facts_is_no_job(spool: Spool, facts: bytes) -> None:
    job = make(spool)
    (job.path / "facts.json").write_bytes(facts)
    assert spool.find(job.id) is None
    assert spool.jobs() == []


def test_kept_jobs_are_read_once(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for scans the spool, and most jobs in it have ended."""
    for _ in range(20):
        end(make(spool), time.time())
    open_job = make(spool)
    spool.jobs()
    spool.tidy(100, 1 << 30, 3600.0)
    opened: list[str] = []
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        opened.append(path.parent.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    assert len([job for job in spool.jobs() if job.ended_s is None]) == 1
    spool.tidy(100, 1 << 30, 3600.0)
    assert set(opened) <= {open_job.id}
    # It goes on to change.
    assert open_job.take("g")
    assert [job.id for job in spool.jobs() if job.claim is not None] == [open_job.id]
    end(open_job, time.time())
    assert all(job.ended_s is not None for job in spool.jobs())
    # Another of its name, perhaps in the same place on the disk.
    open_job.remove()
    again = make(spool, open_job.id)
    assert [job.ended_s for job in spool.jobs() if job.id == again.id] == [None]


def test_job_that_can_not_be_read_now_is_not_taken_for_lost(spool: Spool) -> None:
    job, ended = make(spool), make(spool)
    end(ended, time.time())
    with no_more_files([os.getpid()]):
        asked: list[Callable[[], object]] = [lambda: spool.find(job.id), spool.jobs, ended.answer]
        for ask in asked:
            with pytest.raises(Unavailable, match="jobs can't be read now: Too many open files"):
                ask()
    assert spool.find(job.id) is not None
    assert spool.find(new_name()) is None
    assert isinstance(ended.answer(), Result)


@pytest.mark.parametrize("claim", [b"", b"{", b"3", b"[1]", b'{"by": 1}'])
def test_torn_claim_is_none(spool: Spool, claim: bytes) -> None:
    job = make(spool)
    (job.path / "claim").write_bytes(claim)
    assert job.claim is None


@pytest.mark.parametrize(
    "name", ["", "..", ".", "short", "a/../../b", "UPPERCASE", "x" * 65, "has blank ", "a\n" * 8]
)
def test_only_names_of_jobs_are_looked_for(spool: Spool, name: str) -> None:
    make(spool)
    assert spool.find(name) is None


def test_names_are_new_and_are_names() -> None:
    names = {new_name() for _ in range(1000)}
    assert len(names) == 1000
    assert all(name.isalnum() and len(name) == 16 for name in names)


def test_each_key_has_a_name_that_is_found_again_and_told_by_nobody(tmp_path: Path) -> None:
    spools = [Spool(tmp_path / name) for name in ("jobs", "jobs", "other")]
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: spools[0].name_of("k-1"), range(32)))) == 1
    keys = ["", "k-1", "k-2", "ä/../x", "x" * 10_000]
    names = [[spool.name_of(key) for key in keys] for spool in spools]
    assert names[0] == names[1]
    assert set(names[0]).isdisjoint(names[2])
    assert len(set(names[0])) == len(keys)
    assert all(NAME.fullmatch(name) for name in names[0])
    # The secret is no job, and stays.
    spools[0].tidy(0, 0, 0.0)
    assert spools[0].jobs() == []
    assert [path.stat().st_mode & 0o777 for path in spools[0].directory.iterdir()] == [0o600]


@pytest.mark.parametrize("pieces", [[], [b"\x7fELF"], [b"a" * 4096, b"", b"b" * 10_000, b"c"]])
def test_output_is_never_a_file_that_its_caller_has_made(spool: Spool, pieces: list[bytes]) -> None:
    job = make(spool)
    for piece in pieces:
        job.print(piece)
    assert job.output() == b"".join(pieces)
    if pieces:
        assert not (job.path / "output").read_bytes().startswith(pieces[0])


def test_output_has_what_there_was_room_for(spool: Spool) -> None:
    job = make(spool)
    job.print(b"a" * 5000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        job.print(b"b" * 5000)
        job.print(b"c")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    job.print(b"d")
    printed = job.output()
    assert printed.startswith(b"a" * 5000 + b"b" * 3000)
    assert set(printed[8000:-1]) <= set(b"b")
    # Nothing that is whole hides what follows.
    assert printed[-1:] in (b"d", b"c")


def test_tidy_keeps_the_newest_of_those_that_have_ended(spool: Spool) -> None:
    now_s = time.time()
    ended = [make(spool) for _ in range(6)]
    for age, job in enumerate(ended):
        end(job, now_s - 10 * age)
    cancelled, waiting, running = (make(spool) for _ in range(3))
    cancelled.take(CANCELLED)
    running.take("g1")
    spool.tidy(3, MANY, DAY_S)
    left = {job.id for job in spool.jobs()}
    # The one that never began has ended last.
    assert left == {cancelled.id, ended[0].id, ended[1].id, waiting.id, running.id}


def test_tidy_by_room_keeps_the_newest_however_large(spool: Spool) -> None:
    now_s = time.time()
    jobs = [make(spool) for _ in range(3)]
    end(jobs[0], now_s, 100_000)
    end(jobs[1], now_s - 1, 10)
    end(jobs[2], now_s - 2, 10)
    spool.tidy(100, 110_000, DAY_S)
    assert {job.id for job in spool.jobs()} == {job.id for job in jobs}
    spool.tidy(100, 50_000, DAY_S)
    assert {job.id for job in spool.jobs()} == {jobs[0].id}


def test_tidy_by_age_keeps_not_even_the_newest(spool: Spool) -> None:
    old, new = make(spool), make(spool)
    end(old, time.time() - 100)
    spool.tidy(100, MANY, 50)
    assert {job.id for job in spool.jobs()} == {new.id}


def test_tidy_removes_what_was_left_by_those_who_were_killed(spool: Spool) -> None:
    make(spool)
    left, fresh = spool.directory / ".left", spool.directory / ".fresh"
    for path in (left, fresh):
        path.mkdir()
    os.utime(left, (0, 0))
    spool.tidy(100, MANY, DAY_S)
    assert not left.exists()
    assert fresh.exists()


def test_removed_job_is_never_seen_in_part(spool: Spool) -> None:
    for _ in range(30):
        job = make(spool)
        end(job, time.time())
        with ThreadPoolExecutor(2) as threads:
            removing = threads.submit(job.remove)
            while not removing.done():
                found = spool.find(job.id)
                # Either there is all of it, or it is gone since.
                assert found is None or found.answer() is not None or not found.exists
    assert spool.jobs() == []


def test_many_may_tidy_at_once(spool: Spool) -> None:
    for _ in range(40):
        end(make(spool), time.time())
    with ThreadPoolExecutor(8) as threads:
        for one in [threads.submit(spool.tidy, 2, MANY, DAY_S) for _ in range(8)]:
            one.result()
    assert len(spool.jobs()) == 2


def test_job_can_be_ended_without_any_room(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    executed, cancelled, raised = (make(spool) for _ in range(3))
    monkeypatch.setattr("protocol.runtime.message_file.tempfile.mkstemp", no_room)
    with pytest.raises(OSError, match="No space"):
        executed.take("g1")
    problem = executed.end(Result(executed.id, "g1", 1))
    assert problem is not None
    cancelled.end(Failure(cancelled.id, "g1", Cancelled("asked for")))
    raised.end(Failure(raised.id, "g1", KernelError("long " * 1000, line=3)))
    monkeypatch.undo()
    for job, kind, said in (
        (executed, InternalError, "it was executed, but its result can't be kept: No space left"),
        (cancelled, Cancelled, "asked for"),
        (raised, KernelError, "long long"),
    ):
        answer = job.answer()
        assert isinstance(answer, Failure)
        assert type(answer.error) is kind
        assert answer.error.message.startswith(said)
        assert job.ended_s is not None


def test_all_is_private_to_its_user(spool: Spool) -> None:
    job = make(spool)
    job.take(LOST)
    job.print(b"said")
    job.end(Result(job.id, "g1", 1))
    assert spool.directory.stat().st_mode & 0o777 == 0o700
    assert job.path.stat().st_mode & 0o077 == 0
    assert job.output() == b"said"
