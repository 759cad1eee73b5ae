"""A session: what it lets go, each object once, and a kernel that it can't ask."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from nest_remote.errors import NESTServerError
from nest_remote.session import Session
from protocol.errors import KernelUnavailable
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


def test_kernel_that_can_not_be_asked_is_an_error_of_the_server() -> None:
    class Away(Recording):
        def execute(self, operation: Operation, convert: Any, reference: Any) -> Any:
            raise KernelUnavailable("the kernel starts; try again", retry_after_s=1)

    with pytest.raises(NESTServerError, match="the kernel starts; try again") as caught:
        _ = Session(Away()).description
    assert (caught.value.status, caught.value.error_name) == (503, "KernelUnavailable")


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
