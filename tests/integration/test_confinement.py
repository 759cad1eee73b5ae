"""What the system keeps from a kernel, whatever runs in it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator

import pytest

from nestd.confinement import landlock
from tests.integration.confined import DENIED, DONE, Account
from tests.integration.servers import Runtime, Server, start_server


@pytest.fixture
def account() -> Iterator[Account]:
    """An account of the test's own."""
    own = Account(Runtime())
    try:
        yield own
    finally:
        own.runtime.remove()
        shutil.rmtree(own.home)


@pytest.mark.skipif(not landlock.is_available(), reason="this system has no Landlock")
def test_code_in_the_kernel_reaches_nothing_of_the_account(account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Alone, a kernel has no use for ports either.
        refused = [*account.refused(), ("connect", listening.getsockname()[1])]
        refused.append(("read", str(account.directory / "connection.json")))
        (found,) = account.attempt(refused)
    # A link to what can't be read is refused as one to another disk is.
    expected = {text: "OSError" if text.startswith("link") else DENIED for text in found}
    assert found == expected


@pytest.mark.skipif(not landlock.is_available(), reason="this system has no Landlock")
def test_code_in_the_kernel_reaches_what_it_is_made_of(account: Account) -> None:
    (found,) = account.attempt(account.allowed())
    assert {text: result for text, result in found.items() if result != DONE} == {}


def test_what_needs_too_much_memory_is_refused_and_the_network_lives(runtime: Runtime) -> None:
    server = start_server(runtime, {"NEST_SERVER_MEMORY_MIB": "2048"})
    try:
        check_memory(server)
    finally:
        server.stop()


def check_memory(server: Server) -> None:
    """See that calls that need too much are refused, and nothing else."""
    pid = server.connection_info()["pid"]
    server.call("Create", ["iaf_psc_alpha", 10])
    for call, arguments in (
        ("Create", ["iaf_psc_alpha", 2**31]),
        ("Create", ["multimeter", 2**24]),
        ("Create", ["correlospinmatrix_detector", 1, {"N_channels": 10**6}]),
        ("SetDefaults", ["correlomatrix_detector", {"N_channels": 10**9}]),
        ("CopyModel", ["correlospinmatrix_detector", "own", {"N_channels": 2**40}]),
        ("Connect", [list(range(1, 11)), [1], {"rule": "fixed_indegree", "indegree": 10**12}]),
    ):
        reply = server.post(f"/api/{call}", arguments)
        assert (reply.status_code, reply.json()["error"]) == (400, "MemoryError"), reply.text
        assert reply.elapsed.total_seconds() < 5
        assert server.call("GetKernelStatus", ["network_size"]) == 10
    assert server.call("Create", ["iaf_psc_alpha"]) == [11]
    server.call("Simulate", [10.0])
    assert server.connection_info()["pid"] == pid
