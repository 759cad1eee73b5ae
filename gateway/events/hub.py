"""Event hub: from the kernel's PUB socket to any number of readers.

Events lie in one buffer of limited size, from which each reader reads at its own pace. A reader
that is too slow, or comes back later, is told how many it has missed. Nothing waits for a reader.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zmq

from gateway.events.spike_cursor import SpikeCursor
from gateway.jobs.rules import final_state
from gateway.kernel.client import KernelClient
from protocol.channel.channel import protect
from protocol.errors import NestdError, ProtocolError
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.job_store import new_name
from protocol.wire import frames, json_form
from protocol.wire.messages import FINAL_STATES, Event, Failure, Result, Watch

#: Events that are kept for readers, and room that their facts may take.
KEPT = 10_000
KEPT_BYTES = 64 << 20
#: Time between two checks whether there is another kernel.
_KERNEL_CHECK_MS = 250
#: Time after which a line without meaning is sent, to see whether the reader is there.
_HEARTBEAT_S = 10.0
#: Age at which a command that runs is announced; its kernel may be at a call without slices.
_ANNOUNCED_S = 0.7
#: Commands of which the newest state is remembered.
_STATES = 4096
#: How often the kernel is told which recorders are watched.
_WATCH_S = 2.0


@dataclass(frozen=True)
class NumberedEvent:
    """Event with its number, which is one more than that of the event before."""

    number: int
    kind: str
    facts: dict[str, Any]
    #: About the room that the event takes.
    size_bytes: int


class EventHub:
    """Events of one gateway.

    Parameters
    ----------
    kernel : that publishes events
    """

    def __init__(self, kernel: KernelClient) -> None:
        self._kernel = kernel
        #: Names this gateway: numbers of another's events mean nothing here.
        self._epoch = secrets.token_hex(4)
        self._kept: deque[NumberedEvent] = deque()
        self._kept_bytes = 0
        self._next = 1
        #: Newest published state of each command, by its id.
        self._states: OrderedDict[str, str] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._listener: threading.Thread | None = None

    def publish(self, kind: str, facts: dict[str, Any]) -> None:
        """Keep an event for all readers, unless they know from another source what it says."""
        size_bytes = _size(facts)
        with self._changed:
            if kind == "state" and not self._is_new_state(facts["job"], facts["state"]):
                return
            self._kept.append(NumberedEvent(self._next, kind, facts, size_bytes))
            self._kept_bytes += size_bytes
            self._next += 1
            # The newest event stays, however large it is.
            while len(self._kept) > 1 and (len(self._kept) > KEPT or self._kept_bytes > KEPT_BYTES):
                self._kept_bytes -= self._kept.popleft().size_bytes
            self._changed.notify_all()

    def _is_new_state(self, id: str, state: str) -> bool:
        """Return whether a state is new of a command, and remember it: the first end counts."""
        before = self._states.pop(id, "")
        is_new = state != before and not (before in FINAL_STATES and state in FINAL_STATES)
        self._states[id] = state if is_new else before
        if len(self._states) > _STATES:
            self._states.popitem(last=False)
        return is_new

    def publish_end(self, id: str, label: str, answer: Result | Failure) -> None:
        """Keep the event that a command has ended, whose kernel may have told nobody."""
        facts = {"job": id, "what": label, "state": final_state(answer)}
        if isinstance(answer, Failure):
            facts["message"] = answer.error.message
        self.publish("state", facts)

    def publish_line(self, level: str, text: str) -> None:
        """Publish a line that this gateway has logged."""
        self.publish("log", {"source": "gateway", "level": level, "text": text})

    def close(self) -> None:
        """End the streams of all readers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stream(
        self, job: str | None, recorders: Sequence[int], last_id: str | None
    ) -> Iterator[bytes]:
        """Yield events as the text of server-sent events, until the reader or this gateway ends.

        Parameters
        ----------
        job : whose events are wanted; ``None`` for all
        recorders : whose spikes are wanted
        last_id : of the last event that the reader has
        """
        self._listen()
        epoch, _, number = (last_id or "").partition("-")
        cursor = SpikeCursor(recorders)
        # A reader that sees the connection gets all events from then on.
        with self._changed:
            at = self._next
        # Shows proxies and clients that the connection is established.
        yield b": events\n\n"
        if last_id is not None and number.isdecimal():
            if epoch == self._epoch:
                at = min(at, int(number) + 1)
                cursor.resume()
            else:
                yield _text(f"{self._epoch}-{at - 1}", "dropped", {"reason": "another gateway"})
        watched_s = -_WATCH_S
        while True:
            if recorders and time.monotonic() >= watched_s + _WATCH_S:
                watched_s = time.monotonic()
                with contextlib.suppress(NestdError):
                    for anew in (True, False):
                        if watched := cursor.watched(anew):
                            self._kernel.notify(Watch(new_name(), watched, anew))
            with self._changed:
                if self._next <= at and not self._closed:
                    self._changed.wait(_WATCH_S if recorders else _HEARTBEAT_S)
                if self._closed:
                    return
                events = self._since(at)
                end = self._next
            if not events and end == at:
                yield b":\n\n"
                continue
            missed = (events[0].number if events else end) - at
            if missed:
                yield _text(f"{self._epoch}-{at + missed - 1}", "dropped", {"count": missed})
            for event in events:
                facts = cursor.unseen(event.kind, event.facts)
                if facts is not None and _is_wanted(event, job):
                    yield _text(f"{self._epoch}-{event.number}", event.kind, facts)
            at = end

    def _since(self, number: int) -> list[NumberedEvent]:
        """Return the kept events from a number on."""
        if not self._kept:
            return []
        skipped = max(0, number - self._kept[0].number)
        return [self._kept[index] for index in range(skipped, len(self._kept))]

    def _listen(self) -> None:
        """Receive the kernel's events from now on."""
        with self._changed:
            if self._listener is None:
                ready = threading.Event()
                self._listener = threading.Thread(
                    target=self._receive, args=(ready,), name="events", daemon=True
                )
                self._listener.start()
            else:
                return
        ready.wait(2.0)

    def _announce(self) -> None:
        """Publish that a command runs, if its kernel can't, or has before this gateway listened."""
        status = self._kernel.status.read()
        if not status.id or self._states.get(status.id, "queued") != "queued":
            return
        if time.time() - status.since_s >= _ANNOUNCED_S:
            facts = {"job": status.id, "what": status.label, "state": "running"}
            self.publish("state", facts)

    def _receive(self, ready: threading.Event) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        generation: str | None = None
        socket: zmq.Socket[bytes] | None = None
        announce_s = 0.0
        while not self._closed:
            try:
                info = self._kernel.status.info()
            except NestdError:
                info = None
            if info is not None and info.generation != generation:
                if socket is not None:
                    socket.close(linger=0)
                # There is no socket while keys can't be read; the next round tries again.
                socket = self._subscribe(context, info)
                if socket is not None:
                    if generation is not None:
                        self.publish("kernel", {"generation": info.generation, "state": "new"})
                    generation = info.generation
            ready.set()
            if socket is None:
                # There is no socket to wait on.
                time.sleep(_KERNEL_CHECK_MS / 1000)
                continue
            if socket.poll(_KERNEL_CHECK_MS):
                self._on_message(socket.recv_multipart())
            if time.monotonic() >= announce_s:
                announce_s = time.monotonic() + _KERNEL_CHECK_MS / 1000
                self._announce()
        context.destroy(linger=0)

    def _subscribe(
        self, context: zmq.Context[zmq.Socket[bytes]], info: ConnectionInfo
    ) -> zmq.Socket[bytes] | None:
        """Return a socket that receives a kernel's events; ``None`` if there are no keys for it."""
        socket = context.socket(zmq.SUB)
        socket.set_hwm(KEPT)
        socket.subscribe(b"")
        try:
            protect(socket, info, self._kernel.link.channels.keys(info))
        except NestdError:
            socket.close(linger=0)
            return None
        socket.connect(info.events_endpoint)
        _await_subscription(socket)
        return socket

    def _on_message(self, parts: list[bytes]) -> None:
        try:
            message = frames.decode(parts)
        except ProtocolError:
            return
        if isinstance(message, Event):
            self.publish(message.kind, dict(message.facts))


def _await_subscription(socket: zmq.Socket[bytes]) -> None:
    """Wait until the connection is established, for at most a second."""
    monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    monitor.poll(1000)
    socket.disable_monitor()
    monitor.close(linger=0)


def _is_wanted(event: NumberedEvent, job: str | None) -> bool:
    if job is None or event.kind in ("spikes", "kernel"):
        return True
    return event.facts.get("job") == job


def _size(facts: dict[str, Any]) -> int:
    """Estimate the room that facts take: most is in arrays and texts."""
    return sum(
        value.nbytes if isinstance(value, np.ndarray) else len(value)
        for value in facts.values()
        if isinstance(value, (np.ndarray, str))
    )


def _text(id: str, kind: str, facts: dict[str, Any]) -> bytes:
    data = json_form.dumps(facts)
    return f"id: {id}\nevent: {kind}\ndata: ".encode() + data + b"\n\n"
