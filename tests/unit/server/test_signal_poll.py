"""Signals and ends of processes as events that one wait returns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from nestd.server.supervisor.signal_poll import SIGNALS, SignalPoll


def test_signal_before_the_wait_is_not_lost() -> None:
    with SignalPoll() as poll:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        assert poll.wait(60.0) == ({signal.SIGTERM, signal.SIGHUP}, set())
        assert poll.wait(0.0) == (set(), set())


def test_wait_ends_without_events_when_its_time_is_over() -> None:
    with SignalPoll() as poll:
        assert poll.wait(0.01) == (set(), set())
        assert poll.wait(-1.0) == (set(), set())


def test_end_of_a_process_is_an_event_of_its_descriptor() -> None:
    with SignalPoll() as poll:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        descriptor = os.pidfd_open(child.pid)
        try:
            assert poll.wait(0.0, [descriptor]) == (set(), set())
            child.kill()
            # The signal and the descriptor may come one after the other.
            arrived, ready = poll.wait(60.0, [descriptor])
            if not arrived or not ready:
                more_arrived, more_ready = poll.wait(60.0, [] if ready else [descriptor])
                arrived, ready = arrived | more_arrived, ready | more_ready
            assert (arrived, ready) == ({signal.SIGCHLD}, {descriptor})
        finally:
            child.communicate()
            os.close(descriptor)


def test_everything_is_as_before_afterwards() -> None:
    handlers = [signal.getsignal(sig) for sig in SIGNALS]
    before = {path.name for path in Path("/proc/self/fd").iterdir()}
    with SignalPoll():
        assert signal.getsignal(signal.SIGTERM) not in handlers
    assert [signal.getsignal(sig) for sig in SIGNALS] == handlers
    assert {path.name for path in Path("/proc/self/fd").iterdir()} == before
    assert signal.set_wakeup_fd(-1) == -1
