"""Bodies of requests: whole, or an error that says why not."""

from __future__ import annotations

from typing import Any

import numpy as np
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from gateway.http.gunicorn_internals import body_source
from protocol.errors import MalformedRequest, RequestTooLarge

#: Errors of reading a body that is cut off, or whose chunks are malformed.
_BROKEN_OFF = (ClientDisconnected, OSError, ParseException)

#: Bytes of a large body that are read at a time.
_PIECE_BYTES = 1 << 20

#: A body over the limit is read and discarded up to here, so that its sender can read the answer;
#: beyond, the connection is closed.
_DISCARD_LIMIT_BYTES = 1 << 30


def body_of(request: Request) -> bytes:
    """Return the body of ``request``, which may be read again.

    Raises
    ------
    MalformedRequest
        If the body ends before it should.
    RequestTooLarge
        If the body is over the limit.
    """
    try:
        body = request.get_data(cache=True)
        # A body without a length is cut at the limit: only its rest shows that.
        has_more = request.content_length is None and request.environ["wsgi.input"].read(1)
    except RequestEntityTooLarge as error:
        raise _too_large(request) from error
    except _BROKEN_OFF as error:
        raise _cut_off() from error
    if has_more:
        raise _too_large(request)
    if request.content_length is not None and len(body) < request.content_length:
        # A part may look complete: 10 of 1000.0 is a number, too.
        raise _cut_off()
    return body


def large_body_of(request: Request, length: int) -> memoryview:
    """Return the body of ``request``, of ``length`` bytes, which are in memory once.

    Arrays in the body are passed on without a copy.

    Raises
    ------
    MalformedRequest, RequestTooLarge
        As :func:`body_of`.
    """
    try:
        # Raises if the body is over the limit.
        stream = request.stream
        body = np.empty(length, np.uint8).data
        at = _read_from_socket(request.environ, body)
        while at < length:
            piece = stream.read(min(length - at, _PIECE_BYTES))
            if not piece:
                raise _cut_off()
            body[at : at + len(piece)] = piece
            at += len(piece)
    except RequestEntityTooLarge as error:
        raise _too_large(request) from error
    except _BROKEN_OFF as error:
        raise _cut_off() from error
    return body


def _read_from_socket(environ: dict[str, Any], body: memoryview) -> int:
    """Fill ``body`` from the connection itself; return the bytes read, 0 if that can't be done."""
    source = body_source(environ, len(body))
    if source is None:
        return 0
    reader, connection = source
    # The beginning came together with the head.
    beginning = reader.read(min(len(body), len(reader.unreader.buf.getvalue())))
    body[: len(beginning)] = beginning
    at = len(beginning)
    while at < len(body):
        count = connection.recv_into(body[at:], min(len(body) - at, _PIECE_BYTES))
        if not count:
            # gunicorn's reader sees the end as well, and closes the connection.
            break
        at += count
        reader.length -= count
    return at


def discard_body(request: Request) -> None:
    """Read and discard the rest of a body, so that its sender can read the answer."""
    source: Any = request.environ.get("wsgi.input")
    left = _DISCARD_LIMIT_BYTES
    try:
        while left > 0:
            chunk = source.read(min(left, 1 << 20))
            if not chunk:
                return
            left -= len(chunk)
    except _BROKEN_OFF:
        # The sender has hung up or is malformed, and reads no answer.
        return


def _cut_off() -> MalformedRequest:
    return MalformedRequest("the body ended before it was complete")


def _too_large(request: Request) -> RequestTooLarge:
    discard_body(request)
    limit = (request.max_content_length or 0) // 2**20
    return RequestTooLarge(f"the body is larger than {limit} MiB, the limit of this server")
