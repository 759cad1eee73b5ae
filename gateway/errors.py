"""Every error as an HTTP reply: one table, tested for completeness."""

from __future__ import annotations

from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from protocol import errors, json_form
from protocol.errors import NestdError

#: HTTP status of each error. 400 is what clients of NEST Server read for anything that the
#: caller caused, NEST's own errors included.
STATUS: dict[type[NestdError], int] = {
    errors.NestdError: 500,
    errors.ProtocolError: 500,
    errors.VersionMismatch: 500,
    errors.CallerError: 400,
    errors.MalformedRequest: 400,
    errors.RequestTooLarge: 413,
    errors.Refused: 403,
    errors.UnknownCall: 404,
    errors.ArgumentError: 400,
    errors.StaleReference: 400,
    errors.KernelError: 400,
    errors.Unavailable: 503,
    errors.QueueFull: 503,
    errors.KernelUnavailable: 503,
    errors.KernelLost: 503,
    errors.Diverged: 500,
    errors.InternalError: 500,
    errors.ConfigurationError: 500,
    errors.PortTaken: 500,
    errors.StartFailed: 500,
}

#: What a client that reads no more than Retry-After should wait.
_DEFAULT_RETRY_S = 2


def error_reply(error: NestdError) -> Response:
    """The JSON reply that tells of ``error``."""
    body: dict[str, Any] = {"message": error.message, "error": error.error_name}
    if error.call:
        body["call"] = error.call
    if error.parameter:
        body["parameter"] = error.parameter
    if error.ranks:
        body["ranks"] = list(error.ranks)
    reply = _json(STATUS[type(error)], body)
    if reply.status_code == 503:
        reply.headers["Retry-After"] = str(error.retry_after_s or _DEFAULT_RETRY_S)
    return reply


def http_error_reply(error: HTTPException) -> Response:
    """The JSON reply for what Flask itself refuses, such as an unknown path."""
    status = error.code or 500
    messages = {
        404: "there is nothing at this address; calls are at /api/<name>, GET /api lists them",
        405: "this address does not take this method",
    }
    message = messages.get(status) or error.description or error.name
    reply = _json(status, {"message": message, "error": error.name})
    for name, value in error.get_headers():
        if name == "Allow":
            reply.headers[name] = value
    return reply


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json_form.dumps(body), status, mimetype="application/json")
