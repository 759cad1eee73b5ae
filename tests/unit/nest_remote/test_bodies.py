"""Bodies of replies as the client reads them: whole, cut off, compressed by a proxy, into files."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from nest_remote.calls.files import download
from nest_remote.errors import NESTServerError
from nest_remote.http.connection import MSGPACK, HttpConnection
from nest_remote.http.transport import HttpTransport
from nest_remote.session import Session
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


def _session(connection: HttpConnection) -> Session:
    return Session(HttpTransport(connection), raised=lambda error: KeyError(error.message))


def test_downloaded_file_takes_the_place_of_what_was_there(
    serve: Callable[[Answering], HttpConnection], tmp_path: Path
) -> None:
    session = _session(serve(lambda handler: _send(handler, _BODY, len(_BODY))))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"untouched")
    (tmp_path / "ä b.dat").symlink_to(elsewhere)
    for _ in range(2):
        path = download(session, "ä b.dat", tmp_path)
        assert path == tmp_path / "ä b.dat"
        assert (path.read_bytes(), path.is_symlink()) == (_BODY, False)
    assert elsewhere.read_bytes() == b"untouched"
    assert len(list(tmp_path.iterdir())) == 2


def _refuse(handler: BaseHTTPRequestHandler) -> None:
    body = b'{"message": "there is no file", "error": "UnknownFile"}'
    handler.send_response(404)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _cut(handler: BaseHTTPRequestHandler) -> None:
    _send(handler, _BODY, 2 * len(_BODY))
    handler.close_connection = True


def _cut_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"4\r\n1234\r\n10\r\n12")
    handler.close_connection = True


def _redirect(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:1/")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _silent(handler: BaseHTTPRequestHandler) -> None:
    _send(handler, _BODY, 2 * len(_BODY))
    handler.rfile.read(1)


@pytest.mark.parametrize("answer", [_refuse, _cut, _cut_chunks, _redirect, _silent])
def test_download_that_fails_leaves_what_was_there(
    serve: Callable[[Answering], HttpConnection],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answering,
) -> None:
    monkeypatch.setattr("nest_remote.http.connection.SILENCE_TIMEOUT_S", 0.5)
    (tmp_path / "a.dat").write_bytes(b"before")
    with pytest.raises(NESTServerError):
        download(_session(serve(answer)), "a.dat", tmp_path / "a.dat")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


@pytest.mark.parametrize(
    "name", ["", "..", "../a", "/etc/passwd", ".bashrc", "c:a", "..\\a", "a\n"]
)
def test_name_that_leads_elsewhere_is_asked_of_nobody(name: str, tmp_path: Path) -> None:
    session = _session(HttpConnection("127.0.0.1", 1, "token"))
    with pytest.raises(KeyError, match="file name"):
        download(session, name, tmp_path)
    assert list(tmp_path.iterdir()) == []
