"""Answers of a WSGI application, as they go over a connection."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gateway.server.connection import CallerGone, Connection, RequestProgress
from gateway.server.environ import ADMITTED_KEY
from gateway.server.head import UnreadableRequest

log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SERVER_NAME = "nest-server"
#: Parts that are smaller are copied behind their heads, to be sent as one.
_SMALL_BYTES = 1 << 14
#: How long a thread stays with a connection after an answer.
_LINGER_S = 0.005
_BODYLESS = ("204", "304")


class _WsgiReply:
    """Answer to one request.

    Parameters
    ----------
    connection : of the caller
    """

    def __init__(self, connection: Connection) -> None:
        head = connection.head
        assert head is not None
        self._connection = connection
        self._is_head = head.method == "HEAD"
        self._version = head.version
        #: Head that was not sent yet.
        self._head = b""
        self._has_body = True
        self._is_chunked = False
        #: Bytes that are still to come, where that is known.
        self._left: int | None = None
        self.has_begun = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take status and headers from the application (PEP 3333)."""
        if exc_info and self.has_begun:
            raise exc_info[1].with_traceback(exc_info[2])
        self._has_body = not self._is_head and status[:3] not in _BODYLESS
        lines = [f"HTTP/1.1 {status}", f"Server: {SERVER_NAME}", f"Date: {_now()}"]
        self._left = None
        for name, value in headers:
            lines.append(f"{name}: {value}")
            if name.lower() == "content-length":
                self._left = int(value)
        self._is_chunked = self._has_body and self._left is None and self._version == "1.1"
        if self._is_chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self._has_body and self._left is None:
            self._connection.ends = True
        lines.append(f"Connection: {'close' if self._connection.ends else 'keep-alive'}\r\n\r\n")
        head = "\r\n".join(lines)
        if not head.count("\r") == head.count("\n") == len(lines) + 1:
            raise ValueError("a header of the answer has a line end in it")
        self._head = head.encode("latin-1")
        return self.write

    def write(self, part: bytes) -> None:
        """Send a part of the body."""
        if not part:
            return
        parts: list[Any] = [self._head] if self._head else []
        if self._has_body:
            if self._left is not None:
                part = part[: self._left]
                self._left -= len(part)
            parts += [b"%x\r\n" % len(part), part, b"\r\n"] if self._is_chunked else [part]
        if parts:
            self._send(parts, len(part))

    def end(self) -> None:
        """Send the end of the body."""
        parts = [self._head] if self._head else []
        if self._is_chunked:
            parts.append(b"0\r\n\r\n")
        if parts:
            self._send(parts, 0)
        if self._has_body and self._left:
            # The caller waits for more than there is.
            self._connection.ends = True

    def _send(self, parts: list[Any], size: int) -> None:
        self._head = b""
        self.has_begun = True
        if size < _SMALL_BYTES:
            self._connection.send(b"".join(parts))
        else:
            self._connection.send(*parts)


def answer(connection: Connection, application: Application) -> bool:
    """Answer the request on a connection; return whether the caller has all of the answer.

    What the caller does not take at once is kept by the connection.
    """
    environ = connection.environ
    reply = _WsgiReply(connection)
    connection.begin_answer()
    parts: Any = None
    try:
        parts = application(environ, reply.start)
        for part in parts:
            reply.write(part)
        reply.end()
    except CallerGone:
        return False
    except Exception:
        # An application that fails before its answer says so itself. A stream breaks off, which
        # shows its caller that it is not whole.
        log.exception("an answer broke off")
        return False
    finally:
        connection.has_called |= bool(environ.get(ADMITTED_KEY))
        if hasattr(parts, "close"):
            parts.close()
        connection.leave_room()
    return True


def answer_requests(
    connection: Connection,
    application: Application,
    stops: Callable[[], bool],
    is_needed: Callable[[], bool],
) -> None:
    """Answer a request, and those that follow at once.

    Whatever goes wrong ends the connection and no more: a thread that ended with it would be
    missing from then on, and nobody would close the connection.

    Parameters
    ----------
    connection : on which a request has come
    application : that answers
    stops : whether the server stops
    is_needed : whether another connection waits for this thread
    """
    try:
        while True:
            connection.ends |= stops()
            if not answer(connection, application):
                connection.ends, connection.is_unread = True, False
            if connection.ends or stops() or is_needed() or not lingers(connection):
                return
    except UnreadableRequest as refusal:
        connection.refusal = refusal
    except CallerGone:
        connection.ends, connection.is_unread = True, False
    except Exception:
        log.exception("a connection failed")
        connection.ends = True


def lingers(connection: Connection) -> bool:
    """Return whether the next request comes whole in the moment after an answer.

    Raises
    ------
    UnreadableRequest
        If it is none.
    CallerGone
        If the caller has gone before the end of the answer.
    """
    until_s = time.monotonic() + _LINGER_S
    if not connection.flush():
        return False
    connection.since_s = until_s
    if connection.has_more and connection.advance() is RequestProgress.READY:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    while True:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            return False
        progress = connection.receive()
        if progress is not RequestProgress.PARTIAL:
            connection.ends |= progress is RequestProgress.ENDED
            return progress is RequestProgress.READY


def _now() -> str:
    return _date_of(int(time.time()))


@lru_cache(maxsize=2)
def _date_of(second: int) -> str:
    return formatdate(second, usegmt=True)
