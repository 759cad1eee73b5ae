"""Bodies over the limit of one request, sent in parts before the request that names them.

Limits are what a server has said when it has refused a body: small bodies ask for nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol.body_parts import LIMIT_HEADER, PARTS_HEADER, PARTS_LIMIT_HEADER
from protocol.wire.values import Buffer

if TYPE_CHECKING:
    from nest_remote.http.connection import HttpConnection
    from nest_remote.http.reply import Reply

#: Status of the refusal of a body that is too large.
STATUS = 413
#: Most bytes of a part.
_PART_BYTES = 16 << 20


@dataclass(frozen=True)
class BodyLimits:
    """Limits of a server for bodies, in bytes."""

    request: int
    parts: int

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> BodyLimits | None:
        """Return the limits in the headers of a refusal, if they are there."""
        try:
            return cls(int(headers[LIMIT_HEADER]), int(headers[PARTS_LIMIT_HEADER]))
        except (KeyError, ValueError):
            return None


def deliver(
    connection: HttpConnection,
    body: list[Buffer],
    send: Callable[[list[Buffer], dict[str, str]], Reply],
) -> Reply:
    """Send a request whose body may be over the limit, and return the reply.

    Parameters
    ----------
    connection : to the server
    body : in pieces
    send : sends the request with a body and with more headers

    Raises
    ------
    NESTServerError
        If no server answered.
    """
    size = sum(map(len, body))
    limits = connection.limits
    if limits is None or size <= limits.request:
        reply = send(body, {})
        limits = BodyLimits.of(reply.headers) if reply.status == STATUS else None
        if limits is None or size <= limits.request:
            return reply
        connection.limits = limits
    id = secrets.token_hex(8)
    client = next(iter(connection.lease.headers.values()))
    at = 0
    for part in _parts(body, min(_PART_BYTES, limits.request)):
        path = f"/clients/{client}/parts/{id}?size={size}&at={at}"
        reply = connection.send("PUT", path, part)
        if reply.status != 200:
            return reply
        at += sum(map(len, part))
    return send([], {PARTS_HEADER: id})


def _parts(body: list[Buffer], size: int) -> Iterator[list[Buffer]]:
    """Yield the pieces of ``body`` again, in parts of at most ``size`` bytes."""
    part: list[Buffer] = []
    room = size
    for piece in body:
        left = memoryview(piece).cast("B")
        while len(left):
            part.append(left[:room])
            left = left[room:]
            room -= len(part[-1])
            if not room:
                yield part
                part, room = [], size
    if part:
        yield part
