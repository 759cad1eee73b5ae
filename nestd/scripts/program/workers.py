"""Workers: processes that a script forks, whose calls the script's own process passes on.

By hand, as two processes can't share one connection: each worker gets a socket of its own, and a
thread of the script's process, started with the first worker, carries what arrives there.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import select
import signal
import socket
import sys
import threading
import warnings
from typing import Any

from nestd.scripts.process.transport import ScriptTransport
from protocol.errors import ProtocolError
from protocol.wire.streams import WaitingStream, head_of


class Workers:
    """Workers of one script.

    Parameters
    ----------
    transport : of the script
    place : file descriptor of its connection, which is that of a worker in a worker
    """

    def __init__(self, transport: ScriptTransport, place: int) -> None:
        self._transport = transport
        self._place = place
        self._forking = threading.local()
        self._forget()

    def watch(self) -> None:
        """Have each process that this one forks connected; to be called once."""
        os.register_at_fork(
            before=self._before,
            after_in_parent=self._after_in_parent,
            after_in_child=self._after_in_child,
        )
        if sys.version_info >= (3, 14):
            import multiprocessing

            # Workers of other kinds begin as new programs, without the script and its connection.
            multiprocessing.set_start_method("fork")

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._epoll: select.epoll | None = None
        self._connected: dict[int, socket.socket] = {}

    def _before(self) -> None:
        self._forking.ends = None
        self._forking.ends = socket.socketpair()

    def _after_in_parent(self) -> None:
        if self._forking.ends is None:
            return
        ours, theirs = self._forking.ends
        theirs.close()
        with self._lock:
            self._connected[ours.fileno()] = ours
            if self._epoll is None:
                self._epoll = select.epoll()
                # A later fork is as safe as the first: the thread holds nothing that a worker uses.
                warnings.filterwarnings("ignore", ".*multi-threaded, use of", DeprecationWarning)
                threading.Thread(target=self._carry, args=[self._epoll], daemon=True).start()
            self._epoll.register(ours, select.EPOLLIN)

    def _after_in_child(self) -> None:
        # Pools end their workers by this signal, at which the script itself reports its line.
        faulthandler.unregister(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._epoll is not None:
            self._epoll.close()
        for connected in self._connected.values():
            connected.close()
        self._forget()
        if self._forking.ends is None:
            os.close(self._place)
            return
        ours, theirs = self._forking.ends
        ours.close()
        os.dup2(theirs.fileno(), self._place, inheritable=False)
        theirs.close()
        self._transport.begin_worker(mmap.mmap(-1, mmap.PAGESIZE))

    def _carry(self, epoll: select.epoll) -> None:
        """Carry messages between workers and the kernel, until the script's process ends."""
        while True:
            for descriptor, _ in epoll.poll():
                connected = self._connected[descriptor]
                if not self._carry_one(connected):
                    with self._lock:
                        epoll.unregister(descriptor)
                        del self._connected[descriptor]
                        connected.close()

    def _carry_one(self, connected: socket.socket) -> bool:
        """Carry one message and its answer; return whether there can be more."""
        with contextlib.suppress(OSError, ProtocolError):
            asked = WaitingStream(connected).receive()
            answer: Any = None if asked is None else self._transport.exchange(asked)
            if answer is not None:
                # A worker may have been ended meanwhile, which is no reason to end the script.
                connected.sendall(b"".join([head_of(answer), *answer]), socket.MSG_NOSIGNAL)
                return True
        return False
