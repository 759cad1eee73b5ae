"""Shared parts of the document: parameters, headers, replies and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.http.replies import GENERATION_HEADER
from gateway.openapi.decorate import JOB, JSON, MSGPACK, Schema
from protocol.runtime.job_store import NAME
from protocol.warned import WARNINGS_HEADER

_ERRORS: dict[int, tuple[str, str]] = {
    400: ("WrongRequest", "The caller's mistake, or an error of NEST."),
    403: ("Unauthorized", "No token, a wrong one, or a page that may not call."),
    404: ("NotFound", "There is no such address, call, job or file."),
    405: ("WrongMethod", "The address does not take this method."),
    413: ("TooLarge", "The body is over the limit."),
    414: ("AddressTooLong", "The address is too long: send a body instead."),
    416: ("NoSuchPart", "The file has no bytes there; `Content-Range` says how many it has."),
    431: ("HeadersTooLong", "The headers are too long."),
    500: ("Fault", "A fault of the server, or one rank raised while others wait for it."),
    503: ("Unavailable", "No kernel at the moment, or too many requests wait."),
}

_HEADERS = {
    GENERATION_HEADER: {"$ref": "#/components/headers/Generation"},
    WARNINGS_HEADER: {"$ref": "#/components/headers/Warnings"},
}
#: Headers that make a request a job, or name it.
_JOB_HEADERS = ("Prefer", "Idempotency-Key", "X-Job-ID")


def success(bodies: Mapping[str, Schema], label: str) -> dict[str, Any]:
    """Return a reply without an error, from the schema of its body by media type."""
    return {
        "description": label,
        "headers": _HEADERS,
        "content": {media: {"schema": schema} for media, schema in bodies.items()},
    }


def error_ref(status: int, media: str = JSON) -> dict[str, str]:
    """Return a reference to the reply with an error's status, in a media type."""
    suffix = "" if media == JSON else "Facts"
    return {"$ref": f"#/components/responses/{_ERRORS[status][0]}{suffix}"}


def _parameters(*names: str) -> list[dict[str, str]]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def as_job(method: str) -> list[dict[str, str]]:
    """Return the parameters of a route whose requests can be jobs, by the method of the request."""
    return _parameters("async", *(_JOB_HEADERS if method.upper() == "POST" else ()))


#: Parameters of every call, beside its own.
OF_CALL = _parameters("inspect", "ranks")
#: The replies to a call: its result, or its job for callers that don't wait.
RESULT = success({JSON: {}, MSGPACK: {}}, "The result.")
ACCEPTED = success({JSON: JOB}, "Accepted; what comes of it is the result of this job.")


def _error(status: int, description: str, media: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"} if media == JSON else {}
    reply: dict[str, Any] = {
        "description": description,
        "headers": dict(_HEADERS),
        "content": {media: {"schema": schema}},
    }
    if status == 403:
        reply["content"]["text/plain"] = {"schema": {"const": "Unauthorized"}}
    if status == 503:
        reply["headers"]["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return reply


#: Parts that operations refer to, beside the schemas.
SHARED_PARTS: dict[str, Any] = {
    "responses": {
        name + suffix: _error(status, description, media)
        for status, (name, description) in _ERRORS.items()
        for suffix, media in (("", JSON), ("Facts", MSGPACK))
    },
    "parameters": {
        "inspect": {
            "name": "inspect",
            "in": "query",
            "description": "Ask about the call instead of calling it.",
            "schema": {"enum": ["getdoc", "getsource", "signature"]},
        },
        "async": {
            "name": "async",
            "in": "query",
            "description": "Do not wait: 202 and the job, as with `Prefer: respond-async`.",
            "schema": {"type": "boolean"},
        },
        "ranks": {
            "name": "ranks",
            "in": "query",
            "description": "What each MPI rank says, instead of the whole.",
            "schema": {"enum": ["all"]},
        },
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "description": "`respond-async`: do not wait, as with `async` (RFC 7240).",
            "schema": {"type": "string"},
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Of the caller's choice. A request that is sent again with the "
            "same key is the same job; another request with it is refused.",
            "schema": {"type": "string"},
        },
        "X-Job-ID": {
            "name": "X-Job-ID",
            "in": "header",
            "description": "A new name for a request whose caller waits, under which "
            "`/jobs/{id}` shows and ends it meanwhile. Refused if it is in use, and beside "
            "`Idempotency-Key` or what asks not to wait.",
            "schema": {"type": "string", "pattern": f"^{NAME.pattern}$"},
        },
    },
    "headers": {
        "Generation": {
            "description": "Names the kernel; missing while there is none.",
            "schema": {"type": "string"},
        },
        "Warnings": {
            "description": "What NEST and PyNEST warned of: a JSON list of objects with "
            "`category`, `text` and, of a batch, the call's `index`. Missing without a warning.",
            "schema": {"type": "string"},
        },
        "RetryAfter": {
            "description": "Seconds after which to try again.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
    },
    "securitySchemes": {
        "NESTServerAuth": {
            "type": "apiKey",
            "in": "header",
            "name": "NESTServerAuth",
            "description": "The server's token, as NEST Desktop sends it.",
        },
        "Bearer": {"type": "http", "scheme": "bearer"},
    },
}
