"""Has every rank execute an operation and collects what each answers.

Every rank answers every operation exactly once, with a value or an error. Here is the case
of one rank, which needs neither MPI nor mpi4py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from protocol.errors import NestdError
from protocol.messages import Operation
from protocol.values import Value

if TYPE_CHECKING:
    from nestd.kernel.kernel import Kernel


@dataclass(frozen=True)
class Answer:
    """What one rank made of an operation: a value, or the error it raised."""

    rank: int
    value: Value = None
    error: NestdError | None = None


class Ranks(Protocol):
    """The ranks of one kernel, as the master sees them."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def execute(self, operation: Operation, references: bool) -> list[Answer]:
        """One answer of every rank, in the order of ranks; never raises for the operation."""


class OneRank:
    """A kernel that is this process alone."""

    size = 1

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def execute(self, operation: Operation, references: bool) -> list[Answer]:
        """The only rank's answer."""
        return [answer(self._kernel, 0, operation, references)]


def answer(kernel: Kernel, rank: int, operation: Operation, references: bool) -> Answer:
    """Execute ``operation`` on this rank's kernel; whatever it does becomes the answer."""
    try:
        return Answer(rank, kernel.execute(operation, references))
    except NestdError as error:
        return Answer(rank, error=error)
