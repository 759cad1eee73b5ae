"""Threads stay with a connection for a moment; nobody else waits for that."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from gateway.__main__ import SPARE_THREADS
from tests.integration.servers import DEADLINE_S, Server, Start

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER = b'{"alive":true}'


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)


def read_answers(connection: socket.socket, count: int) -> bytes:
    received = b""
    while received.count(ANSWER) < count:
        data = connection.recv(65_536)
        assert data, received
        received += data
    return received


def test_requests_sent_at_once_on_one_connection_are_each_answered(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(REQUEST * 3)
        assert read_answers(connection, 3).count(b"HTTP/1.1 200") == 3


def test_more_busy_connections_than_threads_all_get_answers(start: Start) -> None:
    # One request may wait for the kernel, so there is one thread beside the spare ones.
    server = start({"NEST_SERVER_QUEUE_LIMIT": "1"})
    rounds, clients = 10, 1 + SPARE_THREADS + 25
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(server)) for _ in range(clients)]
        for _ in range(rounds):
            # Every connection has a request under way before any answer is read.
            for connection in connections:
                connection.sendall(REQUEST)
            for connection in connections:
                assert read_answers(connection, 1).count(ANSWER) == 1


def test_connection_that_its_client_half_closes_is_closed_by_the_server(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(REQUEST)
        read_answers(connection, 1)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
