"""Signs of life of clients, passed on to the kernel that holds objects for them."""

from __future__ import annotations

import threading
import time

from gateway.kernel.client import KernelClient
from protocol.errors import NestdError
from protocol.runtime.job_store import new_name
from protocol.wire.messages import LeaseNotice

#: Signs of life go together that come within so long, as a part of the lease: messages to a kernel
#: that computes for hours pile up.
_TOGETHER = 1 / 12


class LeaseNotices:
    """Passes signs of life on. Safe for any number of threads.

    A sign that waits goes with the next one of any client, at the latest with its own client's:
    clients give several during a lease.

    Parameters
    ----------
    kernel : that holds objects
    lease_s : time after which a lease ends that is not renewed
    """

    def __init__(self, kernel: KernelClient, lease_s: float) -> None:
        self._kernel = kernel
        self._together_s = lease_s * _TOGETHER
        self._alive: set[str] = set()
        self._sent_s = -self._together_s
        self._lock = threading.Lock()
        #: Seconds between two signs of life that a client is to give.
        self.renew_s = lease_s / 4

    def renew(self, client: str) -> None:
        """Pass on, soon, that a client lives."""
        with self._lock:
            self._alive.add(client)
            now_s = time.monotonic()
            if now_s - self._sent_s < self._together_s:
                return
            self._sent_s = now_s
            alive, self._alive = self._alive, set()
        self._send(LeaseNotice(new_name(), sorted(alive), []))

    def end(self, client: str) -> None:
        """Pass on at once that a client has ended."""
        with self._lock:
            self._alive.discard(client)
        self._send(LeaseNotice(new_name(), [], [client]))

    def _send(self, notice: LeaseNotice) -> None:
        try:
            self._kernel.notify(notice)
        except NestdError:
            # Without a kernel there are no objects.
            return
