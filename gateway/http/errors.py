"""Errors as HTTP replies."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from protocol.errors import NestdError, facts_of
from protocol.http_status import STATUS
from protocol.warned import WARNINGS_HEADER, to_header
from protocol.wire import json_form
from protocol.wire.pack import Packer

#: Retry-After of errors that have none of their own.
_DEFAULT_RETRY_S = 2
#: Where the reason of an error reply is kept for the log.
REASON_KEY = "nestd.reason"


def error_reply(error: NestdError) -> Response:
    """Return the JSON reply for ``error``."""
    body: dict[str, Any] = {"message": error.message, "error": error.error_name}
    optional = {
        "lineNumber": error.line,
        "traceback": error.trace,
        "stdout": error.output,
        "call": error.call,
        "parameter": error.parameter,
        "ranks": list(error.ranks),
    }
    body |= {name: value for name, value in optional.items() if value}
    if error.data is not None:
        body["data"] = error.data
    if error.index is not None:
        body |= {"index": error.index, "results": error.results}
    return _with_retry(_json(STATUS[type(error)], body), error)


def facts_reply(error: NestdError) -> Response:
    """Return the MessagePack reply with all facts of ``error``, for this project's own clients."""
    body = Packer(tuples=True).pack(facts_of(error))
    reply = Response(body, STATUS[type(error)], mimetype="application/x-msgpack")
    return _with_retry(reply, error)


def _with_retry(reply: Response, error: NestdError) -> Response:
    request.environ[REASON_KEY] = error.message
    if error.warnings:
        reply.headers[WARNINGS_HEADER] = to_header(error.warnings)
    if reply.status_code == 503:
        reply.headers["Retry-After"] = str(error.retry_after_s or _DEFAULT_RETRY_S)
    return reply


def http_error_reply(error: HTTPException) -> Response:
    """Return the JSON reply for what Flask itself refuses, such as an unknown path."""
    status = error.code or 500
    messages = {
        404: "there is nothing at this address; calls are at /api/<name>, GET /api lists them",
        405: "this address does not take this method",
        416: "the file has no such part; Content-Range says how many bytes it has",
    }
    message = messages.get(status) or error.description or error.name
    reply = _json(status, {"message": message, "error": error.name})
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            reply.headers[name] = value
    return reply


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json_form.dumps(body), status, mimetype="application/json")
