"""Bodies of replies as the client reads them: whole, cut off, compressed by a proxy."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from nest_remote.errors import NESTServerError
from nest_remote.http.connection import MSGPACK, HttpConnection
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker

DEADLINE_S = 30.0
_VALUE = {"times": np.arange(100_000) / 10.0, "senders": np.arange(100_000)}
_BODY = Packer(tuples=True).pack(_VALUE)

Answering = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], HttpConnection]]:
    """Starts a server that answers so; connections to it. It counts what connects to it."""
    servers: list[HTTPServer] = []
    threads: list[threading.Thread] = []
    opened: list[HttpConnection] = []

    def start(answer: Answering) -> HttpConnection:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append(server)
        threads.append(thread)
        opened.append(HttpConnection("127.0.0.1", server.server_port, "token"))
        return opened[-1]

    yield start
    for connection in opened:
        connection.close()
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def _send(handler: BaseHTTPRequestHandler, body: bytes, length: int, **headers: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", MSGPACK)
    handler.send_header("Content-Length", str(length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def test_large_bodies_come_whole_over_one_connection(
    serve: Callable[[Answering], HttpConnection],
) -> None:
    seen: list[object] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.client_address)
        _send(handler, _BODY, len(_BODY))

    connection = serve(answer)
    for _ in range(3):
        reply = connection.send("GET", "/")
        assert reply.is_msgpack
        assert bytes(reply.body) == _BODY
        found = Unpacker(writable=True).unpack(reply.body)
        assert all(np.array_equal(found[name], column) for name, column in _VALUE.items())
        assert all(np.shares_memory(column, reply.body) for column in found.values())
    assert len(seen) == 3
    assert len(set(seen)) == 1


@pytest.mark.parametrize("come", [0, 1000, 500_000, len(_BODY) - 1])
def test_a_body_that_is_cut_off_is_an_error(
    serve: Callable[[Answering], HttpConnection], come: int
) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        _send(handler, _BODY[:come], len(_BODY))
        handler.close_connection = True

    with pytest.raises(NESTServerError, match=r"no answer from http://127\.0\.0\.1"):
        serve(answer).send("GET", "/")


def test_a_body_that_comes_too_slowly_is_an_error(
    serve: Callable[[Answering], HttpConnection],
) -> None:
    given_up = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _send(handler, _BODY[:100_000], len(_BODY))
        given_up.wait(30.0)
        handler.close_connection = True

    with pytest.raises(NESTServerError, match="no answer"):
        serve(answer).send("GET", "/", timeout_s=0.2)
    given_up.set()


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_that_has_no_body_though_it_says_so_is_not_waited_for(
    serve: Callable[[Answering], HttpConnection], status: int
) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", MSGPACK)
        handler.send_header("Content-Length", str(len(_BODY)))
        handler.end_headers()

    reply = serve(answer).send("GET", "/", timeout_s=DEADLINE_S)
    assert (reply.status, bytes(reply.body)) == (status, b"")


def test_the_chunks_that_come_are_the_body_whatever_its_length_is_said_to_be(
    serve: Callable[[Answering], HttpConnection],
) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(_BODY), _BODY)
        _send(handler, framed, 2 * len(_BODY), Transfer_Encoding="chunked")

    assert bytes(serve(answer).send("GET", "/", timeout_s=DEADLINE_S).body) == _BODY


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_connection_is_closed_if_reading_a_body_is_given_up(
    serve: Callable[[Answering], HttpConnection],
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    sent: list[BaseException | None] = []
    ended = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            # More than sockets hold by themselves.
            _send(handler, bytes(100 * len(_BODY)), 100 * len(_BODY))
            sent.append(None)
        except OSError as problem:
            sent.append(problem)
        ended.set()

    def give_up(*arguments: object) -> None:
        raise error

    connection = serve(answer)
    with monkeypatch.context() as patch:
        patch.setattr(np, "empty", give_up)
        with pytest.raises(error) as kept:
            connection.send("GET", "/")
    assert ended.wait(DEADLINE_S)
    assert isinstance(sent[0], OSError)
    assert kept.type is error


def test_a_body_that_was_compressed_on_its_way_is_the_same(
    serve: Callable[[Answering], HttpConnection],
) -> None:
    packed = gzip.compress(_BODY, 1)
    assert len(packed) > 1 << 16
    connection = serve(lambda one: _send(one, packed, len(packed), Content_Encoding="gzip"))
    assert bytes(connection.send("GET", "/").body) == _BODY
