"""Gunicorn's threaded worker, quicker at calls in a row, and with errors as JSON."""

from __future__ import annotations

import errno
import json
import logging
import select
import time
from typing import Any

from gunicorn.http import errors as http_errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from gateway.http.request_log import new_request_id
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

#: How long a thread stays with a connection it has answered. Callers make many small calls
#: in a row; handing the connection back and forth between threads costs as much as a call.
_LINGER_MS = 5


#: Errors of accept(2) that pass: there is no room for one more connection at the moment.
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
#: How long connections then wait before the next try.
_NO_ROOM_S = 0.1

#: How long a gateway that has been replaced may take to finish what it has: for ever.
RETIREMENT_S = 10 * 365 * 86_400


class GunicornWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Stays with a connection for a moment, and answers what never reaches the application."""

    #: Whether the last connection could not be taken.
    _is_full = False

    def handle(self, conn: Any) -> Any:
        """Handle the requests that follow on each other; what is returned is gunicorn's."""
        while True:
            goes_on = super().handle(conn)
            if goes_on is not True or not self.alive or not _has_more(conn):
                return goes_on
            if self.nr_conns > self.cfg.threads:
                # Somebody else may be waiting for a thread.
                return goes_on

    def init_process(self) -> None:
        """Serve until told to end, or until the master ends in whatever way."""
        # It has the listening sockets too: while it lives, the port is taken.
        die_with_parent()
        # The master ends this process when its time is over; one that has been replaced has all.
        self.cfg.set("graceful_timeout", RETIREMENT_S)
        super().init_process()

    def run(self) -> None:
        """Serve; connections are taken from now on."""
        report_ready()
        super().run()

    def accept(self, listener: Any) -> None:
        """Take a connection; while there is no room for one, it waits, and all others go on."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            if not self._is_full:
                log.warning("new connections wait: %s", error.strerror)
            self._is_full = True
            # The listener stays ready, so without a pause this would be all that is done.
            time.sleep(_NO_ROOM_S)
        else:
            self._is_full = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End gracefully; readers of events would never end by themselves."""
        self.wsgi.extensions["events"].close()
        super().handle_exit(sig, frame)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send one JSON reply and let the connection be closed."""
        if isinstance(exc, http_errors.LimitRequestLine):
            status = 414
        elif isinstance(exc, http_errors.LimitRequestHeaders):
            status = 431
        elif isinstance(exc, http_errors.ParseException):
            status = 400
        else:
            status = 500
            self.log.exception("request failed")
        self.wsgi.extensions["metrics"].refused(status)
        # Its own name, if it has sent one, could not be read.
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
            write_nonblock(client, head.encode("latin-1") + body)
        except OSError:
            self.log.debug("the client did not wait for the answer")


def _has_more(conn: Any) -> bool:
    """Whether the next request, or the end of the connection, comes within the linger."""
    if conn.parser.unreader.buf.getvalue():
        return True
    waiting = select.poll()
    waiting.register(conn.sock, select.POLLIN)
    return bool(waiting.poll(_LINGER_MS))
