"""What happens, for those who listen: from the kernel's PUB socket to any number of readers.

Events lie in one buffer of limited size, from which each reader reads at its own pace; one that is
too slow, or comes back later, is told how many it has missed. Nobody waits for a reader.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zmq

from gateway.events.spike_cursor import SpikeCursor
from gateway.kernel.channel import protect
from gateway.kernel.client import KernelClient
from protocol.errors import NestdError, ProtocolError
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.job_store import new_name
from protocol.wire import frames, json_form
from protocol.wire.messages import Event, Watch

#: Events that are kept for readers, and room that what they tell may take.
KEPT = 10_000
KEPT_BYTES = 64 << 20
#: How often it is looked whether there is another kernel.
_LOOK_MS = 250
#: A line without meaning after so long, which shows whether the reader is still there.
_HEARTBEAT_S = 10.0
#: How often the kernel is told that somebody watches recorders.
_WATCH_S = 2.0


@dataclass(frozen=True)
class Numbered:
    """An event with its number, which is one more than that of the event before."""

    number: int
    kind: str
    facts: dict[str, Any]
    #: About the room that it takes.
    size_bytes: int


class Events:
    """The events of one gateway.

    Parameters
    ----------
    connection : to the kernel
    """

    def __init__(self, connection: KernelClient) -> None:
        self._connection = connection
        #: Of this gateway: numbers of another's mean nothing here.
        self._epoch = secrets.token_hex(4)
        self._kept: deque[Numbered] = deque()
        self._kept_bytes = 0
        self._next = 1
        self._changed = threading.Condition()
        self._closed = False
        self._listener: threading.Thread | None = None

    def tell(self, kind: str, facts: dict[str, Any]) -> None:
        """Something happened."""
        size_bytes = _size(facts)
        with self._changed:
            self._kept.append(Numbered(self._next, kind, facts, size_bytes))
            self._kept_bytes += size_bytes
            self._next += 1
            # The newest stays, however large it is.
            while len(self._kept) > 1 and (len(self._kept) > KEPT or self._kept_bytes > KEPT_BYTES):
                self._kept_bytes -= self._kept.popleft().size_bytes
            self._changed.notify_all()

    def tell_line(self, level: str, text: str) -> None:
        """This gateway has logged a line."""
        self.tell("log", {"source": "gateway", "level": level, "text": text})

    def close(self) -> None:
        """Let all readers end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stream(
        self, job: str | None, recorders: Sequence[int], last_id: str | None
    ) -> Iterator[bytes]:
        """Events as the text of server-sent events, until the reader or this gateway ends.

        Parameters
        ----------
        job : whose events are wanted; ``None`` for all
        recorders : whose spikes are wanted
        last_id : of the last event that the reader has
        """
        self._listen()
        epoch, _, number = (last_id or "").partition("-")
        seen = SpikeCursor(recorders)
        # Whoever hears of the connection gets all that happens from then on.
        with self._changed:
            at = self._next
        # Proxies and clients then know that the connection stands.
        yield b": events\n\n"
        if last_id is not None and number.isdecimal():
            if epoch == self._epoch:
                at = min(at, int(number) + 1)
                seen.go_on()
            else:
                yield _text(f"{self._epoch}-{at - 1}", "dropped", {"reason": "another gateway"})
        watched_s = -_WATCH_S
        while True:
            if recorders and time.monotonic() >= watched_s + _WATCH_S:
                watched_s = time.monotonic()
                with contextlib.suppress(NestdError):
                    self._connection.notify(Watch(new_name(), list(recorders), seen.needs_all))
            with self._changed:
                if self._next <= at and not self._closed:
                    self._changed.wait(_WATCH_S if recorders else _HEARTBEAT_S)
                if self._closed:
                    return
                found = self._since(at)
                upto = self._next
            if not found and upto == at:
                yield b":\n\n"
                continue
            missed = (found[0].number if found else upto) - at
            if missed:
                yield _text(f"{self._epoch}-{at + missed - 1}", "dropped", {"count": missed})
            for one in found:
                facts = seen.unseen(one.kind, one.facts)
                if facts is not None and _is_wanted(one, job):
                    yield _text(f"{self._epoch}-{one.number}", one.kind, facts)
            at = upto

    def _since(self, number: int) -> list[Numbered]:
        """Those kept from a number on."""
        if not self._kept:
            return []
        skipped = max(0, number - self._kept[0].number)
        return [self._kept[index] for index in range(skipped, len(self._kept))]

    def _listen(self) -> None:
        """Hear the kernel from now on."""
        with self._changed:
            if self._listener is None:
                ready = threading.Event()
                self._listener = threading.Thread(
                    target=self._hear, args=(ready,), name="events", daemon=True
                )
                self._listener.start()
            else:
                return
        ready.wait(2.0)

    def _hear(self, ready: threading.Event) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        heard: ConnectionInfo | None = None
        socket: zmq.Socket[bytes] | None = None
        while not self._closed:
            try:
                info = self._connection.info()
            except NestdError:
                info = None
            if info is not None and (heard is None or info.generation != heard.generation):
                if socket is not None:
                    socket.close(linger=0)
                # Without keys that can be read there is none, and it is tried again.
                socket = self._subscribed(context, info)
                if socket is not None:
                    if heard is not None:
                        self.tell("kernel", {"generation": info.generation, "state": "new"})
                    heard = info
            ready.set()
            if socket is None:
                # There is nothing to wait on.
                time.sleep(_LOOK_MS / 1000)
            elif socket.poll(_LOOK_MS):
                self._take(socket.recv_multipart())
        context.destroy(linger=0)

    def _subscribed(
        self, context: zmq.Context[zmq.Socket[bytes]], info: ConnectionInfo
    ) -> zmq.Socket[bytes] | None:
        """A socket that hears a kernel; ``None`` if there are no keys for it."""
        socket = context.socket(zmq.SUB)
        socket.set_hwm(KEPT)
        socket.subscribe(b"")
        try:
            protect(socket, info, self._connection.channels.keys(info))
        except NestdError:
            socket.close(linger=0)
            return None
        socket.connect(info.events_endpoint)
        _await_subscription(socket)
        return socket

    def _take(self, parts: list[bytes]) -> None:
        try:
            message = frames.decode(parts)
        except ProtocolError:
            return
        if isinstance(message, Event):
            self.tell(message.kind, dict(message.facts))


def _await_subscription(socket: zmq.Socket[bytes]) -> None:
    """Return when the connection stands, or soon does."""
    monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    monitor.poll(1000)
    socket.disable_monitor()
    monitor.close(linger=0)


def _is_wanted(event: Numbered, job: str | None) -> bool:
    if job is None or event.kind in ("spikes", "kernel"):
        return True
    return event.facts.get("job") == job


def _size(facts: dict[str, Any]) -> int:
    """About the room that facts take: most is in arrays and texts."""
    return sum(
        value.nbytes if isinstance(value, np.ndarray) else len(value)
        for value in facts.values()
        if isinstance(value, (np.ndarray, str))
    )


def _text(id: str, kind: str, facts: dict[str, Any]) -> bytes:
    data = json_form.dumps(facts)
    return f"id: {id}\nevent: {kind}\ndata: ".encode() + data + b"\n\n"
