"""Listening sockets: free ports are taken, taken ports are told of."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from nestd.server.listeners import open_listeners
from protocol.errors import ConfigurationError, PortTaken


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def ports(listeners: list[socket.socket]) -> list[int]:
    return [listener.getsockname()[1] for listener in listeners]


def test_all_free_ports_are_listened_on() -> None:
    opened, skipped = open_listeners("127.0.0.1", (0, 0))
    try:
        assert len(set(ports(opened))) == 2
        assert skipped == []
        for listener in opened:
            with socket.create_connection(listener.getsockname(), 5.0):
                pass
            assert listener.get_inheritable()
            assert listener.getsockname()[0] == "127.0.0.1"
    finally:
        for listener in opened:
            listener.close()


def test_taken_port_is_skipped_and_told_of_while_another_is_free(taken: int) -> None:
    opened, skipped = open_listeners("127.0.0.1", (taken, 0))
    try:
        assert len(opened) == 1
        assert ports(opened) != [taken]
        assert skipped == [f"Port {taken} on 127.0.0.1 is taken by another program."]
    finally:
        for listener in opened:
            listener.close()


def test_no_free_port_is_an_error_that_says_what_to_do(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"Port {taken} on 127.0.0.1 is taken.*-p PORT"):
        open_listeners("127.0.0.1", (taken,))


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_host_that_is_not_this_machine_is_an_error(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"can't listen on {host}"):
        open_listeners(host, (0, 0))
