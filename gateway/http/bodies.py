"""Bodies of requests: whole, or an error that says why not."""

from __future__ import annotations

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from gateway.server.body import ReceivedBody
from protocol.errors import MalformedRequest, RequestTooLarge
from protocol.wire.values import Buffer

#: Errors of reading a body that is cut off, or whose chunks are malformed.
_BROKEN_OFF = (ClientDisconnected, OSError)


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


def large_body_of(request: Request) -> Buffer:
    """Return the body of ``request`` where it was received, so that it is in memory once.

    Arrays in the body are passed on without a copy.

    Raises
    ------
    MalformedRequest, RequestTooLarge
        As :func:`body_of`.
    """
    source = request.environ["wsgi.input"]
    if isinstance(source, ReceivedBody) and source.is_whole:
        return source.data
    return body_of(request)


def _cut_off() -> MalformedRequest:
    return MalformedRequest("the body ended before it was complete")


def _too_large(request: Request) -> RequestTooLarge:
    limit = (request.max_content_length or 0) // 2**20
    return RequestTooLarge(
        f"the body is larger than {limit} MiB, the limit of this server; raise it with "
        "NEST_SERVER_BODY_LIMIT_MIB where the server is started"
    )
