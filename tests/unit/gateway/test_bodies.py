"""Large bodies of requests as servers other than ours give them; over gunicorn's connections they
are tried in ``tests/integration/test_broken_requests.py``."""

from __future__ import annotations

import io
import os
import socket
import threading
from typing import Any

import pytest
from flask import Request
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.unreader import IterUnreader, SocketUnreader
from werkzeug.test import EnvironBuilder

from gateway.http.bodies import large_body_of
from protocol.errors import MalformedRequest, RequestTooLarge

BODY = os.urandom(3_000_000)


def request(length: int, **environ: Any) -> Request:
    """One whose body is said to be so long."""
    built = EnvironBuilder(method="POST").get_environ()
    found = Request(built | {"CONTENT_LENGTH": str(length)} | environ)
    found.max_content_length = 4_000_000
    return found


@pytest.mark.parametrize("socket_too", [False, True])
def test_it_is_read_as_everybody_does(socket_too: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environ: dict[str, Any] = {"wsgi.input": io.BytesIO(BODY)}
        if socket_too:
            # Of which nothing is to be read, as nothing says what of it is the body.
            environ["gunicorn.socket"] = ours
        assert bytes(large_body_of(request(len(BODY), **environ), len(BODY))) == BODY


def test_it_is_read_from_the_socket_itself_where_gunicorn_is_as_expected() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=theirs.sendall, args=(BODY + b"the next request",))
        thread.start()
        source = SocketUnreader(ours)
        # With the head came the beginning.
        source.buf.write(source.chunk())
        reader = LengthReader(source, len(BODY))
        body = Body(reader)
        body.read = None
        environ = {"wsgi.input": body, "gunicorn.socket": ours}
        assert bytes(large_body_of(request(len(BODY), **environ), len(BODY))) == BODY
        thread.join()
        assert reader.length == 0
        assert source.chunk() == b"the next request"


def test_what_has_been_read_in_part_is_read_on() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = LengthReader(IterUnreader(iter([BODY[:1000], BODY[1000:]])), len(BODY))
        body = Body(reader)
        begun = body.read(10)
        left = len(BODY) - len(begun)
        environ = {"wsgi.input": body, "gunicorn.socket": ours}
        assert bytes(large_body_of(request(left, **environ), left)) == BODY[10:]


def test_a_socket_that_the_body_does_not_come_from_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"the next request")
        for source in (IterUnreader(iter([BODY])), Unread(theirs)):
            body = Body(LengthReader(source, len(BODY)))
            environ = {"wsgi.input": body, "gunicorn.socket": ours}
            assert bytes(large_body_of(request(len(BODY), **environ), len(BODY))) == BODY
        assert ours.recv(100) == b"the next request"


class Unread(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """One of another socket that holds all of the body."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.buf.write(BODY)


@pytest.mark.parametrize("come", [0, 1, 1_500_000, len(BODY) - 1])
def test_one_that_is_cut_off_is_refused(come: int) -> None:
    asked = request(len(BODY), **{"wsgi.input": io.BytesIO(BODY[:come])})
    with pytest.raises(MalformedRequest, match="ended before"):
        large_body_of(asked, len(BODY))


def test_one_over_the_limit_is_refused_and_thrown_away() -> None:
    source = io.BytesIO(b"x" * 5_000_000)
    asked = request(5_000_000, **{"wsgi.input": source})
    with pytest.raises(RequestTooLarge, match="larger than"):
        large_body_of(asked, 5_000_000)
    assert source.tell() == 5_000_000


def test_chunks_are_not_looked_for_on_the_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
        body = Body(ChunkedReader(_Message(), IterUnreader(iter([framed]))))
        environ = {"wsgi.input": body, "gunicorn.socket": ours}
        assert bytes(large_body_of(request(len(BODY), **environ), len(BODY))) == BODY


class _Message:
    """As much of gunicorn's request as its reader of chunks looks at."""

    trailers: tuple[()] = ()
