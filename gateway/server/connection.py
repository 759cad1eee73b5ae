"""Connection of one caller: what has come on it, and what is still to be sent.

At any time either the loop or one thread has a connection. Nothing here waits but
:meth:`Connection.send`, for callers who take a large answer more slowly than it is made.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from gateway.server.body import PIECE_BYTES, BodyOfChunks, BodyOfLength, BodyRoom, Reception
from gateway.server.environ import make_environ, set_body
from gateway.server.head import RequestHead, UnreadableRequest, head_end, parse_head
from gateway.server.limits import CALLER_LINGER, STRANGER_LINGER, TAKING_GRACE_S, Linger

_RECEIVE_BYTES = 1 << 16
#: What is kept of an answer that its caller does not take yet; beyond, its thread waits.
_KEPT_BYTES = 4 << 20
#: Bytes at a time, on average, of a body whose sender is not slow.
_QUICK_BYTES = 1 << 13
#: Bodies of the largest size that there may be at a time, in reception or with a thread.
_LARGEST_BODIES = 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestProgress(Enum):
    """How far the request on a connection is."""

    #: More has to come.
    PARTIAL = auto()
    #: As the first, and there is more to look at before.
    CROWDED = auto()
    #: It is ready for the application.
    READY = auto()
    #: The caller has hung up between two requests.
    ENDED = auto()


class Stage(Enum):
    """What the loop waits for on a connection."""

    RECEIVING = auto()
    #: For nothing: a thread has it.
    WORKING = auto()
    SENDING = auto()
    DISCARDING = auto()


class CallerGone(Exception):
    """The caller has hung up, or takes nothing any more."""


@dataclass(frozen=True)
class BodyRule:
    """Whose bodies are received, of which size, and how quickly answers are to be taken."""

    limit: int
    bytes_per_s: int
    #: Whether a request with this environment may send its body.
    admits: Callable[[dict[str, Any]], bool]
    #: For the bodies of all connections together.
    room: BodyRoom = field(init=False)

    def __post_init__(self) -> None:
        """Make the room."""
        object.__setattr__(self, "room", BodyRoom(_LARGEST_BODIES * self.limit))


class Connection:
    """Connection of one caller.

    Parameters
    ----------
    sock : that does not block
    peer : address of the caller
    rule : about bodies
    """

    def __init__(self, sock: socket.socket, peer: Any, rule: BodyRule) -> None:
        self.sock = sock
        self.peer: str = peer[0]
        self._addresses = (peer, sock.getsockname())
        self._rule = rule
        self._received = bytearray()
        self.head: RequestHead | None = None
        #: Environment of the request that has come, or of which the body is on its way.
        self.environ: dict[str, Any] = {}
        self._body: BodyOfLength | BodyOfChunks | None = None
        self._room_bytes = 0
        #: What is still to be sent.
        self._pending: deque[memoryview] = deque()
        self._pending_bytes = 0
        #: What the caller has taken, of which the loop counts a part.
        self.taken_bytes = 0
        #: How long a thread has waited for the caller to take the present answer, and what it took.
        self._awaited_s, self._awaited_bytes = 0.0, 0
        self.stage = Stage.RECEIVING
        #: When the stage, the head or the body began.
        self.since_s = time.monotonic()
        #: How often something of the present request has come.
        self.receptions = 0
        #: Whether a request has come from somebody who may call.
        self.has_called = False
        #: Whether the connection ends after the present answer.
        self.ends = False
        #: Whether the caller may still be sending what nobody reads.
        self.is_unread = False
        #: Why the request that was on its way is refused.
        self.refusal: UnreadableRequest | None = None
        self.discarded_bytes = 0

    @property
    def is_idle(self) -> bool:
        """Return whether nothing of a request has come."""
        return self.head is None and not self._received

    @property
    def awaits_request(self) -> bool:
        """Return whether the loop waits for a request of which nothing has come."""
        return self.stage is Stage.RECEIVING and self.is_idle

    @property
    def has_more(self) -> bool:
        """Return whether something has come that belongs to the next request."""
        return bool(self._received)

    @property
    def linger(self) -> Linger:
        """Return how long the caller may go on sending after the last answer."""
        return CALLER_LINGER if self.has_called else STRANGER_LINGER

    @property
    def body_count(self) -> int | None:
        """Return the bytes that have come of a body on its way; ``None`` without one."""
        return None if self._body is None else self._body.count

    @property
    def is_quick(self) -> bool:
        """Return whether what comes is much at a time."""
        body = self._body
        return body is not None and body.count > self.receptions * _QUICK_BYTES

    def receive(self) -> RequestProgress:
        """Receive what has come, without waiting for more.

        Raises
        ------
        UnreadableRequest
            If it is no request.
        """
        body = self._body
        try:
            if isinstance(body, BodyOfLength) and not self._received:
                reception = body.receive(self.sock)
                self.receptions += 1
                return self._on(reception)
            data = self.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return RequestProgress.PARTIAL
        except OSError:
            return RequestProgress.ENDED if body is None else self._on(Reception.BROKEN)
        if data:
            self.receptions += 1
            if self.is_idle:
                self.since_s = time.monotonic()
            self._received += data
            return self.advance()
        if body is not None:
            return self._on(Reception.BROKEN)
        if self._received:
            raise UnreadableRequest(400, "MalformedRequest", "the request ended in its head")
        return RequestProgress.ENDED

    def advance(self) -> RequestProgress:
        """Go on with what has been received.

        Raises
        ------
        UnreadableRequest
            If it is no request.
        """
        if self._body is None:
            end = head_end(self._received)
            if end is None:
                return RequestProgress.PARTIAL
            self.head = head = parse_head(bytes(self._received[:end]))
            del self._received[:end]
            self.environ = make_environ(head, self.sock, *self._addresses)
            self.ends = not head.keeps_alive
            if head.is_chunked:
                self._body = BodyOfChunks(self._rule.limit)
            elif not head.length:
                return self._ready(b"", True)
            elif len(self._received) >= head.length <= self._rule.limit:
                data = bytes(self._received[: head.length])
                del self._received[: head.length]
                return self._ready(data, True)
            if head.length > self._rule.limit or not self._rule.admits(self.environ):
                # Answered without its body.
                self._abandon()
                return self._ready(b"", False)
            self.has_called = True
            if not head.is_chunked:
                self._body = BodyOfLength(head.length)
            self.since_s = time.monotonic()
            if head.expects_continue and not self._received:
                with contextlib.suppress(OSError):
                    self.sock.send(_CONTINUE)
        assert self._body is not None
        count = self._body.count
        reception = self._body.feed(self._received)
        return self._on(reception, self._body.count > count)

    def _on(self, reception: Reception, has_gone_on: bool = False) -> RequestProgress:
        assert self._body is not None
        more = self._body.count - PIECE_BYTES - self._room_bytes
        if more > 0 and reception is not Reception.BROKEN:
            if not self._rule.room.take(more):
                self._body = None
                self._abandon()
                self.leave_room()
                raise UnreadableRequest(
                    503, "TooManyBodies", "too many large bodies are on their way; try again later"
                )
            self._room_bytes += more
        if reception is Reception.PARTIAL:
            # Of many small chunks some are left for later; of a trailer, its rest has to come.
            is_crowded = has_gone_on and len(self._received) > 256
            return RequestProgress.CROWDED if is_crowded else RequestProgress.PARTIAL
        if reception is Reception.WHOLE:
            return self._ready(self._body.data, True)
        data = self._body.data[: self._body.count]
        self._abandon()
        return self._ready(data, False)

    def _abandon(self) -> None:
        self.ends = self.is_unread = True
        self._received.clear()

    def _ready(self, data: Any, is_whole: bool) -> RequestProgress:
        self._body = None
        self.receptions = 0
        set_body(self.environ, data, is_whole)
        return RequestProgress.READY

    def begin_answer(self) -> None:
        """Forget the request, whose answer begins."""
        self.head = None
        self.environ = {}
        self._awaited_s, self._awaited_bytes = 0.0, 0

    def leave_room(self) -> None:
        """Give back what the last body had of the room of all."""
        if self._room_bytes:
            self._rule.room.give_back(self._room_bytes)
        self._room_bytes = 0

    def send(self, *parts: Any) -> None:
        """Send a part of an answer; keep what the caller does not take yet, up to a limit.

        Raises
        ------
        CallerGone
            If it can't be sent.
        """
        left = [memoryview(part) for part in parts]
        if not self._pending:
            left = self._send(left)
        for part in left:
            self._pending.append(part)
            self._pending_bytes += len(part)
        while self._pending_bytes > _KEPT_BYTES:
            began_s, taken = time.monotonic(), self.taken_bytes
            poll = select.poll()
            poll.register(self.sock, select.POLLOUT)
            poll.poll(1000)
            self.flush()
            # Of the whole answer, as each of its parts alone would soon be taken.
            self._awaited_s += time.monotonic() - began_s
            self._awaited_bytes += self.taken_bytes - taken
            if self._awaited_bytes < (self._awaited_s - TAKING_GRACE_S) * self._rule.bytes_per_s:
                self._pending.clear()
                self._pending_bytes = 0
                raise CallerGone

    def flush(self) -> bool:
        """Send what was kept, as far as that goes at once; return whether that is all.

        Raises
        ------
        CallerGone
            If it can't be sent.
        """
        while self._pending:
            part = self._pending.popleft()
            left = self._send([part])
            self._pending_bytes -= len(part) - sum(map(len, left))
            if left:
                self._pending.extendleft(left)
                return False
        return True

    def _send(self, parts: list[memoryview]) -> list[memoryview]:
        """Send what can be sent at once; return the rest."""
        try:
            count = self.sock.sendmsg(parts)
        except BlockingIOError:
            return parts
        except OSError as error:
            raise CallerGone from error
        self.taken_bytes += count
        while parts and count >= len(parts[0]):
            count -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][count:]
        return parts

    def half_close(self) -> None:
        """Say that the last answer was sent."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def discard(self) -> bool:
        """Throw away what has come; return whether more of it may be."""
        try:
            # The system throws it away (tcp(7)), so that nothing is copied.
            count = self.sock.recv_into(_scratch, PIECE_BYTES, socket.MSG_TRUNC)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.receptions += 1
        self.discarded_bytes += count
        return count > 0 and self.discarded_bytes < self.linger.size_bytes

    def close(self) -> None:
        """Close the connection."""
        self.leave_room()
        self.sock.close()


_scratch = bytearray(PIECE_BYTES)
