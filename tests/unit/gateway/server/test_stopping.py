"""A server that stops: whoever has connected just before is still answered."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from gateway.server.connection import BodyRule
from gateway.server.environ import ADMITTED_KEY
from gateway.server.limits import ConnectionLimits
from gateway.server.loop import HttpServer, ServerHooks

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    environ[ADMITTED_KEY] = True
    start("200 OK", [("Content-Length", "0")])
    return []


Running = tuple[HttpServer, threading.Thread, Callable[[], socket.socket]]


@pytest.fixture
def running() -> Iterator[Running]:
    """A server, its thread, and what connects to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    hooks = ServerHooks(lambda: None, lambda: None, lambda _: "id")
    rule = BodyRule(1000, 1000, lambda _: True)
    server = HttpServer(application, [listener], 1, rule, ConnectionLimits(), hooks)
    thread = threading.Thread(target=server.serve)
    thread.start()

    def connect() -> socket.socket:
        connection = socket.create_connection(address, 10)
        # Accepted, as nothing else is to be done.
        time.sleep(0.2)
        return connection

    yield server, thread, connect
    server.stop(0)
    thread.join(10)
    assert not thread.is_alive()


def test_first_request_of_a_new_connection_is_answered(running: Running) -> None:
    server, _, connect = running
    with connect() as caller:
        server.stop(None)
        time.sleep(0.2)
        caller.sendall(GET)
        received = caller.recv(65_536)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" in received


def test_caller_who_comes_again_is_told_that_another_server_serves(running: Running) -> None:
    server, thread, connect = running
    with connect() as called, connect() as silent:
        called.sendall(GET)
        assert called.recv(65_536).startswith(b"HTTP/1.1 200 ")
        server.stop(None)
        assert silent.recv(1) == b""
        called.sendall(GET)
        assert b"Connection: close" in called.recv(65_536)
        assert called.recv(1) == b""
        thread.join(10)
        assert not thread.is_alive()


def test_connections_without_a_request_are_not_waited_for_long(running: Running) -> None:
    server, thread, connect = running
    with connect() as called:
        called.sendall(GET)
        assert called.recv(65_536).startswith(b"HTTP/1.1 200 ")
        time.sleep(0.1)
        server.stop(5.0)
        assert called.recv(1) == b""
        thread.join(3)
        assert not thread.is_alive()
