"""Names requests, and logs those worth a line.

A quick call takes less than a millisecond, and there may be thousands in a second. So a line is
written about a request whose caller has named it, that failed, or that took long; and with the
level debug about all.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

from flask import Response, request
from gunicorn import glogging

from protocol.errors import MalformedRequest
from protocol.logging import context, lines
from protocol.logging.context import REQUEST_ID, RequestContext

log = logging.getLogger(__name__)

#: In requests, where their callers want to follow their way, and in all replies.
REQUEST_HEADER = "X-Request-ID"
_BEGAN = "nestd.request_began"


def new_request_id() -> str:
    """The name of a request whose caller has given none."""
    return secrets.token_hex(8)


class RequestLog:
    """What is said of each request."""

    def begin(self) -> None:
        """A request has come.

        Raises
        ------
        MalformedRequest
            If its name can be none.
        """
        request.environ[_BEGAN] = time.perf_counter()
        given = request.headers.get(REQUEST_HEADER)
        named = given is not None and REQUEST_ID.fullmatch(given) is not None
        context.set_current_request(
            RequestContext(given if named and given else new_request_id(), named)
        )
        if given is not None and not named:
            raise MalformedRequest(
                f"{REQUEST_HEADER} must be 1 to 128 of the characters A-Z a-z 0-9 . _ : = + / @ ~ -"
            )

    def end(self, reply: Response) -> Response:
        """It is answered."""
        took_s = time.perf_counter() - request.environ.get(_BEGAN, time.perf_counter())
        reply.headers[REQUEST_HEADER] = context.current_request().request
        lines.note(
            log,
            "answered",
            always=reply.status_code >= 400 or took_s > lines.SLOW_S,
            method=request.method,
            # Without the query, which may have anything in it.
            path=request.path[:200],
            status=reply.status_code,
            took_s=took_s,
            client=request.remote_addr,
        )
        return reply


class GunicornLogger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's log lines in the form of all others."""

    def setup(self, cfg: Any) -> None:
        """Leave the lines to the root logger."""
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.access_log.handlers = []
        self.access_log.propagate = False
