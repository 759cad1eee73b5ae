"""Turns: everybody has one, and all of them together take a fifth of the time."""

from __future__ import annotations

import pytest

from gateway.server import turns as module
from gateway.server.turns import Turns


class Clock:
    """Time that passes as a test says."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def test_what_comes_is_gathered_for_a_moment(clock: Clock) -> None:
    turns: Turns[int] = Turns()
    assert turns.wait_s() is None
    turns.gather(1)
    assert list(turns.take()) == []
    assert turns.wait_s() == pytest.approx(0.02)
    clock.now_s += 0.021
    assert list(turns.take()) == [1]
    turns.add(2)
    assert turns.wait_s() == 0.0
    assert list(turns.take()) == [2]


def test_long_turn_ends_and_is_followed_by_a_longer_rest(clock: Clock) -> None:
    turns: Turns[int] = Turns()
    for number in range(1000):
        turns.add(number)
    done, began_s, worked_s = [], clock.now_s, 0.0
    while turns.wait_s() is not None:
        for number in turns.take():
            done.append(number)
            clock.now_s += 0.0002
            worked_s += 0.0002
        wait_s = turns.wait_s()
        clock.now_s += (wait_s or 0.0) + 1e-9
    assert done == list(range(1000))
    assert worked_s < 0.21 * (clock.now_s - began_s)


def test_what_is_added_in_a_turn_is_for_the_next(clock: Clock) -> None:
    turns: Turns[int] = Turns()
    turns.add(1)
    for number in turns.take():
        turns.add(number + 1)
    clock.now_s += 1
    assert list(turns.take()) == [2]
