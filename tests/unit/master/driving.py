"""Runs a course with ranks in the test's own process."""

from __future__ import annotations

from typing import Any

from nestd.master.courses import Course
from nestd.master.instructions import ExecuteOnRanks, WriteFile
from nestd.master.loop import write_file
from nestd.ranks.transport import Ranks


def drive(course: Course[Any], ranks: Ranks) -> Any:
    """Run a course to its end, and return its value."""
    answer: Any = None
    try:
        while True:
            match course.send(answer):
                case ExecuteOnRanks() as step:
                    answer = ranks.execute(step.operation, step.references)
                case WriteFile() as step:
                    answer = write_file(step).problem
                case step:
                    raise AssertionError(step)
    except StopIteration as end:
        return end.value
