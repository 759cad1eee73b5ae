"""A kernel on the network: who gets in, and what callers see when it goes and another comes."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from protocol.process.polling import poll_until
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.rejected_connections import (
    BROKEN_OFF,
    NO_CURVE,
    UNKNOWN_KEY,
    RejectedConnections,
)
from protocol.wire import frames
from protocol.wire.messages import Action, Command, Operation
from tests.integration.remote import Pair, pair
from tests.integration.servers import DEADLINE_S, Runtime, Server


@pytest.fixture
def remote(runtime: Runtime) -> Iterator[Pair]:
    with pair(runtime) as made:
        yield made


def handshake(endpoint: str, server: str | None, keys: tuple[bytes, bytes]) -> bool:
    """Whether a client with these keys is let in, and gets an answer or an event."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.reconnect_ivl = -1
        if server is not None:
            socket.curve_serverkey = server.encode()
            socket.curve_publickey, socket.curve_secretkey = keys
        monitor = socket.get_monitor_socket()
        socket.connect(endpoint)
        try:
            while monitor.poll(int(DEADLINE_S * 1000)):
                event = recv_monitor_message(monitor)["event"]
                if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    break
                if event in (zmq.EVENT_DISCONNECTED, zmq.EVENT_CLOSED):
                    return False
            socket.send_multipart(frames.encode(Command("1", Operation(Action.DESCRIBE))))
            return bool(socket.poll(int(DEADLINE_S * 1000)))
        finally:
            socket.disable_monitor()
            monitor.close()


def test_gateway_of_another_host_is_served_and_strangers_are_not(remote: Pair) -> None:
    info = remote.start_kernel()
    server = remote.start_gateway()
    assert server.get("/readyz").status_code == 200
    assert server.call("Create", ["iaf_psc_alpha", 2]) == [1, 2]
    grid = {"$call": "spatial.grid", "args": [[2, 1]]}
    layer = server.call("Create", {"model": "iaf_psc_alpha", "positions": grid})
    server.call("DumpLayerNodes", [layer, "layer.txt"])
    # Files lie beside the connection file, where both see them.
    assert len(server.get("/files/layer.txt").text.splitlines()) == 2
    directory = remote.runtime.directory
    secret_files = [directory / "keys", directory / "keys" / "gateway.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secret_files] == [0o700, 0o600]
    assert info["public_key"] not in (directory / "keys" / "gateway.json").read_text()

    stranger, another = zmq.curve_keypair(), zmq.curve_keypair()
    for endpoint in (info["command_endpoint"], info["events_endpoint"]):
        assert endpoint.startswith("tcp://127.0.0.1:")
        assert not handshake(endpoint, info["public_key"], stranger)
        assert not handshake(endpoint, another[0].decode(), stranger)
        assert not handshake(endpoint, None, stranger)

    def refused() -> dict[str, int] | None:
        found = RejectedConnections.read(
            RuntimeDirectory(directory).rejected_connections(info["generation"])
        )
        return found.counts if found.total >= 6 else None

    counts = poll_until(refused, DEADLINE_S)
    assert counts is not None and counts[UNKNOWN_KEY] == 2
    assert counts[NO_CURVE] + counts[BROKEN_OFF] == 4
    assert server.get("/").json()["refused_connections"] == 6
    assert (
        'nestd_refused_connections_total{reason="unknown_key"} 2.0' in server.get("/metrics").text
    )
    assert "a connection is refused" in remote.nestd_log.read_text()
    assert server.call("network_size") == 4


def test_key_that_is_authorized_gets_in_without_a_restart(remote: Pair) -> None:
    info = remote.start_kernel()
    keys = zmq.curve_keypair()
    assert not handshake(info["command_endpoint"], info["public_key"], keys)
    authorized = remote.runtime.directory / "keys" / "authorized"
    authorized.mkdir()
    (authorized / "laptop.pub").write_text(keys[0].decode() + "\n")
    assert handshake(info["command_endpoint"], info["public_key"], keys)


def test_zap_authenticator_that_is_killed_comes_back(remote: Pair) -> None:
    remote.start_kernel()
    server = remote.start_gateway()
    before = keeper_of(remote)
    Path(f"/proc/{before}").stat()
    os.kill(before, signal.SIGKILL)
    assert poll_until(lambda: keeper_of(remote) not in (0, before), DEADLINE_S)
    # A new connection for each.
    assert poll_until(lambda: server.get("/readyz").status_code == 200, DEADLINE_S)
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]


def keeper_of(remote: Pair) -> int:
    """Process id of the zap authenticator; 0 if there is none."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = path.read_bytes()
        except OSError:
            continue
        if (
            b"nestd.network.zap_authenticator" in said
            and str(remote.runtime.directory).encode() in said
        ):
            return int(path.parent.name)
    return 0


def test_gateway_waits_for_a_kernel_outlives_it_and_attaches_to_the_next(remote: Pair) -> None:
    server = remote.start_gateway()
    assert server.get("/").json()["state"] == "starting"
    reply = server.post("/api/Create", ["iaf_psc_alpha"])
    assert (reply.status_code, reply.json()["error"]) == (503, "KernelUnavailable")

    first = remote.start_kernel()
    assert server.call("Create", ["iaf_psc_alpha", 3]) == [1, 2, 3]
    assert remote.kernel is not None
    remote.kernel.kill()
    remote.kernel.wait()
    assert poll_until(lambda: not remote.connection_file.exists(), DEADLINE_S)
    # It may stay where a whole host has gone.
    remote.connection_file.write_text(json.dumps(first))
    assert server.get("/readyz").status_code == 503
    reply = server.post("/api/Create", ["iaf_psc_alpha"])
    assert (reply.status_code, reply.json()["error"]) == (503, "KernelUnavailable")

    remote.connection_file.unlink()
    second = remote.start_kernel()
    assert second["generation"] != first["generation"]
    reply = server.post("/api/Create", ["iaf_psc_alpha"])
    assert (reply.status_code, reply.json()) == (200, [1])
    assert reply.headers["NEST-Kernel-Generation"] == second["generation"]


def test_kernel_killed_in_a_run_is_told_at_once(remote: Pair) -> None:
    info = remote.start_kernel()
    server = remote.start_gateway()
    server.call("Create", ["iaf_psc_alpha"])
    replies: list[tuple[int, str]] = []

    def run() -> None:
        reply = Server(remote.runtime, server.port, server.token).post("/api/Simulate", [1e9])
        replies.append((reply.status_code, reply.json()["error"]))

    thread = threading.Thread(target=run)
    thread.start()
    assert poll_until(lambda: server.get("/").json()["awaited"], DEADLINE_S)
    os.kill(info["pid"], signal.SIGKILL)
    thread.join(DEADLINE_S)
    assert replies == [(503, "KernelLost")]
    assert remote.kernel is not None
    remote.kernel.wait()


def test_plain_tcp_is_impossible(remote: Pair) -> None:
    info = remote.start_kernel()
    server = remote.start_gateway()
    remote.connection_file.write_text(json.dumps(info | {"public_key": None}))
    reply = server.post("/api/Create", ["iaf_psc_alpha"])
    assert reply.status_code == 503
    assert "without encryption" in reply.json()["message"]
    remote.connection_file.write_text(json.dumps(info))


def test_events_come_over_the_network(remote: Pair) -> None:
    remote.start_kernel()
    server = remote.start_gateway()
    with server.get("/events", stream=True) as events:
        headers = {"Prefer": "respond-async", "NESTServerAuth": server.token or ""}
        assert server.post("/api/Simulate", [1.0], headers=headers).status_code == 202
        lines = (line for line in events.iter_lines(decode_unicode=True) if "data:" in line)
        found = next(line for line in lines if '"done"' in line)
    assert '"Simulate"' in found
