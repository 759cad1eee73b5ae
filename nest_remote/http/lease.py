"""Lease of this process on the kernel objects that it holds, renewed as long as it lives."""

from __future__ import annotations

import atexit
import contextlib
import secrets
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nest_remote import forks
from nest_remote.errors import NESTServerError

if TYPE_CHECKING:
    from nest_remote.http.connection import HttpConnection

#: Header that names this client to the server.
CLIENT_HEADER = "X-Client-ID"
#: After which the first sign of life is given: most programs that end sooner need none.
_FIRST_S = 1.0
#: Between two signs of life, if the server does not say.
_RENEW_S = 20.0
#: For a sign of life, and for the good-bye of a program that ends.
_TIMEOUT_S = 5.0
_GOODBYE_S = 2.0


class Lease:
    """Lease of one client: what it holds in the kernel is released when it ends.

    A forked process is a client of its own: it may use its parent's objects, and owns none of them.

    Parameters
    ----------
    connection : to the server
    """

    def __init__(self, connection: HttpConnection) -> None:
        self._connection = weakref.ref(connection)
        self._lock = threading.Lock()
        self.begin_anew()
        forks.watch(self)

    def fork_locks(self) -> Iterable[threading.Lock]:
        """Return the lock that a child would wait for."""
        return (self._lock,)

    def begin_anew(self) -> None:
        """Become a client that holds nothing; see :class:`nest_remote.forks.Inherited`."""
        self._client = secrets.token_hex(8)
        #: Header that names this client.
        self.headers = {CLIENT_HEADER: self._client}
        self._over: threading.Event | None = None
        self._tidy: Callable[[], None] | None = None

    def hold(self, tidy: Callable[[], None] | None = None) -> None:
        """Give signs of life from now on, as this process holds an object of the kernel.

        Parameters
        ----------
        tidy : method that releases what was dropped long ago; called at each sign of life
        """
        if self._over is not None:
            return
        with self._lock:
            if self._over is None:
                self._over = threading.Event()
                _leases.add(self)
                # A thread that knew this lease or its session would keep them from being collected.
                method = None if tidy is None else weakref.WeakMethod(tidy)
                arguments = (weakref.ref(self), self._over, method)
                threading.Thread(target=_live, args=arguments, name="lease", daemon=True).start()

    def renew(self) -> float:
        """Give a sign of life, and return after how many seconds the next one is due."""
        connection = self._connection()
        if connection is None:
            return _RENEW_S
        path = f"/clients/{self._client}"
        reply = connection.send("PUT", path, timeout_s=_TIMEOUT_S)
        return float(reply.json()["renew_s"])

    def end(self) -> None:
        """Have the server release what this process holds, if it holds anything."""
        with self._lock:
            if self._over is None:
                return
            self._over.set()
            client = self._client
            self.begin_anew()
        _leases.discard(self)
        connection = self._connection()
        if connection is not None:
            # A server that is gone holds nothing.
            with contextlib.suppress(NESTServerError, OSError):
                connection.send("DELETE", f"/clients/{client}", timeout_s=_GOODBYE_S)


def _live(
    lease: weakref.ref[Lease],
    over: threading.Event,
    tidy: weakref.WeakMethod[Callable[[], None]] | None,
) -> None:
    """Give signs of life until the lease is over."""
    wait_s = _FIRST_S
    while not over.wait(wait_s):
        living = lease()
        if living is None:
            return
        wait_s = _RENEW_S
        # A server that is away, or has no leases, is asked again.
        with contextlib.suppress(NESTServerError, OSError, ValueError, KeyError, TypeError):
            wait_s = living.renew()
        method = None if tidy is None else tidy()
        if method is not None:
            with contextlib.suppress(Exception):
                method()
        del living, method


def _end_all() -> None:
    """End all leases of this process, which ends."""
    for lease in list(_leases):
        connection = lease._connection()
        lease.end()
        if connection is not None:
            connection.close()


_leases: weakref.WeakSet[Lease] = weakref.WeakSet()
atexit.register(_end_all)
