"""What is kept of events for readers, and what they are told they have missed."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import zmq

from gateway.events import hub as module
from gateway.events.hub import EventHub
from gateway.kernel.client import KernelClient
from protocol.errors import KernelLost, KernelUnavailable
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.status_file import Status
from protocol.wire.messages import Failure, Result
from tests.unit.kernels import KERNEL

DEADLINE_S = 30.0


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventHub]:
    """Events of a gateway whose kernel is not there."""
    connection = KernelClient(tmp_path / "connection.json", tmp_path / "exit.json", 4)
    found = EventHub(connection)
    yield found
    found.close()
    connection.close()


@dataclass
class Kernels:
    """A connection to one kernel after the other, of which one has keys that nobody can read."""

    now: ConnectionInfo
    present: Status = field(default_factory=Status)
    refused: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def link(self) -> Kernels:
        return self

    @property
    def channels(self) -> Kernels:
        return self

    @property
    def status(self) -> Kernels:
        return self

    def info(self) -> ConnectionInfo:
        return self.now

    def read(self) -> Status:
        return self.present

    def keys(self, info: ConnectionInfo) -> None:
        if info.is_linked:
            self.refused.release()
            raise KernelUnavailable("others can read the secret key")


def kernel(generation: str, endpoint: str) -> ConnectionInfo:
    return replace(
        KERNEL, generation=generation, command_endpoint=endpoint, events_endpoint=endpoint
    )


def told(events: EventHub, since: str) -> list[tuple[str, Any]]:
    """What a reader gets who comes back with the id of an event, up to the newest."""
    stream = events.stream(None, [], since)
    assert next(stream) == b": events\n\n"
    found = []
    while not found or found[-1][1].get("number") != "last":
        _, kind, data, *_ = next(stream).decode().split("\n")
        found.append((kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def first(events: EventHub) -> str:
    """The id of an event that is there before all others."""
    events.publish("log", {"number": "first"})
    return f"{events._epoch}-1"


def test_reader_who_comes_back_has_missed_nothing_of_a_few(events: EventHub) -> None:
    since = first(events)
    for number in (1, 2, "last"):
        events.publish("log", {"number": number})
    assert told(events, since) == [("log", {"number": number}) for number in (1, 2, "last")]


def test_state_that_several_tell_of_is_told_once(events: EventHub) -> None:
    """Of a command's end the kernel tells, and the gateway that has lost the kernel or its job."""
    since = first(events)
    lost = Failure("a", "", KernelLost("the kernel was stopped"))
    for state in ("queued", "running", "running", "done"):
        events.publish("state", {"job": "b", "what": "Create", "state": state})
    events.publish_end("b", "Create", lost)
    events.publish_end("a", "Simulate", lost)
    events.publish("state", {"job": "a", "what": "Simulate", "state": "failed"})
    events.publish_end("c", "Connect", Result("c", "", None))
    # A name that a caller chooses again.
    events.publish("state", {"job": "c", "what": "Connect", "state": "running"})
    events.publish("log", {"number": "last"})
    states = [(facts["job"], facts["state"]) for kind, facts in told(events, since)[:-1]]
    assert states == [
        *[("b", "queued"), ("b", "running"), ("b", "done")],
        *[("a", "failed"), ("c", "done"), ("c", "running")],
    ]


def test_as_many_are_kept_as_may(events: EventHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 10)
    since = first(events)
    for number in range(100):
        events.publish("log", {"number": number})
    events.publish("log", {"number": "last"})
    dropped, *kept = told(events, since)
    assert dropped == ("dropped", {"count": 91})
    assert [facts["number"] for _, facts in kept] == [*range(91, 100), "last"]


def test_they_take_no_more_room_than_they_may(
    events: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 100_000)
    since = first(events)
    for number in range(100):
        events.publish("log", {"number": number, "times": np.zeros(1000)})
        events.publish("output", {"number": number, "text": "x" * 8000})
    events.publish("log", {"number": "last"})
    dropped, *kept = told(events, since)
    assert dropped == ("dropped", {"count": 201 - len(kept)})
    assert len(kept) == 13
    # One that has no room by itself is told nevertheless.
    events.publish("log", {"number": "last", "times": np.zeros(20_000)})
    (only,) = told(events, f"{events._epoch}-202")
    assert len(only[1]["times"]) == 20_000


def test_kernel_without_keys_is_told_of_once_it_has_some() -> None:
    with tempfile.TemporaryDirectory(prefix="nestd-t-") as directory, zmq.Context() as context:
        endpoint = f"ipc://{directory}/events.sock"
        with context.socket(zmq.PUB) as socket:
            socket.bind(endpoint)
            kernels = Kernels(kernel("first", endpoint))
            events = EventHub(cast(KernelClient, kernels))
            stream = events.stream(None, [], None)
            assert next(stream) == b": events\n\n"
            # NEST computes without slices, so the kernel itself tells nobody.
            kernels.present = Status("a", "Connect", since_s=1.0)
            _, _, data, *_ = next(stream).decode().split("\n")
            assert json.loads(data.removeprefix("data: ")) == {
                **{"job": "a", "what": "Connect", "state": "running"}
            }
            kernels.now = kernel("second", "tcp://192.0.2.1:1")
            for _ in range(3):
                assert kernels.refused.acquire(timeout=DEADLINE_S)
            kernels.now = kernel("third", endpoint)
            _, kind, data, *_ = next(stream).decode().split("\n")
            assert (kind, json.loads(data.removeprefix("data: "))["generation"]) == (
                "event: kernel",
                "third",
            )
            events.close()
            listener = events._listener
            assert listener is not None
            listener.join(DEADLINE_S)
            assert not listener.is_alive()
