"""Deadlines of callers: what is refused, what is closed, and after how long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.server.connection import Stage
from gateway.server.limits import CALLER_LINGER, STRANGER_LINGER, ConnectionLimits
from gateway.server.refusal import is_over, overdue, refusal_bytes

LIMITS = ConnectionLimits(head_s=10, bytes_per_s=1000)
RECEIVING, SENDING, DISCARDING = Stage.RECEIVING, Stage.SENDING, Stage.DISCARDING


def connection(stage: Stage, **facts: Any) -> Any:
    known = {"body_count": None, "is_idle": False, "has_called": False, "taken_bytes": 0}
    return SimpleNamespace(stage=stage, since_s=100.0, **(known | facts))


@pytest.mark.parametrize(
    ("one", "after_s", "reason"),
    [
        (connection(RECEIVING), 9, None),
        (connection(RECEIVING), 11, "head of the request did not come whole in 10 s"),
        (connection(RECEIVING, body_count=0), 19, None),
        (connection(RECEIVING, body_count=0), 21, "body came at less than"),
        (connection(RECEIVING, body_count=10_000), 29, None),
        (connection(RECEIVING, body_count=10_000), 31, "body came at less than"),
        (connection(RECEIVING, is_idle=True), 1000, None),
        (connection(Stage.WORKING), 1e6, None),
    ],
)
def test_what_comes_too_slowly_is_refused(one: Any, after_s: float, reason: str | None) -> None:
    refusal = overdue(one, 100.0 + after_s, LIMITS)
    if reason is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert reason in str(refusal)
        assert refusal_bytes(refusal, "id").startswith(b"HTTP/1.1 408 Request Timeout\r\n")


@pytest.mark.parametrize(
    ("one", "most_s"),
    [
        (connection(RECEIVING, is_idle=True), 10),
        (connection(RECEIVING, is_idle=True, has_called=True), 75),
        (connection(SENDING), 60),
        (connection(SENDING, taken_bytes=5000), 65),
        (connection(DISCARDING, linger=CALLER_LINGER), 30),
        (connection(DISCARDING, linger=STRANGER_LINGER), 2),
    ],
)
def test_caller_who_does_nothing_is_waited_for_so_long(one: Any, most_s: float) -> None:
    assert not is_over(one, 99.0 + most_s, LIMITS)
    assert is_over(one, 101.0 + most_s, LIMITS)


def test_answer_under_way_has_no_end() -> None:
    assert not is_over(connection(Stage.WORKING), 1e9, LIMITS)
