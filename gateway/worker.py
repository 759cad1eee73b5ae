"""Gunicorn's threaded worker, with JSON for the requests that HTTP itself forbids."""

from __future__ import annotations

import json
from typing import Any

from gunicorn.http import errors as http_errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from protocol.processes import die_with_parent

_REASONS = {
    400: "Bad Request",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Answers what never reaches the application."""

    def init_process(self) -> None:
        """Serve until told to end, or until the master ends in whatever way."""
        # It has the listening sockets too: while it lives, the port is taken.
        die_with_parent()
        super().init_process()

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
        message = f"{type(exc).__name__}: {exc}"[:300]
        body = json.dumps({"message": message, "error": type(exc).__name__}).encode()
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            write_nonblock(client, head.encode("latin-1") + body)
        except OSError:
            self.log.debug("the client did not wait for the answer")
