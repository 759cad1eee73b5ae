"""The status file: whole whenever it is read, and nothing rather than nonsense."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import pytest

from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.rank_activity import read_rank_activity
from protocol.runtime.status_file import LISTED, Status, StatusWriter, read_number, read_status


@pytest.fixture
def path(tmp_path: Path) -> Path:
    files = RuntimeDirectory(tmp_path)
    files.make_kernel_directory()
    return files.status("g1")


def test_what_is_written_is_read(path: Path) -> None:
    writer = StatusWriter(path)
    assert read_status(path) == Status()
    status = Status("id", "Simulate", 1.5, "call", 0.0, 2.0, 3.0, 4.0, 5.0, queue=["a", "b"])
    writer.write(status)
    assert read_status(path) == status
    writer.write(Status())
    assert read_status(path) == Status()
    assert path.stat().st_mode & 0o777 == 0o600


def test_longest_queue_has_room(path: Path) -> None:
    status = Status("x" * 64, "y" * 200, queue=["z" * 64] * LISTED)
    StatusWriter(path).write(status)
    assert read_status(path) == status


def test_reader_never_sees_half_of_what_is_written(path: Path) -> None:
    writer = StatusWriter(path)
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            name = str(number % 10) * (1 + number % 50)
            writer.write(Status(name, name, queue=[name] * (number % 300)))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = [read_status(path) for _ in range(500)]
    finally:
        done.set()
        thread.join()
    assert all(one.id == one.label and set(one.queue) <= {one.id} for one in seen)
    assert len({one.id for one in seen}) > 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02",
        struct.pack("<QI", 2, 5) + b"{}",
        struct.pack("<QI", 2, 2) + b"[]",
        struct.pack("<QI", 2, 4) + b"nope",
        struct.pack("<QI", 2, 7) + b'{"q":1}',
        struct.pack("<QI", 3, 2) + b"{}",
    ],
)
def test_what_is_no_status_says_nothing(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read_status(path) == Status()


def test_kernel_that_left_no_status_says_nothing(path: Path) -> None:
    assert read_status(path) == Status()


@pytest.mark.parametrize(
    "status",
    [
        Status("x" * 70_000),
        Status("x", "\x00" * 70_000),
        Status("x", "y", 1.5, "z" * 70_000),
        Status("x", queue=["z" * 200] * LISTED),
        Status("\x00" * 70_000, "\x00" * 70_000, queue=["\x00" * 70_000]),
    ],
)
def test_what_has_no_room_is_shortened(path: Path, status: Status) -> None:
    StatusWriter(path).write(status)
    found = read_status(path)
    assert found.id == status.id[:200]
    assert found.queue == []


def test_file_that_is_too_large_is_not_read_whole(path: Path) -> None:
    StatusWriter(path).write(Status("x"))
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    assert read_status(path) == Status("x")


@pytest.mark.timeout(10)
def test_pipe_in_place_of_the_file_keeps_nobody_waiting(path: Path) -> None:
    """Code in a kernel can make one, and the supervisor reads the file."""
    os.mkfifo(path)
    assert read_status(path) == Status()
    assert read_number(path) == 0
    assert read_rank_activity(path) == []
