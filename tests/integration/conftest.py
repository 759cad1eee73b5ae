"""Fixtures: one server that many tests share, and servers of one's own to break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

import nest_remote
from NESTServerClient import NESTServerClient
from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, OPEN, Runtime, Server, serving, start_server


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime directory of the test's own, empty again at its end."""
    own = Runtime()
    try:
        yield own
        assert own.leftovers() == []
    finally:
        own.remove()


def emptied(server: Server) -> Server:
    """Empty the network of a server, whose kernel or gateway the test before may have ended."""

    def is_ready() -> bool:
        try:
            return server.get("/readyz").status_code == 200
        except requests.ConnectionError:
            return False

    assert poll_until(is_ready, DEADLINE_S), server.log()
    server.call("ResetKernel")
    return server


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """One server for all tests that leave it usable."""
    yield from serving()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """The shared server with an empty network."""
    return emptied(shared_server)


@pytest.fixture
def nsc(server: Server) -> Iterator[NESTServerClient]:
    """A client of the shared server, whose network is empty."""
    client = NESTServerClient("127.0.0.1", server.port, server.token)
    yield client
    client.close()


@pytest.fixture
def nest(server: Server) -> Iterator[Any]:
    """``nest_remote``, connected to the shared server, whose network is empty."""
    nest_remote.connect(server.url, token=server.token)
    yield nest_remote
    nest_remote.disconnect()


@pytest.fixture(scope="session")
def shared_open_server() -> Iterator[Server]:
    """One server without authentication and with unrestricted scripts."""
    yield from serving(OPEN)


@pytest.fixture
def open_server(shared_open_server: Server) -> Server:
    """The server without authentication and restriction, with an empty network."""
    return emptied(shared_open_server)


@pytest.fixture
def start(runtime: Runtime) -> Iterator[Callable[..., Server]]:
    """Starts servers of the test's own, which are stopped at its end.

    ``start(env=None, *arguments)``
    """
    started: list[Server] = []

    def begin(env: dict[str, str] | None = None, *arguments: str) -> Server:
        started.append(start_server(runtime, env, *arguments))
        return started[-1]

    yield begin
    for server in started:
        server.session.close()
        done = runtime.run("stop", "-p", str(server.port))
        # Exit code 3: the test has ended it.
        assert done.returncode in (0, 3), done.stderr
