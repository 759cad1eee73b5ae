"""What a session lets go: each dropped object once, whatever thread drops it."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from nest_remote.session import Session
from protocol.wire.messages import Operation
from protocol.wire.values import Reference


class Recording:
    """A transport that notes what is released."""

    def __init__(self) -> None:
        self.released: list[int] = []

    def execute(self, operation: Operation, convert: Any, reference: Any) -> Any:
        self.released += [unused.id for unused in operation.args]

    def files(self) -> list[dict[str, Any]]:
        return []

    def close(self) -> None:
        pass


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("impatient")
def test_threads_release_each_object_once() -> None:
    transport = Recording()
    session = Session(transport)
    failed: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for number in range(1000):
                session.drop(Reference("Parameter", 1000 * thread + number, "g"))
                if number % 10 == 0:
                    session.release()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.release()
    assert failed == []
    assert set(Counter(transport.released).items()) == {(number, 1) for number in range(16_000)}
