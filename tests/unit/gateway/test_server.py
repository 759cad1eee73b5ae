"""Gunicorn's worker: it lingers where gunicorn's internals are known, and works without them."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.errors import InvalidHeader, LimitRequestHeaders, LimitRequestLine
from gunicorn.http.unreader import IterUnreader, SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

from gateway.http import gunicorn_internals, server
from gateway.http.gunicorn_internals import KNOWN_VERSIONS, body_source, is_known, read_ahead
from gateway.http.server import RETIREMENT_S, GunicornArbiter, GunicornLogger, GunicornWorker
from gateway.services import EXTENSION


@dataclass
class Pair:
    """A connection as gunicorn's worker has it, and its other end."""

    worker: GunicornWorker
    connection: SimpleNamespace
    client: socket.socket
    #: Requests that were handled.
    handled: list[Any] = field(default_factory=list)

    def handle(self) -> Any:
        return self.worker.handle(self.connection)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    ours, client = socket.socketpair()
    worker = GunicornWorker.__new__(GunicornWorker)
    worker.alive, worker.nr_conns = True, 1
    worker.cfg = SimpleNamespace(threads=2)
    parser = SimpleNamespace(unreader=SocketUnreader(ours))
    made = Pair(worker, SimpleNamespace(parser=parser, sock=ours), client)

    def handle(self: ThreadWorker, connection: Any) -> bool:
        """Handle one request of four bytes."""
        data = parser.unreader.read()
        parser.unreader.unread(data[4:])
        made.handled.append(data[:4])
        return bool(data)

    monkeypatch.setattr(ThreadWorker, "handle", handle)
    monkeypatch.setattr(server, "_LINGER_MS", 0)
    with ours, client:
        yield made


def test_thread_stays_for_requests_that_follow_at_once(pair: Pair) -> None:
    # The second request is read together with the first, the third comes later.
    pair.client.sendall(b"one.two.")
    assert pair.handle() is True
    assert pair.handled == [b"one.", b"two."]
    pair.client.sendall(b"thr.")
    pair.client.close()
    assert pair.handle() is False
    assert pair.handled == [b"one.", b"two.", b"thr.", b""]


def test_thread_leaves_a_connection_when_others_wait_or_the_worker_ends(pair: Pair) -> None:
    pair.client.sendall(b"one.two.thr.")
    pair.worker.nr_conns = 3
    assert pair.handle() is True
    pair.worker.nr_conns, pair.worker.alive = 1, False
    assert pair.handle() is True
    assert pair.handled == [b"one.", b"two."]


def test_each_request_goes_through_gunicorn_if_its_version_is_not_known(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_internals, "is_known", lambda: False)
    pair.client.sendall(b"one.two.")
    assert [pair.handle(), pair.handle()] == [True, True]
    assert pair.handled == [b"one.", b"two."]


def test_each_request_goes_through_gunicorn_if_its_connection_looks_different(pair: Pair) -> None:
    pair.connection.parser = SimpleNamespace()
    assert read_ahead(pair.connection) is None
    pair.connection.parser = SimpleNamespace(unreader=IterUnreader(iter([b"one."])))
    assert read_ahead(pair.connection) is None


def test_body_is_read_through_gunicorn_if_its_version_is_not_known(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreader = pair.connection.parser.unreader
    reader = LengthReader(unreader, 3)
    environ = {"wsgi.input": Body(reader), "gunicorn.socket": pair.connection.sock}
    assert body_source(environ, 3) == (reader, pair.connection.sock)
    monkeypatch.setattr(gunicorn_internals, "is_known", lambda: False)
    assert body_source(environ, 3) is None


def test_installed_version_is_known_and_later_ones_are_not() -> None:
    assert is_known()
    lowest, beyond = KNOWN_VERSIONS
    assert is_known((*lowest, 0))
    assert not is_known((*beyond, 0))
    assert not is_known((lowest[0] - 1, 9, 9))


@pytest.mark.parametrize("ours", [GunicornWorker, GunicornArbiter, GunicornLogger])
def test_gunicorn_has_the_methods_that_are_overridden(ours: type) -> None:
    methods = [name for name, value in vars(ours).items() if callable(value)]
    assert methods
    (base,) = ours.__bases__
    assert [name for name in methods if not hasattr(base, name)] == []


def test_gateway_that_is_replaced_has_all_time_for_its_answers() -> None:
    arbiter = GunicornArbiter.__new__(GunicornArbiter)
    arbiter.log = SimpleNamespace(info=lambda text: None)
    arbiter.cfg = Config()
    with pytest.raises(StopIteration):
        arbiter.handle_usr2()
    assert arbiter.cfg.graceful_timeout == RETIREMENT_S


def test_worker_goes_on_while_there_is_no_room_for_connections(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "_NO_ROOM_S", 0.0)
    errors = [errno.EMFILE, errno.EMFILE, None, errno.ENFILE, errno.EBADF]

    def accept(self: ThreadWorker, listener: Any) -> None:
        number = errors.pop(0)
        if number is not None:
            raise OSError(number, "no room")

    monkeypatch.setattr(ThreadWorker, "accept", accept)
    for _ in range(4):
        pair.worker.accept(None)
    assert caplog.text.count("new connections wait") == 2
    with pytest.raises(OSError, match="no room"):
        pair.worker.accept(None)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LimitRequestLine(9000, 8190), 414),
        (LimitRequestHeaders("too many"), 431),
        (InvalidHeader("no header"), 400),
        (RuntimeError("fault"), 500),
    ],
)
def test_request_that_cannot_be_read_gets_a_json_error(
    pair: Pair, error: Exception, status: int
) -> None:
    counted: list[int] = []
    metrics = SimpleNamespace(count_unreadable=counted.append)
    pair.worker.wsgi = SimpleNamespace(extensions={EXTENSION: SimpleNamespace(metrics=metrics)})
    pair.worker.log = SimpleNamespace(exception=lambda text: None, debug=lambda text: None)
    pair.worker.handle_error(None, pair.connection.sock, None, error)
    head, _, body = pair.client.recv(10_000).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Connection: close" in head
    assert json.loads(body)["error"] == type(error).__name__
    assert counted == [status]
    # A caller who has hung up costs nothing.
    pair.client.close()
    pair.worker.handle_error(None, pair.connection.sock, None, error)


def test_readers_of_events_end_with_the_worker(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    events = SimpleNamespace(close=lambda: ended.append("readers"))
    pair.worker.wsgi = SimpleNamespace(extensions={EXTENSION: SimpleNamespace(events=events)})
    monkeypatch.setattr(ThreadWorker, "handle_exit", lambda self, sig, frame: ended.append("all"))
    pair.worker.handle_exit(15, None)
    assert ended == ["readers", "all"]
