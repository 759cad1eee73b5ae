"""Kernel objects of clients: they go with their client, and not before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import nest_remote
from protocol.process.polling import poll_until
from tests.acceptance import lifetimes
from tests.integration.servers import OPEN, Server, serving

_LEASE_S = 3
_DEADLINE_S = 60.0

_CLIENT = """
import sys
import nest_remote as nest
nest.connect(sys.argv[1])
nodes, found = nest.Create("parrot_neuron", 3), nest.GetConnections()
print(nodes.wire.id, found.wire.id, nest.GetKernelStatus("network_size"), len(found), flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Client:
    """A process that holds three nodes, and all connections of the network."""

    def __init__(self, server: Server) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CLIENT, server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        nodes, connections, *_ = map(int, self.process.stdout.readline().split())
        self.nodes, self.connections = nodes, connections

    def do(self, line: str) -> str:
        """Have the client do a line of Python; return what it says then."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """Let the client's program come to its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(_DEADLINE_S)


@pytest.fixture(scope="module")
def lasting() -> Iterator[Server]:
    """A server with a short lease, and a network of 40 000 connections."""
    for server in serving(OPEN | {"NEST_SERVER_LEASE": str(_LEASE_S)}):
        server.call("ResetKernel")
        neurons = server.call("Create", ["iaf_psc_alpha", 200])
        server.call("Connect", [neurons, neurons])
        yield server


@pytest.fixture
def client(lasting: Server) -> Iterator[Client]:
    made = Client(lasting)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    for stream in (made.process.stdin, made.process.stdout):
        if stream is not None:
            stream.close()


def why_gone(server: Server, kind: str, number: int) -> str:
    """Return what is said to who uses an object; empty while the object is there."""
    reference = {"$ref": number, "type": kind, "generation": server.connection_info()["generation"]}
    call = "NodeCollection.get" if kind == "NodeCollection" else "SynapseCollection.size"
    reply = server.post(f"/api/{call}", [reference])
    return "" if reply.status_code == 200 else str(reply.json()["message"])


@pytest.mark.parametrize("end", ["the program's end", "disconnect"])
def test_good_bye_releases_what_a_client_holds(lasting: Server, client: Client, end: str) -> None:
    assert why_gone(lasting, "NodeCollection", client.nodes) == ""
    if end == "disconnect":
        assert client.do("nest.disconnect()") == "done"
    else:
        client.end()
    for kind, number in (
        ("NodeCollection", client.nodes),
        ("SynapseCollection", client.connections),
    ):
        reason = poll_until(lambda: why_gone(lasting, kind, number), _DEADLINE_S)  # noqa: B023
        assert reason == f"this {kind} is gone: its client has disconnected"


def test_connections_of_a_killed_client_go_and_those_of_others_stay(
    lasting: Server, client: Client
) -> None:
    idle = Client(lasting)
    client.process.kill()
    reason = poll_until(
        lambda: why_gone(lasting, "SynapseCollection", client.connections), _DEADLINE_S
    )
    assert reason and "nothing was heard of its client" in reason
    assert why_gone(lasting, "SynapseCollection", idle.connections) == ""
    idle.end()
    for stream in (idle.process.stdin, idle.process.stdout):
        assert stream is not None
        stream.close()


def test_client_that_was_asleep_finds_its_nodes(lasting: Server, client: Client) -> None:
    os.kill(client.process.pid, signal.SIGSTOP)
    # The large collection shows that the lease is over.
    assert poll_until(
        lambda: why_gone(lasting, "SynapseCollection", client.connections), _DEADLINE_S
    )
    os.kill(client.process.pid, signal.SIGCONT)
    assert client.do("assert nodes.get('model') == ('parrot_neuron',) * 3") == "done"


def test_client_that_computes_keeps_what_it_holds(lasting: Server, client: Client) -> None:
    busy = "import time; end = time.time() + 9; [None for _ in iter(lambda: time.time() > end, 1)]"
    assert client.do(busy) == "done"
    assert client.do("assert len(found.get('weight')) >= 40000") == "done"


def test_scripts_take_what_they_made_with_them(lasting: Server) -> None:
    def first_number() -> Any:
        made = lasting.post(
            "/api/Create", ["parrot_neuron"], headers={"Accept": "application/x-msgpack"}
        )
        assert made.status_code == 200
        return made.content

    source = "import nest\nheld = [nest.GetConnections() for _ in range(3)]\nn = held[0].wire.id"
    reply = lasting.post("/exec", {"source": source, "return": "n", "reset": False})
    assert reply.status_code == 200, reply.text
    assert first_number()
    number = reply.json()["data"]
    assert why_gone(lasting, "SynapseCollection", number) == (
        f"there is no SynapseCollection number {number}: it was released"
    )


def test_script_begins_with_a_new_kernel_on_demand(lasting: Server) -> None:
    lasting.call("SetKernelStatus", [{"eprop_update_interval": 500.0, "data_prefix": "mine-"}])
    source = "import nest\nseen = [nest.network_size, nest.eprop_update_interval, nest.data_prefix]"
    reply = lasting.post("/exec", {"source": source, "return": "seen", "reset": True})
    assert reply.json()["data"] == [0, 1000.0, ""]


def test_kernel_does_not_grow_by_clients_loops_and_scripts(lasting: Server) -> None:
    before, after = lifetimes.run(lasting, 6, 10, 6, lambda line: None)
    assert after - before <= lifetimes.ALLOWED_MIB + 3


def test_loop_over_connections_keeps_few(lasting: Server) -> None:
    nest_remote.connect(lasting.url)
    first = nest_remote.GetConnections()
    for _ in range(5):
        found = nest_remote.GetConnections()
    gone = [
        number
        for number in range(first.wire.id + 1, found.wire.id)
        if why_gone(lasting, "SynapseCollection", number)
    ]
    assert len(gone) >= found.wire.id - first.wire.id - 3
    nest_remote.disconnect()
