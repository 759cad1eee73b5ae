"""The gateway of a server, and how another one takes its place without losing a request.

The sockets on which callers arrive are inherited by each gateway, so both serve for a moment: the
new one says that it serves, and then the old one is told to take nothing new, finish what it has,
and end.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable

from nestd.server.supervisor.child_process import Child
from protocol.process.identity import describe_exit

log = logging.getLogger(__name__)

#: How long a gateway may take to finish when the whole server stops.
GATEWAY_GRACE_S = 8.0
#: Tells a gateway to take nothing new and to end when it has answered everything.
RETIRE = signal.SIGUSR2


class Gateways:
    """The gateway, the one that is to take its place, and those that have been replaced.

    Parameters
    ----------
    make : gives a gateway that has not been started
    on_change : called with the process id of each gateway that serves from now on
    """

    def __init__(self, make: Callable[[], Child], on_change: Callable[[int], None]) -> None:
        self._make = make
        self._on_change = on_change
        self.current = make()
        self._coming: Child | None = None
        self._retired: list[Child] = []

    @property
    def descriptors(self) -> list[int]:
        """File descriptors that become readable when a gateway says that it serves."""
        children = [self.current, *([self._coming] if self._coming else [])]
        return [one.readiness for one in children if one.readiness is not None]

    def start(self) -> None:
        """Run the gateway."""
        self.current.start()

    def replace(self) -> None:
        """Have another gateway take the place of the one that serves."""
        if self._coming is not None:
            log.info("a gateway is being replaced already")
            return
        self._coming = self._make()
        self._coming.start()
        log.info("another gateway is started, process %s", self._coming.pid)

    def look(self) -> None:
        """Notice what has become of gateways; the end of the current one is the caller's."""
        if self.current.hear() and self.current.pid is not None:
            self._on_change(self.current.pid)
        for one in list(self._retired):
            status = one.collect()
            if status is not None:
                log.info("the gateway that was replaced has ended with %s", describe_exit(status))
                self._retired.remove(one)
        coming = self._coming
        if coming is None:
            return
        status = coming.collect()
        if status is not None:
            how = describe_exit(status)
            log.error("the gateway was not replaced: the new one ended with %s", how)
            coming.forget()
            self._coming = None
        elif coming.hear() and coming.pid is not None:
            log.info("gateway %s takes the place of %s", coming.pid, self.current.pid)
            self.current.signal(RETIRE)
            self._retired.append(self.current)
            self.current, self._coming = coming, None
            self._on_change(coming.pid)

    def stop(self) -> None:
        """End all of them; they finish what they have."""
        for one in [self._coming, *self._retired, self.current]:
            if one is not None:
                one.stop(GATEWAY_GRACE_S)
