"""Random bytes and mutated messages at the sockets of a nestd and of a gateway."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from protocol.process.polling import poll_until
from protocol.runtime.private_files import write_private
from protocol.wire.messages import Event
from tests.acceptance.soak import mutations
from tests.acceptance.soak.resources import rss_mib
from tests.acceptance.soak.sockets import Asking, stream_to, subscribe_to
from tests.integration.events import events
from tests.integration.pending import processes
from tests.integration.servers import DEADLINE_S, Server

#: How much more memory a process may have after nine tenths than after one, in MiB.
GROWTH_MIB = 8.0
#: Messages that are sent before their answers are awaited.
_BATCH = 50
_LONGEST_BYTES = 1 << 16
#: Of all frames, those that the gateway gets.
_EVENTS_PART = 0.25


@dataclass
class Fuzzed:
    """What came of it."""

    seed: int
    size_bytes: int = 0
    frames: int = 0
    answers: int = 0
    told: int = 0
    took_s: float = 0.0
    #: MiB after a tenth, and how many more at the end, by process.
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        grown = ", ".join(
            f"{who} {at:.1f} {more:+.1f} MiB" for who, (at, more) in self.memory.items()
        )
        return (
            f"{self.size_bytes} random bytes, {self.frames} frames to ROUTER with {self.answers} "
            f"answers, {self.told} to SUB, in {self.took_s:.0f} s; {grown}; seed {self.seed}"
        )


class Fuzz:
    """Sends it to a server, which nobody else uses meanwhile.

    Parameters
    ----------
    server : whose sockets are meant
    size_bytes : random bytes to send, over all kinds of connections
    number : mutated messages to send
    seed : of what is random
    """

    def __init__(self, server: Server, size_bytes: int, number: int, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)
        self._info = server.connection_info()
        self._size_bytes = size_bytes
        self._number = number
        self.found = Fuzzed(seed)

    def run(self) -> Fuzzed:
        """Send all of it; what came of it."""
        began_s = time.monotonic()
        server = self._server
        server.call("Create", ["iaf_psc_alpha", 2])
        told = round(self._number * _EVENTS_PART)
        asked = self._number - told
        self._send(asked // 10, self._size_bytes // 10)
        before = self._memory()
        self._send(asked - asked // 10, self._size_bytes - self._size_bytes // 10)
        self._note("nestd", before, self._memory())
        if told:
            self._tell(told)
        self._check("all")
        self.found.took_s = time.monotonic() - began_s
        return self.found

    def _memory(self) -> float:
        return sum(rss_mib(one["pid"]) for one in self._info["processes"])

    def _note(self, who: str, before: float, after: float) -> None:
        self.found.memory[who] = (before, after - before)
        if after - before > GROWTH_MIB:
            self.found.wrong.append(f"{who} grew from {before:.1f} MiB by {after - before:.1f} MiB")

    def _send(self, number: int, size_bytes: int) -> None:
        self._send_mutated(number)
        self._check("mutated messages")
        share = size_bytes // 4
        self._send_messages(share)
        self._check("random messages")
        self._subscribe(share)
        self._check("random subscriptions")
        self._stream(size_bytes - 2 * share)
        self._check("random streams")

    def _check(self, after: str) -> None:
        """It has to be the same kernel, and to answer."""
        info = self._server.connection_info()
        if info["generation"] != self._info["generation"]:
            self.found.wrong.append(f"the kernel died of {after}")
            self._info = info
        if self._server.call("network_size") != 2:
            self.found.wrong.append(f"the network changed by {after}")

    def _send_mutated(self, number: int) -> None:
        seeds = [mutations.encoded(m) for m in mutations.messages(self._info["generation"])]
        self._ask(
            mutations.mutated(self._chance, list(self._chance.choice(seeds))) for _ in range(number)
        )
        self.found.frames += number

    def _send_messages(self, size_bytes: int) -> None:
        def some() -> Iterator[list[bytes]]:
            left = size_bytes
            while left > 0:
                size = min(left, self._size())
                left -= size
                yield mutations.random_frames(self._chance, size)

        self._ask(some())
        self.found.size_bytes += size_bytes

    def _size(self) -> int:
        # Short ones more often: they are more.
        return int(_LONGEST_BYTES ** self._chance.random())

    def _ask(self, messages: Iterator[list[bytes]]) -> None:
        with Asking(self._info["command_endpoint"]) as asking:
            while True:
                batch = [message for _, message in zip(range(_BATCH), messages, strict=False)]
                for message in batch:
                    asking.send(message)
                if not asking.await_answers():
                    missing = asking.sent - asking.answered
                    self.found.wrong.append(f"{missing} of {_BATCH} messages got no answer")
                    break
                if len(batch) < _BATCH:
                    break
            self.found.answers += asking.answered
            if asking.garbage:
                self.found.wrong.append(f"{asking.garbage} answers are no messages")

    def _subscribe(self, size_bytes: int) -> None:
        left = size_bytes
        while left > 0:
            part = min(left, 1 << 17)
            left -= part
            subscribe_to(self._info["events_endpoint"], self._subscriptions(part))
            # PUB looks at its peers when it has something to tell, such as that this was refused;
            # until then all subscriptions lie there, with those of peers that have gone.
            self._ask(iter([[b"no message"]]))
        self.found.size_bytes += size_bytes

    def _subscriptions(self, size_bytes: int) -> Iterator[bytes]:
        while size_bytes > 0:
            size = min(size_bytes, self._chance.randint(1, 4096))
            size_bytes -= size
            data = self._chance.randbytes(size)
            # Half are subscriptions, or ends of some, and half are anything.
            yield self._chance.choice((data, bytes([self._chance.randint(0, 1)]) + data[1:]))

    def _stream(self, size_bytes: int) -> None:
        left = size_bytes
        while left > 0:
            size = min(left, self._size())
            left -= size
            endpoint, kind = self._chance.choice(
                [("command_endpoint", "DEALER"), ("events_endpoint", "SUB")]
            )
            handshake = self._chance.choice((None, kind))
            stream_to(self._info[endpoint], self._chance.randbytes(size), handshake)
        self.found.size_bytes += size_bytes

    def _tell(self, number: int) -> None:
        """Mutated events for a gateway, in place of those of its kernel."""
        seeds = [mutations.encoded(one) for one in mutations.events()]
        with _another_teller(self._server) as tell, events(self._server, "?recorder=1") as read:
            (gateway,) = processes(self._server, "gateway")[-1:]
            last = mutations.encoded(Event("log", {"text": "the last one"}))
            seen = threading.Event()
            reader = threading.Thread(target=_await_last, args=(read, seen), daemon=True)
            reader.start()
            before = 0.0
            for at in range(number):
                tell(mutations.mutated(self._chance, list(self._chance.choice(seeds))))
                if at == number // 2:
                    # Its buffer for readers, which has a limit, is full or half of all are there.
                    before = rss_mib(gateway)
                if at % 200 == 199:
                    # No faster than the gateway takes them, else it is told fewer.
                    poll_until(lambda: self._server.get("/healthz").ok, DEADLINE_S)

            def heard() -> bool:
                tell(last)
                return seen.wait(0.2)

            if not poll_until(heard, 10.0):
                self.found.wrong.append("a reader of events no longer hears any")
            self._note("gateway", before, rss_mib(gateway))
            if not self._server.get("/healthz").ok:
                self.found.wrong.append("the gateway no longer answers")
            if gateway not in processes(self._server, "gateway"):
                self.found.wrong.append("the gateway died of mutated events")
        self.found.told = number


def _await_last(read: Iterator[Any], seen: threading.Event) -> None:
    for _, _, facts in read:
        if facts.get("text") == "the last one":
            seen.set()
            return


@contextmanager
def _another_teller(server: Server) -> Iterator[Any]:
    """Has a new gateway listen to a PUB socket of ours; gives what sends to it."""
    path = server.runtime.directory / f"server-{server.port}" / "connection.json"
    before = path.read_bytes()
    endpoint = f"ipc://{server.runtime.directory}/fuzz.sock"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.PUB) as socket:
            socket.set_hwm(0)
            socket.linger = 0
            socket.bind(endpoint)
            info = json.loads(before) | {"events_endpoint": endpoint}
            write_private(path, json.dumps(info).encode())
            _replace_gateway(server)
            yield socket.send_multipart
    finally:
        context.term()
        Path(endpoint.removeprefix("ipc://")).unlink(missing_ok=True)
        write_private(path, before)
        _replace_gateway(server)


def _replace_gateway(server: Server) -> None:
    server.session.close()
    done = server.runtime.run("restart", "--gateway", "-p", str(server.port))
    assert done.returncode == 0, done.stderr
