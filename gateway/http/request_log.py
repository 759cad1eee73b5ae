"""Request log: the ids of requests, their timer, and a line for those worth one.

A quick call takes less than a millisecond, and there may be thousands in a second. So a line is
logged for a request whose caller has named it, that failed, or that took long; and with the level
debug for all.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

from flask import Response, request

from gateway.http.errors import REASON_KEY
from protocol.errors import MalformedRequest
from protocol.logging import context, lines
from protocol.logging.context import CLIENT_ID, REQUEST_ID, RequestContext

log = logging.getLogger(__name__)

#: Header of requests whose callers want to follow them, and of all replies.
REQUEST_HEADER = "X-Request-ID"
#: Header with the name that a client has given itself, to whom kernel objects belong.
CLIENT_HEADER = "X-Client-ID"
_BEGAN = "nestd.began_s"
#: Length of a reason in the log; callers choose what is in it.
_REASON_CHARACTERS = 300


def new_request_id() -> str:
    """Return an id for a request whose caller has given none."""
    return secrets.token_hex(8)


def elapsed_s(environ: dict[str, Any]) -> float:
    """Return the time since a request began."""
    now_s = time.perf_counter()
    return now_s - float(environ.get(_BEGAN, now_s))


class RequestLog:
    """Log of requests."""

    def begin(self) -> None:
        """Start the timer of the present request, and set its id.

        Raises
        ------
        MalformedRequest
            If the caller's id, or its client's, is malformed.
        """
        request.environ[_BEGAN] = time.perf_counter()
        id = request.headers.get(REQUEST_HEADER)
        client = request.headers.get(CLIENT_HEADER, "")
        is_named = id is not None and REQUEST_ID.fullmatch(id) is not None
        context.set_current_request(
            RequestContext(id if is_named and id else new_request_id(), is_named, client)
        )
        if client and not CLIENT_ID.fullmatch(client):
            raise MalformedRequest(f"{CLIENT_HEADER} must be 1 to 64 of A-Z a-z 0-9 . _ -")
        if id is not None and not is_named:
            raise MalformedRequest(
                f"{REQUEST_HEADER} must be 1 to 128 of the characters A-Z a-z 0-9 . _ : = + / @ ~ -"
            )

    def end(self, reply: Response) -> Response:
        """Log the present request, which ``reply`` answers."""
        took_s = elapsed_s(request.environ)
        reply.headers[REQUEST_HEADER] = context.current_request().request
        lines.note(
            log,
            "answered",
            always=reply.status_code >= 400 or took_s > lines.SLOW_S,
            method=request.method,
            # Without the query string, which may have anything in it.
            path=request.path[:200],
            status=reply.status_code,
            took_s=took_s,
            client=request.remote_addr,
            reason=str(request.environ.get(REASON_KEY, ""))[:_REASON_CHARACTERS] or None,
        )
        return reply
