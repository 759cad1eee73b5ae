"""The look-alike on a kernel in the test's own process, beside the PyNEST that it looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nest_remote.look_alike.module import PyNest
from nest_remote.session import Session
from nestd.kernel.kernel import Kernel
from nestd.kernel.pynest import nest as pynest
from nestd.master.rank_answers import whole
from nestd.ranks.transport import OneRank
from protocol.wire import frames
from protocol.wire.messages import Command, Operation, Result
from tests.unit.master.driving import drive


class InProcess:
    """A transport to a kernel in this process: everything goes through the wire's bytes."""

    def __init__(self, kernel: Kernel) -> None:
        self.ranks = OneRank(kernel)
        #: Actions and calls that were executed.
        self.executed: list[tuple[str, str]] = []

    def execute(
        self, operation: Operation, convert: Callable[[Any], Any], reference: Callable[[Any], Any]
    ) -> Any:
        """The value of ``operation``."""
        sent = frames.decode(frames.encode(Command("", operation, True), convert))
        assert isinstance(sent, Command)
        self.executed.append((sent.operation.action.value, sent.operation.call))
        answers = self.ranks.execute(sent.operation, True)
        value = drive(whole(sent.operation, answers, True), self.ranks)
        answer = frames.encode(Result("", "g", value))
        found = frames.decode(answer, reference, writable=True)
        assert isinstance(found, Result)
        return found.value

    def files(self) -> list[dict[str, Any]]:
        """One file."""
        return [{"name": "a.dat"}]

    def hold(self, tidy: Callable[[], None]) -> None:
        """Nothing: this process is all there is."""

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def kernel() -> Kernel:
    """A kernel with nothing in it."""
    pynest.verbosity = pynest.VerbosityLevel.ERROR
    pynest.ResetKernel()
    return Kernel("g")


@pytest.fixture
def transport(kernel: Kernel) -> InProcess:
    """To that kernel."""
    return InProcess(kernel)


@pytest.fixture
def nest(transport: InProcess) -> PyNest:
    """The look-alike."""
    return PyNest("nest", Session(transport))
