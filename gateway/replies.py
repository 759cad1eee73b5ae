"""What came of a request, in the form that its caller accepts."""

from __future__ import annotations

from flask import Request, Response

from gateway.arguments import MSGPACK_TYPES
from protocol import json_form
from protocol.messages import Result
from protocol.values import Packer, Value

#: In every reply while there is a kernel, so that the loss of a network shows.
GENERATION_HEADER = "NEST-Kernel-Generation"

#: Forms of a reply: JSON, MessagePack, and MessagePack that keeps tuples, for our own clients.
AS_JSON, AS_MSGPACK, AS_EXACT = "json", "binary", "exact"


def accepted_form(request: Request) -> str:
    """The form that ``request`` accepts."""
    wanted = request.accept_mimetypes
    return (
        AS_MSGPACK
        if any(kind in MSGPACK_TYPES for kind, quality in wanted if quality > 0)
        else AS_JSON
    )


def answer_reply(result: Result, form: str) -> Response:
    """The reply with the value of ``result``."""
    if form == AS_JSON:
        reply = json_reply(result.value)
    else:
        body = Packer(tuples=form == AS_EXACT).pack(result.value)
        reply = Response(body, mimetype="application/x-msgpack")
    reply.headers[GENERATION_HEADER] = result.generation
    return reply


def json_reply(value: Value, status: int = 200) -> Response:
    """The JSON reply with ``value``."""
    return Response(json_form.dumps(value), status, mimetype="application/json")
