"""Loop of the HTTP server: receives requests, hands them to threads, ends connections.

The loop has every connection on which something has to come or go, and looks at it only when the
system says that something did. A thread has a connection from a whole request to the end of the
answer, and a moment longer: callers make many small calls in a row, and each way between loop and
thread costs as much as a call.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gateway.server.connection import BodyRule, CallerGone, Connection, RequestProgress, Stage
from gateway.server.head import UnreadableRequest
from gateway.server.limits import LAST_HEAD_S, LAST_IDLE_S, STRANGER_THREADS, ConnectionLimits
from gateway.server.peers import Peers
from gateway.server.refusal import is_over, overdue, refusal_bytes, too_many_connections
from gateway.server.reply import Application, answer_requests
from gateway.server.threads import WorkerThreads
from gateway.server.turns import Turns

log = logging.getLogger(__name__)

#: How often something of a request may come before its caller has to wait for a turn.
_FREE_RECEPTIONS = 16
#: Connections that are accepted before others have their turn.
_ACCEPTED = 16
#: Errors of accept(2) that pass: there is no room for one more connection at the moment.
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NO_ROOM_S = 0.1
_CHECK_S = 1.0
_READING = select.EPOLLIN | select.EPOLLONESHOT
_WRITING = select.EPOLLOUT | select.EPOLLONESHOT


@dataclass(frozen=True)
class ServerHooks:
    """What the server tells its owner."""

    #: It accepts connections from now on.
    on_ready: Callable[[], None]
    #: It stops: whoever follows a stream is to end it.
    on_stop: Callable[[], None]
    #: A request was refused unread; returns the id that the answer shows.
    on_refusal: Callable[[UnreadableRequest], str]


class HttpServer:
    """HTTP server of one WSGI application.

    Parameters
    ----------
    application : the application
    listeners : sockets to accept from
    threads : requests of callers that are answered at a time; strangers have a few of their own
    rule : who is a caller, whose bodies are received
    limits : of connections
    hooks : what the owner wants to know
    """

    def __init__(
        self,
        application: Application,
        listeners: Sequence[socket.socket],
        threads: int,
        rule: BodyRule,
        limits: ConnectionLimits,
        hooks: ServerHooks,
    ) -> None:
        self._application = application
        self._listeners = list(listeners)
        self._rule = rule
        self._limits = limits
        self._hooks = hooks
        work = partial(self._work, lambda: self._callers.has_waiting)
        self._callers: WorkerThreads[Connection] = WorkerThreads(threads, work)
        # These stay with no connection: its next request may be a caller's, and take long.
        self._strangers = WorkerThreads(STRANGER_THREADS, partial(self._work, lambda: True))
        self._connections: dict[int, Connection] = {}
        self._peers: Peers[Connection] = Peers(limits.count, limits.per_peer)
        self._turns: Turns[Connection] = Turns()
        #: Connections that threads are done with.
        self._returned: deque[Connection] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._wake_read, select.EPOLLIN)
        self._accepts_from_s: float | None = 0.0
        self._checked_s = 0.0
        self._is_full = self._stops = False
        #: When the server ends, whatever is under way.
        self._until_s: float | None = None

    def stop(self, grace_s: float | None) -> None:
        """Take no new connections, and end with the last answer under way.

        May be called by a signal handler.

        Parameters
        ----------
        grace_s : most time for the answers; ``None`` for all that they need
        """
        self._stops = True
        if grace_s is not None:
            until_s = time.monotonic() + grace_s
            self._until_s = until_s if self._until_s is None else min(until_s, self._until_s)
        self._wake()

    def serve(self) -> None:
        """Serve until :meth:`stop`."""
        with contextlib.suppress(ValueError):
            # Only in the main thread; a signal interrupts the wait below.
            signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for listener in self._listeners:
            listener.setblocking(False)
        self._hooks.on_ready()
        while not self._stops:
            self._turn()
        for listener in self._listeners:
            if self._accepts_from_s is None:
                # Another process has the same socket, so closing it here is not enough.
                self._epoll.unregister(listener)
            listener.close()
        self._listeners, self._accepts_from_s = [], None
        self._hooks.on_stop()
        self._limits = replace(self._limits, head_s=LAST_HEAD_S, idle_s=LAST_IDLE_S)
        for connection in [] if self._until_s is None else list(self._connections.values()):
            if connection.has_called and connection.awaits_request:
                # What has come meanwhile is answered, and the first request of a new connection.
                self._on_readable(connection)
                if connection.awaits_request:
                    self._close(connection)
        while self._connections and (self._until_s is None or time.monotonic() < self._until_s):
            self._turn()

    def _turn(self) -> None:
        """Wait for what happens next, and deal with it."""
        for fd, _ in self._epoll.poll(self._wait_s()):
            if connection := self._connections.get(fd):
                self._deal(self._on_event, connection)
            elif fd == self._wake_read:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            else:
                self._accept(fd)
        while self._returned:
            self._deal(self._take_back, self._returned.popleft())
        for connection in self._turns.take():
            if self._connections.get(connection.sock.fileno()) is connection:
                self._deal(self._on_turn, connection)
        now_s = time.monotonic()
        if self._accepts_from_s is not None and now_s >= self._accepts_from_s and not self._stops:
            self._accepts_from_s = None
            for listener in self._listeners:
                self._epoll.register(listener, select.EPOLLIN)
        if now_s >= self._checked_s + _CHECK_S:
            self._checked_s = now_s
            self._check(now_s)

    def _wait_s(self) -> float:
        now_s = time.monotonic()
        wait_s = max(0.0, self._checked_s + _CHECK_S - now_s)
        if self._accepts_from_s is not None:
            wait_s = min(wait_s, max(0.0, self._accepts_from_s - now_s))
        turn_s = self._turns.wait_s()
        return wait_s if turn_s is None else min(wait_s, turn_s)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    # New connections.

    def _accept(self, fd: int) -> None:
        """Accept what waits at a listener; after many at a time, none for a while."""
        listener = next((one for one in self._listeners if one.fileno() == fd), None)
        if listener is None:
            return
        began_s = time.monotonic()
        for _ in range(_ACCEPTED):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    if not self._is_full:
                        log.warning("new connections wait: %s", error.strerror)
                    self._is_full = True
                    self._rest(_NO_ROOM_S)
                # Other errors are of the connection, which is gone.
                return
            self._is_full = False
            self._begin(sock, address)
        self._rest(4 * (time.monotonic() - began_s))

    def _rest(self, duration_s: float) -> None:
        """Accept nothing for some time."""
        if self._accepts_from_s is None:
            for listener in self._listeners:
                self._epoll.unregister(listener)
        self._accepts_from_s = time.monotonic() + duration_s

    def _begin(self, sock: socket.socket, address: Any) -> None:
        sock.setblocking(False)
        try:
            connection = Connection(sock, address, self._rule)
        except OSError:
            sock.close()
            return
        is_taken, victim = self._peers.add(connection.peer, connection)
        if victim is not None:
            self._close(victim)
        if not is_taken:
            refusal = too_many_connections()
            with contextlib.suppress(OSError):
                sock.send(refusal_bytes(refusal, self._hooks.on_refusal(refusal)))
            sock.close()
            return
        self._connections[sock.fileno()] = connection
        self._epoll.register(sock, _READING)

    # What comes and goes.

    def _deal(self, step: Callable[[Connection], None], connection: Connection) -> None:
        """Take a step with a connection; what goes wrong in it ends that connection alone."""
        try:
            step(connection)
        except Exception:
            log.exception("a connection failed")
            self._close(connection)

    def _on_turn(self, connection: Connection) -> None:
        if connection.stage is Stage.DISCARDING:
            self._discard(connection)
        elif connection.stage is Stage.RECEIVING:
            self._on_readable(connection, connection.has_more)

    def _on_event(self, connection: Connection) -> None:
        if connection.stage is Stage.WORKING:
            return  # The event is of a connection that had this number until a moment ago.
        if connection.stage is Stage.SENDING:
            self._flush(connection)
        elif connection.receptions >= _FREE_RECEPTIONS and not connection.is_quick:
            self._turns.gather(connection)
        elif connection.stage is Stage.DISCARDING:
            self._discard(connection)
        else:
            self._on_readable(connection)

    def _on_readable(self, connection: Connection, has_more: bool = False) -> None:
        """Receive what has come of a request, or go on with what was received."""
        try:
            progress = connection.advance() if has_more else connection.receive()
        except UnreadableRequest as refusal:
            self._refuse(connection, refusal)
            return
        if progress is RequestProgress.READY:
            connection.stage = Stage.WORKING
            self._peers.work(connection.peer, connection)
            is_caller = connection.has_called or self._rule.admits(connection.environ)
            (self._callers if is_caller else self._strangers).submit(connection)
        elif progress is RequestProgress.ENDED:
            self._close(connection)
        elif progress is RequestProgress.CROWDED:
            self._turns.add(connection)
        else:
            if connection.body_count is not None:
                # Whoever may send a body is not in the way of others.
                self._peers.work(connection.peer, connection)
            self._epoll.modify(connection.sock, _READING)

    def _refuse(self, connection: Connection, refusal: UnreadableRequest) -> None:
        """Answer a request that can't be read, and end the connection."""
        connection.ends = connection.is_unread = True
        with contextlib.suppress(CallerGone):
            connection.send(refusal_bytes(refusal, self._hooks.on_refusal(refusal)))
        self._take_back(connection)

    def _take_back(self, connection: Connection) -> None:
        """Go on with a connection after an answer."""
        connection.since_s, connection.taken_bytes = time.monotonic(), 0
        if connection.refusal is not None:
            refusal, connection.refusal = connection.refusal, None
            self._refuse(connection, refusal)
            return
        connection.stage = Stage.SENDING
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        try:
            is_done = connection.flush()
        except CallerGone:
            self._close(connection)
            return
        if not is_done:
            self._epoll.modify(connection.sock, _WRITING)
        elif connection.ends and connection.is_unread:
            # The caller can't read the answer if what it still sends meets a closed connection.
            connection.half_close()
            connection.stage = Stage.DISCARDING
            connection.since_s = time.monotonic()
            self._peers.wait(connection.peer, connection, False)
            self._discard(connection)
        elif connection.ends or self._until_s is not None:
            self._close(connection)
        else:
            connection.stage = Stage.RECEIVING
            if connection.body_count is None:
                self._peers.wait(connection.peer, connection, connection.has_called)
            self._on_readable(connection, connection.has_more)

    def _discard(self, connection: Connection) -> None:
        if connection.discard():
            self._epoll.modify(connection.sock, _READING)
        else:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        if self._connections.pop(connection.sock.fileno(), None) is None:
            return
        self._peers.remove(connection.peer, connection)
        connection.close()

    def _check(self, now_s: float) -> None:
        """End connections whose time is over."""
        for connection in list(self._connections.values()):
            if refusal := overdue(connection, now_s, self._limits):
                self._refuse(connection, refusal)
            elif is_over(connection, now_s, self._limits):
                self._close(connection)

    # In threads.

    def _work(self, is_needed: Callable[[], bool], connection: Connection) -> None:
        answer_requests(connection, self._application, lambda: self._stops, is_needed)
        self._returned.append(connection)
        self._wake()
