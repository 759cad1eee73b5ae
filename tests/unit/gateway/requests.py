"""Requests that tests read without a server."""

from __future__ import annotations

import json
from typing import Any

from flask import Request
from werkzeug.test import EnvironBuilder

from protocol.wire.pack import Packer

JSON, FORM, MSGPACK = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/x-msgpack",
)
BODY_LIMIT = 200_000


def request(
    body: bytes | str = b"", kind: str | None = JSON, query: str = "", **headers: str
) -> Request:
    """A POST with a body of a media type."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    builder = EnvironBuilder(
        method="POST", data=data, content_type=kind, query_string=query, headers=named
    )
    made = Request(builder.get_environ())
    made.max_content_length = BODY_LIMIT
    return made


def json_request(value: Any, query: str = "", **headers: str) -> Request:
    """A POST whose body is JSON."""
    return request(json.dumps(value), query=query, **headers)


def msgpack_request(value: Any) -> Request:
    """A POST whose body is MessagePack."""
    return request(Packer(tuples=True).pack(value), MSGPACK)
