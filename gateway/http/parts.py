"""Bodies that come in parts, as they are over the limit of one request.

A client sends the parts of such a body first, and then an empty request that names them. The parts
have one room for all clients, and lie where the body will be read: joining them copies nothing.
What nobody names goes with its client, or after a minute without another part.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flask import Request

from gateway.http.request_log import CLIENT_HEADER
from gateway.server.body import ReceivedBody
from protocol.body_parts import PARTS_HEADER
from protocol.errors import MalformedRequest, RequestTooLarge, Unavailable
from protocol.wire.values import Buffer

#: Time without another part after which a body goes.
_KEPT_S = 60.0
#: When a body for which there is no room may have some.
_RETRY_S = 5


@dataclass
class _Body:
    """Body of which parts have come, one after the other."""

    data: memoryview
    changed_s: float
    count: int = 0


class BodyParts:
    """Bodies that come in parts. Safe for threads.

    Parameters
    ----------
    size_bytes : of all bodies together, each until its request is answered
    clock : gives seconds
    """

    def __init__(self, size_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.size_bytes = size_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._taken = 0
        self._bodies: dict[tuple[str, str], _Body] = {}

    def add(self, client: str, id: str, size: int, at: int, data: Buffer) -> None:
        """Add the next part of a body; the first one makes it.

        Parameters
        ----------
        client, id : names of the client and of its body
        size : of the whole body, in bytes
        at : place of the part in it
        data : of the part

        Raises
        ------
        RequestTooLarge
            If the body is larger than all may be.
        Unavailable
            If others leave no room.
        MalformedRequest
            If parts are missing, or don't fit into the body.
        """
        with self._lock:
            self._tidy()
            if at == 0:
                self._make(client, id, size)
            body = self._bodies.get((client, id))
            if body is None or body.count != at or len(body.data) != size:
                raise MalformedRequest(
                    "a part comes without those before it, which may be gone; begin anew"
                )
            if at + len(data) > size:
                raise MalformedRequest(f"the parts have more than {size} bytes")
            body.data[at : at + len(data)] = data
            body.count += len(data)
            body.changed_s = self._clock()

    def take(self, client: str, id: str) -> memoryview:
        """Return a body that is whole, and forget it; :meth:`give_back` returns its room.

        Raises
        ------
        MalformedRequest
            If it is not whole, or gone.
        """
        with self._lock:
            body = self._bodies.get((client, id))
            if body is None or body.count < len(body.data):
                raise MalformedRequest(
                    "the parts of this body are not all here; the gateway may have been started "
                    "anew meanwhile: make the call again"
                )
            return self._bodies.pop((client, id)).data

    def give_back(self, size: int) -> None:
        """Give back the room of a body whose request was answered."""
        with self._lock:
            self._taken -= size

    def drop(self, client: str) -> None:
        """Forget the bodies of a client that has ended."""
        with self._lock:
            for key in [key for key in self._bodies if key[0] == client]:
                self._forget(key)

    def _make(self, client: str, id: str, size: int) -> None:
        asked = f"the body has {size / 2**20:.0f} MiB"
        if not 0 < size <= self.size_bytes:
            raise RequestTooLarge(
                f"{asked}, and all that come in parts may have {self.size_bytes >> 20} MiB; raise "
                "it with NEST_SERVER_PARTS_MIB where the server is started"
            )
        self._forget((client, id))
        if self._taken + size > self.size_bytes:
            raise Unavailable(
                f"{asked}, and others leave no room for it; try again later",
                retry_after_s=_RETRY_S,
            )
        self._taken += size
        # Only what comes is touched, and taken from the system.
        self._bodies[client, id] = _Body(np.empty(size, np.uint8).data, self._clock())

    def _tidy(self) -> None:
        until_s = self._clock() - _KEPT_S
        for key in [key for key, body in self._bodies.items() if body.changed_s < until_s]:
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        body = self._bodies.pop(key, None)
        if body is not None:
            self._taken -= len(body.data)


def join_parts(request: Request, parts: BodyParts) -> int:
    """Give ``request`` the body whose parts it names; return the room to be given back.

    Raises
    ------
    MalformedRequest
        If they are not all here.
    """
    id = request.headers.get(PARTS_HEADER)
    if id is None:
        return 0
    data = parts.take(request.headers.get(CLIENT_HEADER, ""), id)
    request.environ["wsgi.input"] = ReceivedBody(data, True)
    request.environ["CONTENT_LENGTH"] = str(len(data))
    request.max_content_length = len(data)
    return len(data)
