"""What goes wrong in an answer or with a caller: it costs one connection, and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.server import connection as connections
from gateway.server.connection import BodyRule, CallerGone, Connection, RequestProgress, Stage
from gateway.server.head import UnreadableRequest
from gateway.server.limits import CALLER_LINGER, STRANGER_THREADS, ConnectionLimits
from gateway.server.loop import HttpServer, ServerHooks
from gateway.server.reply import Application, answer_requests
from protocol.process.polling import poll_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#: More than the system takes, less than is kept for a caller who does not take it.
LARGE = b"x" * (4 << 20)


def rule(admits: Callable[[Any], bool] = lambda _: True, bytes_per_s: int = 1000) -> BodyRule:
    return BodyRule(1 << 20, bytes_per_s, admits)


@contextmanager
def pair(of: BodyRule) -> Iterator[tuple[socket.socket, Connection]]:
    """A caller and the server's end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller = socket.create_connection(listener.getsockname(), 10)
        own, address = listener.accept()
    own.setblocking(False)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    with caller, own:
        yield caller, Connection(own, address, of)


def come(connection: Connection) -> RequestProgress:
    """Receive what was sent a moment ago."""
    for _ in range(1000):
        threading.Event().wait(0.001)
        progress = connection.receive()
        if progress is not RequestProgress.PARTIAL:
            break
    return progress


@contextmanager
def serving(application: Application, of: BodyRule) -> Iterator[Callable[[bytes], bytes]]:
    """A server with one thread; what it answers to a request on a connection of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    hooks = ServerHooks(lambda: None, lambda: None, lambda _: "id")
    server = HttpServer(application, [listener], 1, of, ConnectionLimits(), hooks)
    thread = threading.Thread(target=server.serve)
    thread.start()

    def exchange(sent: bytes) -> bytes:
        received = b""
        with socket.create_connection(address, 10) as caller:
            caller.sendall(sent)
            caller.shutdown(socket.SHUT_WR)
            while data := caller.recv(65_536):
                received += data
        return received

    try:
        yield exchange
    finally:
        server.stop(5)
        thread.join(10)
    assert not thread.is_alive()


class _BadEnd:
    """Body whose end fails."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"1"])

    def close(self) -> None:
        raise RuntimeError("no end")


def test_thread_and_connection_survive_an_answer_whose_end_fails() -> None:
    def application(_: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "1")])
        return _BadEnd()

    with serving(application, rule()) as exchange:
        for _ in range(3):
            assert exchange(GET).startswith(b"HTTP/1.1 200 OK\r\n")


def test_thread_survives_a_caller_who_goes_before_the_end_of_what_is_kept_for_him() -> None:
    with pair(rule()) as (caller, connection):

        def application(_: Any, start: Callable[..., Any]) -> Iterable[bytes]:
            start("200 OK", [("Content-Length", str(len(LARGE)))])
            yield LARGE
            # With an answer that he has not read, so that the connection is reset.
            caller.close()

        caller.sendall(GET)
        assert come(connection) is RequestProgress.READY
        answer_requests(connection, application, lambda: False, lambda: False)
        assert connection.ends


def test_header_with_a_line_end_is_not_sent() -> None:
    def application(_: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("X", "a\r\nSet-Cookie: b"), ("Content-Length", "0")])
        return []

    with serving(application, rule()) as exchange:
        assert exchange(GET) == b""


def test_fault_with_one_connection_leaves_the_others_served() -> None:
    def application(_: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        start("204 No Content", [])
        return []

    def admits(environ: Any) -> bool:
        if environ["REQUEST_METHOD"] == "POST":
            raise MemoryError
        return True

    with serving(application, rule(admits)) as exchange:
        assert exchange(CHUNKED) == b""
        assert exchange(GET).startswith(b"HTTP/1.1 204 ")


def test_strangers_never_have_the_threads_of_callers() -> None:
    asked: list[str] = []
    goes_on = threading.Event()

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked.append(environ["REQUEST_METHOD"])
        if environ["REQUEST_METHOD"] == "GET":
            assert goes_on.wait(10)
        start("204 No Content", [])
        return []

    with serving(application, rule(lambda environ: environ["REQUEST_METHOD"] == "PUT")) as exchange:
        strangers = [
            threading.Thread(target=exchange, args=(GET,)) for _ in range(STRANGER_THREADS + 3)
        ]
        for stranger in strangers:
            stranger.start()
        try:
            assert poll_until(lambda: asked.count("GET") == STRANGER_THREADS, 10)
            for _ in range(3):
                answer = exchange(b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 204 ")
            assert asked.count("GET") == STRANGER_THREADS
        finally:
            goes_on.set()
            for stranger in strangers:
                stranger.join()
    assert asked.count("GET") == len(strangers)


def test_event_of_a_connection_that_a_thread_has_is_not_the_loops() -> None:
    hooks = ServerHooks(lambda: None, lambda: None, lambda _: "id")
    server = HttpServer(lambda *_: [], [], 1, rule(), ConnectionLimits(), hooks)
    # Anything but its stage would be looked up in vain.
    busy: Any = SimpleNamespace(stage=Stage.WORKING)
    server._on_event(busy)


def test_long_trailer_that_comes_in_two_parts_is_waited_for() -> None:
    with pair(rule()) as (caller, connection):
        caller.sendall(CHUNKED + b"1\r\nx\r\n0\r\nTrailer: " + b"a" * 1000)
        if come(connection) is RequestProgress.CROWDED:
            assert connection.advance() is RequestProgress.PARTIAL
        caller.sendall(b"\r\n\r\n")
        assert come(connection) is RequestProgress.READY
        assert connection.environ["wsgi.input"].read() == b"x"


def test_reader_has_one_grace_for_all_parts_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_KEPT_BYTES", 1 << 16)
    monkeypatch.setattr(connections, "TAKING_GRACE_S", 0.4)
    with pair(rule(bytes_per_s=1 << 30)) as (caller, connection):
        ended = threading.Event()

        def read_slowly() -> None:
            while not ended.wait(0.1):
                caller.recv(1 << 20)

        connection.begin_answer()
        thread = threading.Thread(target=read_slowly)
        thread.start()
        try:
            with pytest.raises(CallerGone):
                for _ in range(200):
                    connection.send(bytes(1 << 18))
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_large_bodies_share_a_room_that_small_ones_need_not(
    monkeypatch: pytest.MonkeyPatch, is_chunked: bool
) -> None:
    monkeypatch.setattr(connections, "_LARGEST_BODIES", 1)
    size = 4 << 20
    of = BodyRule(size, 1000, lambda _: True)
    kind = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % size
    body = (b"%x\r\n" % size if is_chunked else b"") + bytes(size - 1)
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + kind + b"\r\n\r\n"

    def send(caller: socket.socket, data: bytes) -> None:
        with suppress(OSError):
            caller.sendall(data)

    def feed(caller: socket.socket, connection: Connection) -> None:
        sender = threading.Thread(target=send, args=(caller, head + body))
        sender.start()
        while sender.is_alive() or (connection.body_count or 0) < size - 1:
            connection.receive()
        sender.join()

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        assert len(environ["wsgi.input"].read()) == size
        start("204 No Content", [])
        return []

    with pair(of) as (first, one):
        feed(first, one)
        with pair(of) as (second, other):
            second.sendall(head + body[: 1 << 20])
            for _ in range(10):
                other.receive()
            sender = threading.Thread(target=send, args=(second, body[1 << 20 :]))
            sender.start()
            with pytest.raises(UnreadableRequest, match="too many large bodies"):
                while come(other) is not RequestProgress.READY:
                    pass
            assert other.body_count is None
            assert other.linger is CALLER_LINGER
            other.close()
            sender.join()
        first.sendall(b"x\r\n0\r\n\r\n" if is_chunked else b"x")
        assert come(one) is RequestProgress.READY
        answer_requests(one, application, lambda: False, lambda: True)
        with pair(of) as (third, last):
            feed(third, last)
            last.close()
