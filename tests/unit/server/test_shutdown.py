"""The rungs by which a server is stopped."""

from __future__ import annotations

import signal

import pytest

from nestd.server.supervisor import shutdown
from nestd.server.supervisor.shutdown import STOPPING, Shutdown, ShutdownStage


class Clock:
    """A clock that a test sets."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(shutdown, "time", found)
    return found


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGUSR1])
def test_who_asks_for_an_end_lets_what_runs_have_its_time(
    clock: Clock, sig: signal.Signals
) -> None:
    stopping = Shutdown(30.0)
    assert not stopping.has_begun
    assert stopping.on_time() is None
    assert stopping.on_signal(sig) is ShutdownStage.DRAIN
    assert stopping.has_begun
    clock.now_s += 29.9
    assert stopping.on_time() is None
    assert stopping.wait_s == pytest.approx(0.1)
    clock.now_s += 0.1
    assert stopping.on_time() is ShutdownStage.SLICE


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_waits_for_nothing_but_the_slice(clock: Clock, sig: signal.Signals) -> None:
    stopping = Shutdown(30.0)
    assert stopping.on_signal(sig) is ShutdownStage.SLICE
    # Impatient users press it twice.
    assert stopping.on_signal(sig) is None
    assert stopping.rung is ShutdownStage.SLICE


@pytest.mark.parametrize("sig", sorted(STOPPING))
def test_second_signal_ends_what_runs_at_the_slice(clock: Clock, sig: signal.Signals) -> None:
    stopping = Shutdown(None)
    assert stopping.on_signal(signal.SIGTERM) is ShutdownStage.DRAIN
    assert stopping.on_signal(sig) is ShutdownStage.SLICE


def test_no_limit_is_never_over(clock: Clock) -> None:
    stopping = Shutdown(None)
    stopping.on_signal(signal.SIGTERM)
    clock.now_s += 1e9
    assert stopping.on_time() is None


def test_what_does_not_end_is_ended_harder_and_harder(clock: Clock) -> None:
    stopping = Shutdown(30.0)
    stopping.on_signal(signal.SIGINT)
    found = []
    for _ in range(5):
        clock.now_s += 100.0
        found.append(stopping.on_time())
    assert found == [ShutdownStage.TERM, ShutdownStage.KILL, None, None, None]
    assert stopping.on_signal(signal.SIGTERM) is None
