"""Answers to what is no request, and to what is too slow or one too many."""

from __future__ import annotations

import json
from http import HTTPStatus

from gateway.server.connection import Connection, Stage
from gateway.server.head import UnreadableRequest
from gateway.server.limits import (
    SENDING_GRACE_S,
    TAKING_GRACE_S,
    ConnectionLimits,
)


def refusal_bytes(refusal: UnreadableRequest, request_id: str) -> bytes:
    """Return the answer to a request that nobody can or may read, after which all ends."""
    message = str(refusal)[:300]
    body = json.dumps({"message": message, "error": refusal.name}).encode()
    retry = "Retry-After: 2\r\n" if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\nConnection: close\r\n"
        f"X-Request-ID: {request_id}\r\n{retry}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def overdue(
    connection: Connection, now_s: float, limits: ConnectionLimits
) -> UnreadableRequest | None:
    """Return why a request is refused that comes too slowly; ``None`` for any other."""
    if connection.stage is not Stage.RECEIVING or connection.is_idle:
        return None
    took_s, count = now_s - connection.since_s, connection.body_count
    if count is None:
        if took_s <= limits.head_s:
            return None
        reason = f"the head of the request did not come whole in {limits.head_s:g} s"
    else:
        if count >= (took_s - SENDING_GRACE_S) * limits.bytes_per_s:
            return None
        rate = limits.bytes_per_s / 1024
        reason = f"the body came at less than {rate:g} KiB/s; send it again, in one go"
    return UnreadableRequest(408, "RequestTimeout", reason)


def is_over(connection: Connection, now_s: float, limits: ConnectionLimits) -> bool:
    """Return whether a connection has waited long enough for a caller who does nothing."""
    took_s = now_s - connection.since_s
    if connection.stage is Stage.RECEIVING:
        most_s = limits.idle_s if connection.has_called else limits.head_s
        return connection.is_idle and took_s > most_s
    if connection.stage is Stage.SENDING:
        return connection.taken_bytes < (took_s - TAKING_GRACE_S) * limits.bytes_per_s
    return connection.stage is Stage.DISCARDING and took_s > connection.linger.duration_s


def too_many_connections() -> UnreadableRequest:
    """Return the refusal of a connection that is one too many."""
    return UnreadableRequest(
        503, "TooManyConnections", "too many requests are under way; try again later"
    )
