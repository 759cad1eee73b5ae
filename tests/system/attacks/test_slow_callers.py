"""Slow and greedy callers, and those who show no token, keep nobody else waiting."""

from __future__ import annotations

import http.client
import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S
from tests.system.attacks.targets import ANSWERS_S, Target, attacked

#: Addresses of this machine, so that a limit of connections per peer tells the callers apart.
ATTACKER, OTHER = "127.0.0.3", "127.0.0.2"
#: How long an attack lasts.
ATTACK_S = 3.0
#: How long connections are made before it: a server that is full takes them slowly.
CONNECTING_S = 3.0
#: A small call of somebody else during an attack: at most so much longer than in peace, but for
#: what a busy machine takes anyway.
SLOWER, BUSY_S = 3.0, 0.5


def small_call(target: Target, timeout_s: float = 5.0) -> float:
    """Return how long a small call of somebody else takes, on a connection of its own."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(
        "127.0.0.1", target.server.port, timeout_s, source_address=(OTHER, 0)
    )
    try:
        connection.request(
            "POST",
            "/api/GetKernelStatus",
            '{"keys": "resolution"}',
            {"Content-Type": "application/json", "NESTServerAuth": target.server.token or ""},
        )
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, b"0.1")
    finally:
        connection.close()
    return time.monotonic() - began


def percentile(times_s: list[float]) -> float:
    return statistics.quantiles(times_s, n=100)[98] if len(times_s) > 1 else times_s[0]


def measure(target: Target, seconds: float) -> list[float]:
    """Return how long small calls take, one after the other."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            times.append(small_call(target))
        except (OSError, AssertionError, http.client.HTTPException):
            return [*times, float("inf")]
    return times


@dataclass
class Flood:
    """Connections of one peer, each of which is fed a little at a time."""

    port: int
    count: int
    #: Sent at once.
    head: bytes
    #: Sent to each connection again and again; nothing for idle ones.
    drop: bytes
    pause_s: float = 0.5
    sockets: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        over = Event()
        thread = Thread(target=self._feed, args=(over,))
        self._connect()
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(DEADLINE_S)
            for one in self.sockets:
                one.close()

    def _connect(self) -> None:
        end = time.monotonic() + CONNECTING_S
        for _ in range(self.count):
            if time.monotonic() > end:
                return
            one = socket.socket()
            one.settimeout(0.5)
            try:
                one.bind((ATTACKER, 0))
                one.connect(("127.0.0.1", self.port))
                one.sendall(self.head)
            except OSError:
                # There is no more room for this peer, which is an answer.
                one.close()
                continue
            one.setblocking(False)
            self.sockets.append(one)

    def _feed(self, over: Event) -> None:
        while not over.wait(self.pause_s):
            for one in self.sockets:
                if self.drop:
                    with suppress(OSError):
                        one.send(self.drop)


POST = b"POST /api/Create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
#: Count of connections, head and drop.
FLOODS: dict[str, tuple[int, bytes, bytes]] = {
    "slow heads": (300, b"GET /healthz HTTP/1.1\r\n", b"x"),
    "slow heads of whole lines": (300, b"GET /healthz HTTP/1.1\r\n", b"X-A: b\r\n"),
    "one byte of a request line": (300, b"G", b"E"),
    "slow bodies": (300, POST + b"Content-Length: 100000\r\n\r\n[", b" "),
    "slow bodies of open addresses": (
        300,
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
        b" ",
    ),
    "one-byte chunks": (
        300,
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n",
    ),
    "slow chunk sizes": (300, POST + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "slow trailers": (300, POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"),
    "idle connections": (3000, b"", b""),
    "idle connections after an answer": (600, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    "readers that never read": (
        300,
        b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
        b"",
    ),
    "pages asked for without an end": (
        300,
        b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n" * 50,
        b"",
    ),
    "a protocol that is not HTTP": (300, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00"),
    "upgrades": (
        300,
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"\x00",
    ),
    "the start of HTTP/2": (300, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00"),
}


#: Those that have the server do work, and share the processor with others.
WORK = ("readers that never read", "pages asked for without an end")


@pytest.fixture(scope="module")
def besieged() -> Iterator[Target]:
    """A server that is kept busy."""
    with attacked() as target:
        measure(target, 1.0)
        yield target
        assert target.server.get("/").status_code == 200


@pytest.mark.parametrize("name", FLOODS)
def test_slow_callers_do_not_keep_others_waiting(besieged: Target, name: str) -> None:
    target = besieged
    count, head, drop = FLOODS[name]
    with target.unharmed():
        # Each time anew, as other tests keep the machine busy, too.
        peace_s = percentile(measure(target, 1.5))
        with Flood(target.server.port, count, head, drop).running():
            attack_s = percentile(measure(target, ATTACK_S))
        # The server gets over it by itself.
        assert poll_until(lambda: measure(target, 0.2)[-1] < 1.0, 20.0), "it does not recover"
    least_s = ANSWERS_S if name in WORK else BUSY_S
    assert attack_s <= max(SLOWER * peace_s, least_s), (attack_s, peace_s)


# Bodies of those who show no token.

_HEADS: dict[str, bytes] = {
    "a length": b"Content-Length: 943718400\r\n",
    "chunks": b"Transfer-Encoding: chunked\r\n",
    "a promise": b"Content-Length: 943718400\r\nExpect: 100-continue\r\n",
    "a wrong token": b"Content-Length: 943718400\r\nNESTServerAuth: wrong\r\n",
    "a wrong bearer": b"Content-Length: 943718400\r\nAuthorization: Bearer wrong\r\n",
}


@pytest.mark.parametrize("name", _HEADS)
@pytest.mark.parametrize("path", ["/api/Create", "/exec", "/nowhere", "/batch"])
def test_requests_without_a_token_are_answered_before_their_body(
    besieged: Target, path: str, name: str
) -> None:
    target = besieged
    head = POST.replace(b"/api/Create", path.encode()) + _HEADS[name] + b"\r\n"
    with socket.create_connection(("127.0.0.1", target.server.port), 3.0) as caller:
        caller.sendall(head)
        try:
            answer = caller.recv(65536)
        except TimeoutError:
            answer = b"nothing"
        assert re.match(rb"HTTP/1\.1 (403|404|413|417) ", answer), answer


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_bodies_without_a_token_are_not_read(besieged: Target, chunked: bool) -> None:
    target = besieged
    taken, part = 0, b"[" * (1 << 20)
    kind = "Transfer-Encoding: chunked" if chunked else "Content-Length: 943718400"
    with socket.create_connection(("127.0.0.1", target.server.port), 3.0) as caller:
        caller.sendall(POST + kind.encode() + b"\r\n\r\n")
        sent = b"100000\r\n" + part + b"\r\n" if chunked else part
        with suppress(OSError):
            while taken < 900 << 20:
                caller.sendall(sent)
                taken += len(part)
    assert taken < 64 << 20, f"{taken >> 20} MiB were taken"


def test_head_without_an_end_is_refused(besieged: Target) -> None:
    target = besieged
    taken = 0
    with socket.create_connection(("127.0.0.1", target.server.port), 3.0) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        with suppress(OSError):
            while taken < 64 << 20:
                caller.sendall(b"a" * 65536)
                taken += 65536
    assert taken < 16 << 20
