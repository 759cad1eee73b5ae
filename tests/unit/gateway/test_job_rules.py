"""Decisions about jobs: what becomes of one, whatever its claim and its kernel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.jobs.rules import STATES, Fate, fate_of, final_state, is_due, open_state
from protocol.errors import Cancelled, KernelLost
from protocol.runtime.stored_job import CANCELLED, LOST, Claim
from protocol.wire.messages import FINAL_STATES, Failure, Result

TIMES = st.floats(0, 1e6)
CLAIMS = st.none() | st.builds(Claim, st.sampled_from([CANCELLED, LOST, "0a1b2c3d"]), TIMES)


@given(CLAIMS, st.booleans(), TIMES)
def test_job_goes_on_with_its_kernel_only_and_ends_without_it(
    claim: Claim | None, is_there: bool, now_s: float
) -> None:
    fate = fate_of(claim, lambda: is_there, now_s)
    if claim is not None and claim.by == CANCELLED:
        assert fate is Fate.CANCELLED
    elif not is_there:
        # What has not begun is said to have waited.
        has_begun = claim is not None and claim.by != LOST
        assert fate is (Fate.LOST_RUNNING if has_begun else Fate.LOST_WAITING)
    elif claim is None or claim.by != LOST:
        assert fate is Fate.GOES_ON


@pytest.mark.parametrize(
    ("now_s", "fate"),
    [
        (99.9, Fate.LOST_WAITING),
        (100.0, Fate.GOES_ON),
        (101.9, Fate.GOES_ON),
        (102.0, Fate.LOST_WAITING),
    ],
)
def test_kernel_that_turns_a_job_away_has_time_to_write_why(now_s: float, fate: Fate) -> None:
    assert fate_of(Claim(LOST, 100.0), lambda: True, now_s) is fate


def test_kernel_of_a_cancelled_job_is_not_looked_for() -> None:
    def fail() -> bool:
        raise AssertionError

    assert fate_of(Claim(CANCELLED, 1.0), fail, 1.0) is Fate.CANCELLED


@given(TIMES, TIMES, st.booleans())
def test_job_is_passed_on_once_and_again_only_over_a_network(
    passed_s: float, now_s: float, is_linked: bool
) -> None:
    assert is_due(None, is_linked, now_s, 5.0)
    assert is_due(passed_s, is_linked, now_s, 5.0) is (is_linked and now_s >= passed_s + 5.0)


@given(CLAIMS)
def test_state_is_one_of_the_states(claim: Claim | None) -> None:
    assert open_state(claim) in STATES
    assert (open_state(claim) in FINAL_STATES) is (claim is not None and claim.by == CANCELLED)
    assert open_state(Claim("0a1b2c3d", 1.0)) == "running"


def test_final_state_is_that_of_the_answer() -> None:
    answers = [
        Result("a", "g", None),
        Failure("a", "g", KernelLost("lost")),
        Failure("a", "g", Cancelled("cancelled")),
    ]
    assert [final_state(answer) for answer in answers] == ["done", "failed", "cancelled"]
