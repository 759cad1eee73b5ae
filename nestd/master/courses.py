"""Courses of several steps, and the turn in which an event is handled.

A course is a generator that yields an instruction and is resumed with what the answering event
tells. A course begins while another waits, for instance between two slices of a simulation, and
ends before the other goes on; so the courses are a stack.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from nestd.master.instructions import Instruction, Step
from protocol.errors import NestdError

_T = TypeVar("_T")

#: Generator of steps that returns a value in the end.
Course: TypeAlias = Generator[Step, Any, _T]


@dataclass
class Turn:
    """Handling of one event: its time, and the instructions so far."""

    #: By the monotonic clock.
    now_s: float = 0.0
    instructions: list[Instruction] = field(default_factory=list)


class Courses:
    """Stack of the courses that have begun.

    Parameters
    ----------
    turn : takes the steps of the courses
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._stack: list[tuple[Course[None], type[Step]]] = []

    @property
    def steps(self) -> list[type[Step]]:
        """Return the kinds of steps that are to be answered, the next one last."""
        return [step for _, step in self._stack]

    @property
    def top(self) -> type[Step] | None:
        """Return the kind of step that is to be answered next, if any."""
        return self._stack[-1][1] if self._stack else None

    def begin(self, course: Course[None]) -> None:
        """Begin a course on top of those that wait."""
        self._go_on(course, course.send, None)

    def resume(self, value: Any) -> None:
        """Resume the course on the top with the answer to its step."""
        course, _ = self._stack.pop()
        self._go_on(course, course.send, value)

    def fail(self, error: NestdError) -> None:
        """Raise an error in the course on the top."""
        course, _ = self._stack.pop()
        self._go_on(course, course.throw, error)

    def clear(self) -> None:
        """Give up all courses where they are."""
        self._stack.clear()

    def _go_on(self, course: Course[None], resume: Callable[[Any], Step], value: Any) -> None:
        try:
            step = resume(value)
        except StopIteration:
            return
        self._stack.append((course, type(step)))
        self._turn.instructions.append(step)
