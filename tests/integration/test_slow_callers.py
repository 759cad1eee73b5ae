"""Callers who send slowly, take slowly or open many connections: nobody else waits for them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests

from protocol.process.polling import poll_until
from tests.integration.servers import OPEN, Runtime, Server, Start, serving

HEAD_S = 3
PER_PEER = 200
#: More than the threads of a gateway.
MANY = 150
#: Whoever waits for one of the slow ones waits far longer.
QUICK_S = 2.5
OTHER = "127.0.0.2"


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server with little patience."""
    yield from serving(
        {
            "NEST_SERVER_HEAD_TIMEOUT": str(HEAD_S),
            "NEST_SERVER_CONNECTIONS_PER_PEER": str(PER_PEER),
        }
    )


def connect(server: Server, source: str = OTHER) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 60, (source, 0))


def head(server: Server, line: str, *headers: str, token: str | None = None) -> bytes:
    lines = [line, f"Host: 127.0.0.1:{server.port}", *headers]
    lines += [f"NESTServerAuth: {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode()


def quick_calls(server: Server) -> list[float]:
    """Times of calls on connections of their own, and on one that is kept."""
    times = []
    for _ in range(20):
        for send in (requests.get, server.session.get):
            began_s = time.monotonic()
            reply = send(
                f"{server.url}/", headers={"NESTServerAuth": server.token}, timeout=QUICK_S * 4
            )
            times.append(time.monotonic() - began_s)
            assert reply.status_code == 200
    return times


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


@contextmanager
def pestering(server: Server, first: bytes, then: bytes, pause_s: float) -> Iterator[None]:
    """Many connections, on each of which one thing comes first and another again and again."""
    ended = threading.Event()

    def send(connections: list[socket.socket]) -> None:
        while then and not ended.wait(pause_s):
            for connection in connections:
                try:
                    connection.send(then, socket.MSG_DONTWAIT)
                except OSError:
                    continue

    with ExitStack() as stack:
        connections = [stack.enter_context(connect(server)) for _ in range(MANY)]
        for connection in connections:
            connection.sendall(first)
        thread = threading.Thread(target=send, args=(connections,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


PESTS = {
    "heads": (["GET / HTTP/1.1"], False, b"a", 0.5),
    "bodies": (["POST /api/Create HTTP/1.1", "Content-Length: 1000000"], True, b" ", 0.5),
    "bodies of strangers": (["POST /api/Create HTTP/1.1", "Content-Length: 10"], False, b" ", 0.5),
    "chunks": (["POST /api/Create HTTP/1.1", "Transfer-Encoding: chunked"], True, b"1\r\n \r\n", 0),
    # Each of them is larger than what the system takes from the server.
    "answers": (["GET /docs/swagger-ui-bundle.js HTTP/1.1"], False, b"", 0.5),
}


@pytest.mark.parametrize("pest", PESTS)
def test_slow_ones_keep_nobody_else_waiting(strict: Server, pest: str) -> None:
    lines, has_token, then, pause_s = PESTS[pest]
    first = head(strict, *lines, token=strict.token if has_token else None)
    if pest == "heads":
        first = first[:-2] + b"X: "
    with pestering(strict, first, then, pause_s):
        assert max(quick_calls(strict)) < QUICK_S


def test_head_has_one_deadline_however_it_comes(strict: Server) -> None:
    with connect(strict) as connection:
        connection.settimeout(0.2)
        began_s = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        received = b""
        while not received and time.monotonic() < began_s + 10 * HEAD_S:
            connection.send(b"a")
            try:
                received = connection.recv(65_536)
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408 "), received
        assert b"did not come whole in 3 s" in received


def test_connections_that_say_nothing_make_room_for_others_of_the_same_address(
    strict: Server,
) -> None:
    with ExitStack() as stack:
        calling = stack.enter_context(connect(strict))
        call = head(strict, "GET /readyz HTTP/1.1", token=strict.token)
        calling.sendall(call)
        assert calling.recv(65_536).startswith(b"HTTP/1.1 200")
        idle = [stack.enter_context(connect(strict)) for _ in range(3 * PER_PEER)]
        newest = stack.enter_context(connect(strict))
        for connection in (newest, calling):
            connection.sendall(call)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        idle[0].settimeout(10)
        assert idle[0].recv(1) == b""
        assert max(quick_calls(strict)) < QUICK_S


# Refusals before the body.


REFUSED = [
    ("Content-Length: 900000000",),
    ("Transfer-Encoding: chunked",),
    ("Content-Length: 5", "Expect: 100-continue"),
    ("Content-Length: 5", "NESTServerAuth: wrong"),
    ("Content-Length: 5", "Authorization: Bearer wrong"),
]


@pytest.mark.parametrize("headers", REFUSED, ids=str)
@pytest.mark.parametrize("path", ["/api/Create", "/exec", "/nope", "/"])
def test_request_without_token_is_refused_before_its_body(
    strict: Server, headers: tuple[str, ...], path: str
) -> None:
    with connect(strict) as connection:
        connection.settimeout(10)
        connection.sendall(head(strict, f"POST {path} HTTP/1.1", *headers))
        received = read_all(connection)
    assert received.startswith(b"HTTP/1.1 403 ")
    assert b"Connection: close" in received
    assert received.endswith(b"Unauthorized")


def test_page_of_another_site_is_refused_before_its_body(start: Start) -> None:
    server = start(OPEN)
    for foreign in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"):
        with connect(server) as connection:
            connection.settimeout(10)
            line = "POST /api/Create HTTP/1.1"
            connection.sendall(head(server, line, "Content-Length: 900000000", foreign))
            assert read_all(connection).startswith(b"HTTP/1.1 403 ")


def test_stranger_who_sends_a_large_body_reads_the_refusal_not_a_reset(strict: Server) -> None:
    for body in (b"x" * 30_000_000, iter([b"x" * 1_000_000] * 30)):
        reply = requests.post(f"{strict.url}/api/Create", data=body, timeout=60)
        assert (reply.status_code, reply.text) == (403, "Unauthorized")


ENDLESS = {
    "length": (b"Content-Length: 943718400\r\n\r\n", b"[" * 65_536, b"403"),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n", b"403"),
    "head": (b"X: ", b"a" * 65_536, b"431"),
}


@pytest.mark.parametrize("what", ENDLESS)
@pytest.mark.parametrize("pause_s", [0.0, 0.05], ids=["at once", "slowly"])
def test_stranger_who_goes_on_sending_is_cut_off_and_can_read_why(
    strict: Server, what: str, pause_s: float
) -> None:
    first, then, status = ENDLESS[what]
    if pause_s and what != "head":
        then = b"x"
    line = head(strict, "POST /api/Create HTTP/1.1")[:-2]
    with connect(strict) as connection:
        connection.sendall(line + first)
        sent, began_s = 0, time.monotonic()
        # The system takes some MiB before anybody reads them.
        while sent < 64 << 20 and time.monotonic() < began_s + 15:
            try:
                sent += connection.send(then)
            except OSError:
                break
            time.sleep(pause_s)
        else:
            pytest.fail(f"{sent >> 20} MiB are taken and no end")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 " + status)


def test_caller_who_asks_before_sending_is_told_to_send(strict: Server) -> None:
    with connect(strict) as connection:
        connection.settimeout(10)
        line = "POST /api/GetKernelStatus HTTP/1.1"
        asked = head(strict, line, "Content-Length: 12", "Expect: 100-continue", token=strict.token)
        connection.sendall(asked)
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'"resolution"')
        assert connection.recv(65_536).endswith(b"\r\n\r\n0.1")


# What callers say about themselves.


def test_headers_that_say_how_a_request_came_change_nothing(strict: Server) -> None:
    names = ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "REMOTE_ADDR", "X-Forwarded-Prefix"]
    names += ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "wsgi.url_scheme"]
    for path, status in (("/healthz", 200), ("/api", 403), ("/api/x", 403)):
        for headers in ({}, dict.fromkeys(names, path), dict.fromkeys(names, "/api")):
            reply = requests.get(strict.url + path, headers=headers, timeout=30)
            assert reply.status_code == status
    assert "client=/" not in strict.log()


def test_server_holds_both_loopback_addresses_or_does_not_start(strict: Server) -> None:
    reply = requests.get(f"http://[::1]:{strict.port}/healthz", timeout=30)
    assert reply.json() == {"alive": True}
    runtime = Runtime()
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as foreign:
            port = foreign.getsockname()[1]
            done = runtime.run("start", "-d", "-p", str(port))
        assert done.returncode != 0
        assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
        assert poll_until(lambda: not runtime.leftovers(), 10.0)
    finally:
        runtime.remove()
