"""Stages in which a server is stopped, each entered when the one before was not enough."""

from __future__ import annotations

import enum
import math
import signal


class ShutdownStage(enum.Enum):
    """How hard a server is being stopped."""

    #: The server is not being stopped.
    SERVING = "serving"
    #: SIGUSR1 to rank 0: the current command has a time limit, and others are turned away.
    DRAIN = "drain"
    #: SIGTERM to rank 0 alone: a simulation ends at its next slice, a script at once unless a call
    #: of it is executed.
    SLICE = "slice"
    #: SIGTERM to the process that was started: nestd, or the launcher of its ranks.
    TERM = "TERM"
    #: SIGKILL, which nothing withstands.
    KILL = "KILL"


class _ShutdownEvent(enum.Enum):
    #: An orderly end is asked for, such as by a service manager.
    ASKED = enum.auto()
    #: A person waits for the end.
    HURRIED = enum.auto()
    #: The time of the stage is over.
    OVERDUE = enum.auto()


_EVENTS = {
    signal.SIGTERM: _ShutdownEvent.ASKED,
    signal.SIGUSR1: _ShutdownEvent.ASKED,
    signal.SIGINT: _ShutdownEvent.HURRIED,
    signal.SIGHUP: _ShutdownEvent.HURRIED,
}

#: What is not listed changes nothing: a second Ctrl-C does not make the end harder.
_NEXT = {
    (ShutdownStage.SERVING, _ShutdownEvent.ASKED): ShutdownStage.DRAIN,
    (ShutdownStage.SERVING, _ShutdownEvent.HURRIED): ShutdownStage.SLICE,
    (ShutdownStage.DRAIN, _ShutdownEvent.ASKED): ShutdownStage.SLICE,
    (ShutdownStage.DRAIN, _ShutdownEvent.HURRIED): ShutdownStage.SLICE,
    (ShutdownStage.DRAIN, _ShutdownEvent.OVERDUE): ShutdownStage.SLICE,
    (ShutdownStage.SLICE, _ShutdownEvent.OVERDUE): ShutdownStage.TERM,
    (ShutdownStage.TERM, _ShutdownEvent.OVERDUE): ShutdownStage.KILL,
}

#: Signals that stop a server.
STOP_SIGNALS = frozenset(_EVENTS)

#: How long a slice may take, and a kernel to end by itself after it.
SLICE_GRACE_S = 2.0
#: How long a launcher has to end its ranks; launchers give ranks a second.
TERM_GRACE_S = 2.0


class Shutdown:
    """Stage of a server's shutdown, and when the next stage is due.

    Parameters
    ----------
    drain_s : time limit of what runs; ``None`` without a limit
    """

    def __init__(self, drain_s: float | None) -> None:
        self._graces_s = {
            ShutdownStage.DRAIN: math.inf if drain_s is None else drain_s,
            ShutdownStage.SLICE: SLICE_GRACE_S,
            ShutdownStage.TERM: TERM_GRACE_S,
        }
        self.stage = ShutdownStage.SERVING
        #: When the next stage is due, by the monotonic clock.
        self.due_s = math.inf

    def on_signal(self, sig: signal.Signals, now_s: float) -> ShutdownStage | None:
        """Return the stage that ``sig`` leads to, or ``None`` if the signal changes nothing."""
        return self._step(_EVENTS[sig], now_s)

    def on_time(self, now_s: float) -> ShutdownStage | None:
        """Return the next stage if the time of the current stage is over."""
        return self._step(_ShutdownEvent.OVERDUE, now_s) if now_s >= self.due_s else None

    def _step(self, event: _ShutdownEvent, now_s: float) -> ShutdownStage | None:
        stage = _NEXT.get((self.stage, event))
        if stage is not None:
            self.stage = stage
            self.due_s = now_s + self._graces_s.get(stage, math.inf)
        return stage
