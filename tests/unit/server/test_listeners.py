"""Listening sockets: free ports are taken, taken ports are told of."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from nestd.server import listeners
from nestd.server.listeners import open_listeners
from protocol.errors import ConfigurationError, PortTaken


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def ports(opened: list[socket.socket]) -> list[int]:
    return [listener.getsockname()[1] for listener in opened if listener.family == socket.AF_INET]


def close(opened: list[socket.socket]) -> None:
    for listener in opened:
        listener.close()


def test_all_free_ports_are_listened_on() -> None:
    opened, skipped = open_listeners("127.0.0.1", (0, 0))
    try:
        assert len(set(ports(opened))) == 2
        assert skipped == []
        for listener in opened:
            with socket.create_connection(listener.getsockname()[:2], 5.0):
                pass
            assert listener.get_inheritable()
        assert [listener.getsockname()[0] for listener in opened] == ["127.0.0.1", "::1"] * 2
        assert opened[0].getsockname()[1] == opened[1].getsockname()[1]
    finally:
        close(opened)


def test_taken_port_is_skipped_and_told_of_while_another_is_free(taken: int) -> None:
    opened, skipped = open_listeners("127.0.0.1", (taken, 0))
    try:
        assert len(ports(opened)) == 1
        assert ports(opened) != [taken]
        assert skipped == [f"Port {taken} on 127.0.0.1 is taken by another program."]
    finally:
        close(opened)


def test_reason_is_said_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "running", lambda: [SimpleNamespace(ports=(5000,))])
    for error, port, reason in (
        (errno.EACCES, 444, "is not allowed to this user: ports below 1024 are root's"),
        (errno.EADDRINUSE, 5000, "is taken by a server of your own that runs"),
        (errno.EADDRINUSE, 5001, "is taken by another program"),
    ):
        monkeypatch.setattr(listeners, "listen", Mock(side_effect=OSError(error, "no")))
        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 {reason}"):
            open_listeners("127.0.0.1", (port,))


@pytest.mark.parametrize(
    ("host", "other"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("0.0.0.0", "::1")]
)
def test_port_that_another_program_has_at_the_other_loopback_address_is_not_taken(
    host: str, other: str
) -> None:
    family = socket.AF_INET6 if ":" in other else socket.AF_INET
    with socket.create_server((other, 0), family=family) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} on {host} is taken"):
            open_listeners(host, (port,))
    opened, _ = open_listeners(host, (port,))
    assert {listener.getsockname()[0] for listener in opened} == {host, other}
    close(opened)


def test_address_beside_one_that_a_manager_has_kept_is_listened_on() -> None:
    opened, _ = open_listeners("127.0.0.1", (0,))
    port = ports(opened)[0]
    opened.pop().close()
    with socket.create_server(("::1", port), family=socket.AF_INET6) as foreign:
        script = (
            "import os, sys; from nestd.server.listeners import passed_listeners;"
            "from protocol.errors import PortTaken;"
            "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'};"
            f"os.dup2({opened[0].fileno()}, 3);"
            "\n"
            f"try: passed = passed_listeners('127.0.0.1', ({port},), os.environ, print, print)\n"
            "except PortTaken as error: print(error)\n"
            "else: print([one.getsockname()[0] for one in passed])"
        )
        command = [sys.executable, "-c", script]

        def run() -> str:
            done = subprocess.run(
                command, pass_fds=[opened[0].fileno()], capture_output=True, text=True, check=True
            )
            return done.stdout

        assert f"Port {port} beside 127.0.0.1" in run()
        foreign.close()
        assert run().endswith("['127.0.0.1', '::1']\n")
    close(opened)


@pytest.mark.parametrize("missing", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_machine_without_ipv6_listens_at_the_address_that_it_has(
    monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    class NoIPv6(socket.socket):
        def __init__(self, family: int = socket.AF_INET, *more: int, **named: int | None) -> None:
            if family == socket.AF_INET6:
                raise OSError(missing, "no IPv6")
            super().__init__(family, *more, **named)

    monkeypatch.setattr(socket, "socket", NoIPv6)
    opened, skipped = open_listeners("127.0.0.1", (0,))
    assert ([listener.family for listener in opened], skipped) == ([socket.AF_INET], [])
    close(opened)
    with pytest.raises(ConfigurationError, match="can't listen on ::1"):
        open_listeners("::1", (0,))


def test_no_free_port_is_an_error_that_says_what_to_do(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"Port {taken} on 127.0.0.1 is taken.*-p PORT"):
        open_listeners("127.0.0.1", (taken,))


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_host_that_is_not_this_machine_is_an_error(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"can't listen on {host}"):
        open_listeners(host, (0, 0))
