"""Groups of misses."""

import pytest

from tests.acceptance.conformance.causes import NOT_RUN, SKIPPED, cause
from tests.acceptance.conformance.outcomes import Outcome


def miss(raised: str, message: str = "", line: str = "", block: str = "") -> Outcome:
    return Outcome("connect/test_a.py::test_b", "failed", 0.1, raised, message, line, block)


@pytest.mark.parametrize(
    ("outcome", "wanted"),
    [
        (miss("Failed", "Timeout (>120.0s) from pytest-timeout."), "hangs"),
        (miss("Crash", "worker 'gw0' crashed while running"), "lost"),
        (miss("KernelLost", "MPI_ABORT: the kernel restarted, network lost"), "lost"),
        (miss("AttributeError", "no sr", "nest.ll_api.sr('0')"), "looks inside"),
        (miss("ValueError", "3 virtual processes can't be shared evenly by 2 ranks"), "share"),
        (miss("AttributeError", "module 'nest' has no attribute 'x'", "nest.x"), "not offered"),
        (miss("Failed", "DID NOT RAISE <class 'X'>", "f()", "with pytest.raises(X):"), "no exc"),
        (miss("ValueError", "n < 1", "nest.Create()", "with pytest.raises(TypeError):"), "another"),
        (miss("AssertionError", "assert 1 == 2", "assert a == b"), "another value"),
        (miss("UnknownModelName", "nope is not a model"), "refused"),
        (miss("RecursionError", "too deep"), "another error: RecursionError"),
    ],
)
def test_a_miss_belongs_to_a_group(outcome: Outcome, wanted: str) -> None:
    assert wanted in cause(outcome)


def test_tests_that_were_not_run_or_skipped_are_groups_of_their_own() -> None:
    assert cause(None) == NOT_RUN
    assert cause(Outcome("a.py::b", "skipped")) == SKIPPED
