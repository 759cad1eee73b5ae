"""The stages in which a server is stopped."""

from __future__ import annotations

import signal

import pytest

from nestd.server.supervisor.shutdown import STOP_SIGNALS, Shutdown, ShutdownStage


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGUSR1])
def test_request_for_an_end_lets_what_runs_have_its_time(sig: signal.Signals) -> None:
    shutdown = Shutdown(30.0)
    assert shutdown.stage is ShutdownStage.SERVING
    assert shutdown.on_time(1e9) is None
    assert shutdown.on_signal(sig, 1000.0) is ShutdownStage.DRAIN
    assert shutdown.due_s == 1030.0
    assert shutdown.on_time(1029.9) is None
    assert shutdown.on_time(1030.0) is ShutdownStage.SLICE


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_waits_for_nothing_but_the_slice(sig: signal.Signals) -> None:
    shutdown = Shutdown(30.0)
    assert shutdown.on_signal(sig, 0.0) is ShutdownStage.SLICE
    # Impatient users press it twice.
    assert shutdown.on_signal(sig, 0.1) is None
    assert shutdown.stage is ShutdownStage.SLICE


@pytest.mark.parametrize("sig", sorted(STOP_SIGNALS))
def test_second_signal_ends_what_runs_at_the_slice(sig: signal.Signals) -> None:
    shutdown = Shutdown(None)
    assert shutdown.on_signal(signal.SIGTERM, 0.0) is ShutdownStage.DRAIN
    assert shutdown.on_time(1e9) is None
    assert shutdown.on_signal(sig, 1e9) is ShutdownStage.SLICE


def test_what_does_not_end_is_ended_harder_and_harder() -> None:
    shutdown = Shutdown(30.0)
    shutdown.on_signal(signal.SIGINT, 0.0)
    stages = [shutdown.on_time(100.0 * step) for step in range(1, 6)]
    assert stages == [ShutdownStage.TERM, ShutdownStage.KILL, None, None, None]
    assert shutdown.on_signal(signal.SIGTERM, 600.0) is None
