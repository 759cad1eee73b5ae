"""Bodies of requests: whole, or the reason why not."""

from __future__ import annotations

from typing import Any

import numpy as np
from flask import Request
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from protocol.errors import MalformedRequest, RequestTooLarge

#: What reading a body raises when it is cut off, or its chunks are none.
_BROKEN_OFF = (ClientDisconnected, OSError, ParseException)

#: Of large bodies that are read at a time.
_PIECE_BYTES = 1 << 20

#: A body over the limit is read and thrown away up to here, so that its sender gets to read
#: the answer; beyond, the connection is closed on them.
_DISCARD_LIMIT_BYTES = 1 << 30


def body_of(request: Request) -> bytes:
    """The body of ``request``, which may be looked at again.

    Raises
    ------
    MalformedRequest
        If it ends before it should.
    RequestTooLarge
        If it is over the limit.
    """
    try:
        body = request.get_data(cache=True)
        # A body without a length is cut at the limit, and nothing says so but the rest of it.
        has_more = request.content_length is None and request.environ["wsgi.input"].read(1)
    except RequestEntityTooLarge as error:
        raise _too_large(request) from error
    except _BROKEN_OFF as error:
        raise _cut_off() from error
    if has_more:
        raise _too_large(request)
    if request.content_length is not None and len(body) < request.content_length:
        # What has arrived may look complete: 10 of 1000.0 is a number, too.
        raise _cut_off()
    return body


def large_body_of(request: Request, length: int) -> memoryview:
    """The body of ``request``, of so many bytes, which are in memory once.

    Arrays in it are passed on from there. Read at once, it would be copied by each of those
    that it goes through on its way here.

    Raises
    ------
    MalformedRequest, RequestTooLarge
        As :func:`body_of`.
    """
    try:
        # Which refuses what is over the limit.
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
    """Fill ``body`` from the connection itself; how many bytes were read, 0 if that can't be.

    gunicorn's readers copy each byte half a dozen times, which takes longer than all else that a
    body goes through.
    """
    connection = environ.get("gunicorn.socket")
    reader: Any = getattr(environ.get("wsgi.input"), "reader", None)
    if type(reader) is not LengthReader or reader.length != len(body):
        # Its end is not known, or some of it has been read.
        return 0
    source = reader.unreader
    if type(source) is not SocketUnreader or source.sock is not connection:
        return 0
    # What came together with the head.
    first = reader.read(min(len(body), len(source.buf.getvalue())))
    body[: len(first)] = first
    at = len(first)
    while at < len(body):
        count = connection.recv_into(body[at:], min(len(body) - at, _PIECE_BYTES))
        if not count:
            # gunicorn finds that out as well, and what it means for the connection.
            break
        at += count
        reader.length -= count
    return at


def discard_body(request: Request) -> None:
    """Read the rest of a body and throw it away, so that its sender can read the answer."""
    source: Any = request.environ.get("wsgi.input")
    left = _DISCARD_LIMIT_BYTES
    try:
        while left > 0:
            chunk = source.read(min(left, 1 << 20))
            if not chunk:
                return
            left -= len(chunk)
    except _BROKEN_OFF:
        # The sender is gone, or makes no sense; so is the reason to read on.
        return


def _cut_off() -> MalformedRequest:
    return MalformedRequest("the body ended before it was complete")


def _too_large(request: Request) -> RequestTooLarge:
    discard_body(request)
    limit = (request.max_content_length or 0) // 2**20
    return RequestTooLarge(f"the body is larger than {limit} MiB, the limit of this server")
