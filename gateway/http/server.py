"""Gunicorn's worker, arbiter and logger, as this gateway needs them."""

from __future__ import annotations

import errno
import json
import logging
import select
import socket
import time
from typing import Any, NoReturn

from gunicorn import glogging
from gunicorn.arbiter import Arbiter
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from gateway.http.gunicorn_internals import read_ahead
from gateway.http.request_log import new_request_id
from gateway.services import EXTENSION, Services
from protocol.logging import context, lines
from protocol.process.identity import die_with_parent
from protocol.process.ready_pipe import report_ready

log = logging.getLogger(__name__)

_REASONS = {
    400: "Bad Request",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
}

#: How long a thread stays with a connection after its answer. Callers make many small calls in a
#: row; handing the connection back and forth between threads costs as much as a call.
_LINGER_MS = 5

#: Errors of accept(2) that pass: there is no room for one more connection at the moment.
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
#: How long connections then wait before the next try.
_NO_ROOM_S = 0.1

#: How long a gateway that was replaced may take to finish its requests: for ever.
RETIREMENT_S = 10 * 365 * 86_400


class GunicornArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's master process, which another gateway can replace."""

    def handle_usr2(self) -> NoReturn:
        """Take no new connections, and end with the last answer: another gateway serves."""
        self.log.info("replaced by another gateway, ends with the last answer")
        self.cfg.set("graceful_timeout", RETIREMENT_S)
        raise StopIteration


class GunicornLogger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's log lines, in the form of all others."""

    def setup(self, cfg: Any) -> None:
        """Leave the lines to the root logger."""
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.access_log.handlers = []
        self.access_log.propagate = False


class GunicornWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's worker, which lingers with a connection, and sends JSON for malformed requests."""

    #: Whether the last connection could not be taken.
    _is_full = False

    def handle(self, conn: Any) -> Any:
        """Handle requests that follow each other; return what gunicorn's own method does."""
        while True:
            goes_on = super().handle(conn)
            if goes_on is not True or not self.alive or not _has_more(conn):
                return goes_on
            if self.nr_conns > self.cfg.threads:
                # Another connection may be waiting for a thread.
                return goes_on

    def init_process(self) -> None:
        """Serve until the arbiter ends this process, or ends itself in whatever way."""
        # This process has the listening sockets, too: while it lives, the port is taken.
        die_with_parent()
        # The arbiter kills this process after its own graceful timeout, which may be long.
        self.cfg.set("graceful_timeout", RETIREMENT_S)
        super().init_process()

    def run(self) -> None:
        """Serve, and signal that connections are accepted from now on."""
        report_ready()
        super().run()

    def accept(self, listener: Any) -> None:
        """Accept a connection; while there is no room for one, new connections wait."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            if not self._is_full:
                log.warning("new connections wait: %s", error.strerror)
            self._is_full = True
            # The listener stays ready: without a pause this loop would take all time.
            time.sleep(_NO_ROOM_S)
        else:
            self._is_full = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End gracefully, and end readers of events, who would not end by themselves."""
        self._services.events.close()
        super().handle_exit(sig, frame)

    @property
    def _services(self) -> Services:
        found: Services = self.wsgi.extensions[EXTENSION]
        return found

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send one JSON reply to a request that can't be read; gunicorn closes the connection."""
        if isinstance(exc, http_errors.LimitRequestLine):
            status = 414
        elif isinstance(exc, http_errors.LimitRequestHeaders):
            status = 431
        elif isinstance(exc, http_errors.ParseException):
            status = 400
        else:
            status = 500
            self.log.exception("request failed")
        self._services.metrics.count_unreadable(status)
        # The header with the caller's own id could not be read.
        origin = context.RequestContext(new_request_id())
        context.set_current_request(origin)
        lines.note(log, "a request can't be read", always=True, status=status, error=str(exc)[:300])
        message = f"{type(exc).__name__}: {exc}"[:300]
        body = json.dumps({"message": message, "error": type(exc).__name__}).encode()
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nConnection: close\r\n"
            f"X-Request-ID: {origin.request}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            client.send(head.encode("latin-1") + body, socket.MSG_DONTWAIT)
        except OSError:
            self.log.debug("the client did not wait for the answer")


def _has_more(conn: Any) -> bool:
    """Return whether the next request, or the connection's end, comes while a thread lingers."""
    data = read_ahead(conn)
    if data is None:
        return False
    if data:
        return True
    waiting = select.poll()
    waiting.register(conn.sock, select.POLLIN)
    return bool(waiting.poll(_LINGER_MS))
