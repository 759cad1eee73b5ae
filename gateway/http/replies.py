"""Results as replies, in the form that their callers accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from flask import Request, Response, request

from gateway.http.arguments import MSGPACK_TYPES
from gateway.http.compression import compress
from protocol.warned import WARNINGS_HEADER, to_header
from protocol.wire import json_form
from protocol.wire.messages import Result
from protocol.wire.pack import Packer
from protocol.wire.values import Buffer, Value

#: Larger bodies are sent in pieces of this size.
PIECE_BYTES = 1 << 18

#: In every reply while there is a kernel, so that the loss of a network shows.
GENERATION_HEADER = "NEST-Kernel-Generation"

#: Forms of a reply: JSON, MessagePack, and MessagePack that keeps tuples, for this project's own
#: clients.
AS_JSON, AS_MSGPACK, AS_EXACT = "json", "binary", "exact"


def accepted_form(request: Request) -> str:
    """Return the form of reply that ``request`` prefers: JSON where MessagePack is not named."""
    accepted = request.accept_mimetypes
    named = [quality for kind, quality in accepted if kind in MSGPACK_TYPES]
    if not named or max(named) <= 0:
        return AS_JSON
    return AS_MSGPACK if max(named) >= accepted.quality("application/json") else AS_JSON


def answer_reply(result: Result, form: str) -> Response:
    """Return the reply with the value of ``result``."""
    if form == AS_JSON:
        # The length is known at the end only, so a large body is sent in chunks.
        large = json_form.is_large(result.value)
        if large:
            reply = Response(joined(json_form.parts(result.value)), mimetype="application/json")
        else:
            reply = json_reply(result.value)
    else:
        pieces = Packer(tuples=form == AS_EXACT).pieces(result.value)
        length = sum(map(len, pieces))
        large = length > PIECE_BYTES
        body: Any = sliced(pieces) if large else b"".join(pieces)
        reply = Response(body, mimetype="application/x-msgpack")
        reply.content_length = length
    if large:
        compress(request, reply)
    reply.headers[GENERATION_HEADER] = result.generation
    if result.warnings:
        reply.headers[WARNINGS_HEADER] = to_header(result.warnings)
    return reply


def sliced(pieces: list[Buffer]) -> Iterator[bytes]:
    """Yield the bytes of ``pieces``, so few at a time that their copy stays in the cache."""
    for piece in pieces:
        for at in range(0, len(piece), PIECE_BYTES):
            yield bytes(piece[at : at + PIECE_BYTES])


def joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of ``parts`` in pieces that are large enough to be sent."""
    gathered = bytearray()
    for part in parts:
        gathered += part
        if len(gathered) >= PIECE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def json_reply(value: Value, status: int = 200) -> Response:
    """Return the JSON reply with ``value``."""
    return Response(json_form.dumps(value), status, mimetype="application/json")
