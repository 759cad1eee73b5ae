"""One wait for signals and for file descriptors."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable
from types import TracebackType

SIGNALS = (
    signal.SIGCHLD,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class SignalPoll:
    """Context in which signals are events that a wait returns.

    Signal handlers do nothing but write to a pipe (``signal.set_wakeup_fd``), so a signal that
    arrives just before the wait is not lost.
    """

    def __enter__(self) -> SignalPoll:
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._old_wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._old_handlers = {sig: signal.signal(sig, lambda *_: None) for sig in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sig, handler in self._old_handlers.items():
            signal.signal(sig, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        os.close(self._reading)
        os.close(self._writing)

    def wait(
        self, timeout_s: float, descriptors: Iterable[int] = ()
    ) -> tuple[set[signal.Signals], set[int]]:
        """Return the signals that have arrived, and those of ``descriptors`` that are readable."""
        poll = select.poll()
        for descriptor in (self._reading, *descriptors):
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, timeout_s) * 1000)}
        arrived: set[signal.Signals] = set()
        if self._reading in ready:
            ready.discard(self._reading)
            arrived = {signal.Signals(number) for number in os.read(self._reading, 4096)}
        return arrived, ready
