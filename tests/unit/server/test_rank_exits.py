"""Which rank ended first and how; ranks here are processes that wait to be ended."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nestd.server.supervisor.rank_exits import RankWatch
from protocol.process.identity import ProcessIdentity, identify
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo, RankProcess
from protocol.runtime.paths import RuntimeDirectory

#: A launcher that was never there.
LAUNCHER = ProcessIdentity(1, 1)


def open_files() -> set[str]:
    """Numbers of this process' descriptors."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


class Job:
    """Processes in place of a kernel's ranks, and a watch on them."""

    def __init__(self, directory: Path, ranks: int, foreign: tuple[int, ...] = ()) -> None:
        self.path = directory / "connection.json"
        self.exit_file = directory / "kernel-exit.json"
        self.children = [
            subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
            for _ in range(ranks)
        ]
        processes = []
        for rank, child in enumerate(self.children):
            found = identify(child.pid)
            assert found is not None
            host = "elsewhere" if rank in foreign else "here"
            processes.append(RankProcess(host, child.pid, found.start_ticks))
        first = processes[0]
        self.info = ConnectionInfo(
            command_endpoint="ipc:///run/kernel.sock",
            events_endpoint="ipc:///run/events.sock",
            public_key=None,
            host="here",
            pid=first.pid,
            start_ticks=first.start_ticks,
            ranks=ranks,
            generation="0a1b2c3d",
            nest="3.10.0",
            mpi=ranks > 1,
            started="2026-01-02T03:04:05+00:00",
            scripts="restricted",
            processes=tuple(processes),
        )
        self.watch = RankWatch(self.path, self.exit_file)

    def write(self) -> None:
        """Write the connection file, as a kernel that is ready does."""
        connection_file.write(self.path, self.info)

    def kill(self, rank: int, how: signal.Signals) -> None:
        """End a rank and let the watch notice."""
        self.children[rank].send_signal(how)
        self.children[rank].wait()
        self.notice()

    def notice(self) -> None:
        """Tell the watch which of its descriptors are ready, as its owner does."""
        poll = select.poll()
        for descriptor in self.watch.descriptors:
            poll.register(descriptor, select.POLLIN)
        self.watch.note_ends({descriptor for descriptor, _ in poll.poll(0)})

    def end(self) -> None:
        """End what still runs."""
        for child in self.children:
            child.kill()
            child.communicate()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Three ranks on this host."""
    before = open_files()
    job = Job(tmp_path, 3)
    try:
        yield job
    finally:
        job.end()
    assert open_files() == before


def test_there_is_no_kernel_before_it_says_so(job: Job) -> None:
    job.watch.probe()
    assert not job.watch.has_kernel
    assert job.watch.descriptors == []
    job.write()
    job.watch.probe()
    job.watch.probe()
    assert job.watch.has_kernel
    assert len(job.watch.descriptors) == 3
    job.watch.conclude(LAUNCHER, 0)


@pytest.mark.parametrize("rank", [0, 2])
def test_first_rank_that_dies_is_named_and_the_others_are_ended(job: Job, rank: int) -> None:
    job.write()
    job.watch.probe()
    job.kill(rank, signal.SIGTERM)
    for other, child in enumerate(job.children):
        assert child.wait(60.0) == (-signal.SIGTERM if other == rank else -signal.SIGKILL)
    job.notice()
    # What a launcher makes of a rank that ended by a signal.
    how = job.watch.conclude(LAUNCHER, 128 + signal.SIGTERM)
    assert how == f"signal 15 (SIGTERM) of rank {rank}"


def test_rank_that_died_before_anybody_looked_ends_the_others(job: Job) -> None:
    job.write()
    job.children[1].kill()
    job.children[1].wait()
    job.watch.probe()
    for other in (0, 2):
        assert job.children[other].wait(60.0) == -signal.SIGKILL
    job.notice()
    how = job.watch.conclude(LAUNCHER, 128 + signal.SIGKILL)
    assert how == "signal 9 (SIGKILL) of rank 1"


def test_launcher_that_is_killed_is_named_and_not_the_rank_it_took_along_first(job: Job) -> None:
    job.write()
    job.watch.probe()
    job.kill(1, signal.SIGKILL)
    how = job.watch.conclude(LAUNCHER, -signal.SIGKILL)
    assert how == "signal 9 (SIGKILL) of the launcher of its ranks"


def test_note_of_the_end_is_about_rank_0_and_files_of_the_kernel_are_cleared(job: Job) -> None:
    job.write()
    files = RuntimeDirectory(job.path.parent)
    files.make_kernel_directory()
    for path in (files.commands_socket("1"), files.ranks_socket("1"), files.status("1")):
        path.touch()
    job.watch.probe()
    job.kill(1, signal.SIGKILL)
    job.watch.conclude(LAUNCHER, 128 + signal.SIGKILL)
    note = json.loads(job.exit_file.read_bytes())
    assert note == {
        "pid": job.info.pid,
        "start_ticks": job.info.start_ticks,
        "how": "signal 9 (SIGKILL) of rank 1",
    }
    assert list(job.path.parent.iterdir()) == [job.exit_file]
    assert not job.watch.has_kernel


def test_several_that_end_at_once_name_none(job: Job) -> None:
    job.write()
    job.watch.probe()
    for child in job.children:
        child.kill()
        child.wait()
    job.notice()
    assert job.watch.conclude(LAUNCHER, 1) == "exit code 1"


def test_next_kernel_is_watched_anew(job: Job, tmp_path: Path) -> None:
    job.write()
    job.watch.probe()
    job.kill(2, signal.SIGKILL)
    job.watch.conclude(LAUNCHER, 137)
    (tmp_path / "next").mkdir()
    following = Job(tmp_path / "next", 2)
    try:
        job.info = following.info
        job.write()
        job.watch.probe()
        assert len(job.watch.descriptors) == 2
        assert job.watch.conclude(LAUNCHER, 1) == "exit code 1"
    finally:
        following.end()


def test_kernel_that_never_came_up_is_noted_under_its_program(job: Job) -> None:
    assert job.watch.conclude(LAUNCHER, 78) == "exit code 78"
    note = json.loads(job.exit_file.read_bytes())
    assert (note["pid"], note["start_ticks"]) == (LAUNCHER.pid, LAUNCHER.start_ticks)


def test_ranks_of_other_hosts_are_left_to_their_launcher(tmp_path: Path) -> None:
    job = Job(tmp_path, 2, foreign=(1,))
    try:
        job.write()
        job.watch.probe()
        assert len(job.watch.descriptors) == 1
        job.kill(0, signal.SIGKILL)
        assert job.children[1].poll() is None
        assert job.watch.conclude(LAUNCHER, 137) == "signal 9 (SIGKILL) of rank 0"
    finally:
        job.end()


def test_one_rank_is_not_named(tmp_path: Path) -> None:
    job = Job(tmp_path, 1)
    try:
        job.write()
        job.watch.probe()
        job.kill(0, signal.SIGSEGV)
        assert job.watch.conclude(LAUNCHER, -signal.SIGSEGV) == "signal 11 (SIGSEGV)"
    finally:
        job.end()
