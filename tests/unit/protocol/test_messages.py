"""Messages that have more to them than their fields."""

from __future__ import annotations

import gc
import weakref

import pytest

from protocol.errors import InternalError, KernelError
from protocol.wire.messages import Cancel, Failure, Result, required_result


class Arguments:
    """What a call has, and a failed one is to let go."""


def call(arguments: Arguments) -> None:
    required_result(Failure("1", "g", KernelError("raised")))


def test_failed_call_lets_go_of_its_arguments_at_once() -> None:
    gc.disable()
    try:
        arguments = Arguments()
        kept = weakref.ref(arguments)
        with pytest.raises(KernelError) as raised:
            call(arguments)
        del arguments, raised
        assert kept() is None
    finally:
        gc.enable()


def test_result_is_returned_and_what_is_no_answer_refused() -> None:
    result = Result("1", "g", 5)
    assert required_result(result) is result
    with pytest.raises(InternalError, match="no answer"):
        required_result(Cancel("1", "2", "why"))
