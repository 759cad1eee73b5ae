"""How a server is stopped: by rungs, each taken when the one before was not enough."""

from __future__ import annotations

import enum
import math
import signal
import time


class ShutdownStage(enum.Enum):
    """How hard a server is being stopped."""

    #: Not at all.
    SERVING = "serving"
    #: What runs has its time limit; nothing new is taken, and what waits is turned away.
    DRAIN = "drain"
    #: A simulation ends at its next slice, a script between two calls.
    SLICE = "slice"
    #: SIGTERM, which a launcher of ranks passes on.
    TERM = "TERM"
    #: SIGKILL, which nothing withstands.
    KILL = "KILL"


class _ShutdownEvent(enum.Enum):
    #: Somebody, such as a service manager, asks for an orderly end.
    ASKED = enum.auto()
    #: Somebody waits for the end.
    HURRIED = enum.auto()
    #: The time of the rung is over.
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
STOPPING = frozenset(_EVENTS)

#: How long a slice may take, and a kernel to end by itself after it.
SLICE_GRACE_S = 2.0
#: How long a launcher has to end its ranks; it gives them a second itself.
TERM_GRACE_S = 2.0


class Shutdown:
    """Where the end of a server is.

    Parameters
    ----------
    drain_s : time limit of what runs; ``None`` without one
    """

    def __init__(self, drain_s: float | None) -> None:
        self._drain_s = math.inf if drain_s is None else drain_s
        self.rung = ShutdownStage.SERVING
        #: When the next rung is due, by the monotonic clock.
        self._due_s = math.inf

    @property
    def has_begun(self) -> bool:
        """Whether the server is being stopped."""
        return self.rung is not ShutdownStage.SERVING

    @property
    def wait_s(self) -> float:
        """How long it may be waited for the next rung."""
        return self._due_s - time.monotonic()

    def on_signal(self, sig: signal.Signals) -> ShutdownStage | None:
        """The rung that ``sig`` leads to; ``None`` if it changes nothing."""
        return self._step(_EVENTS[sig])

    def on_time(self) -> ShutdownStage | None:
        """The next rung, if the time of this one is over."""
        return self._step(_ShutdownEvent.OVERDUE) if time.monotonic() >= self._due_s else None

    def _step(self, event: _ShutdownEvent) -> ShutdownStage | None:
        rung = _NEXT.get((self.rung, event))
        if rung is not None:
            graces_s = {
                ShutdownStage.DRAIN: self._drain_s,
                ShutdownStage.SLICE: SLICE_GRACE_S,
                ShutdownStage.TERM: TERM_GRACE_S,
            }
            self.rung = rung
            self._due_s = time.monotonic() + graces_s.get(rung, math.inf)
        return rung
