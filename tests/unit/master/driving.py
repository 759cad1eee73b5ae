"""Runs a course with ranks in the test's own process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nestd.data_room import write_file
from nestd.master.courses import Course
from nestd.master.instructions import ExecuteOnRanks, WriteFile
from nestd.ranks.transport import Ranks
from protocol.runtime.data_directory import DataDirectory


def drive(course: Course[Any], ranks: Ranks, data: Path | None = None) -> Any:
    """Run a course to its end, and return its value; files are written into ``data``."""
    answer: Any = None
    try:
        while True:
            match course.send(answer):
                case ExecuteOnRanks() as step:
                    answer = ranks.execute(step.operation, step.references)
                case WriteFile() as step:
                    assert data is not None
                    answer = write_file(step, DataDirectory(data)).problem
                case step:
                    raise AssertionError(step)
    except StopIteration as end:
        return end.value
