"""A gateway, rank 0 and rank 1 on a host each, and their cables cut."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.process.polling import poll_until
from tests.cluster.hosts import Hosts, mpirun
from tests.integration.remote import Pair, pair
from tests.integration.servers import DEADLINE_S, Runtime, Server, marked_processes

#: A link is given up after so long at the latest, and a caller told.
NOTICED_S = 40.0


@pytest.fixture(scope="session")
def key(hosts: Hosts) -> Path:
    """Of the client whom all hosts let in."""
    return hosts.serve_ssh()


@pytest.fixture
def remote(hosts: Hosts, runtime: Runtime) -> Iterator[Pair]:
    """The gateway's host and rank 0's, with nothing started yet."""
    desk, node = hosts["desk"], hosts["node0"]
    with pair(
        runtime,
        address=desk.address,
        gateway_host=desk.command,
        kernel_host=node.command,
        bind="tcp://eth0:*",
        env={"NEST_SERVER_LINK": "15"},
    ) as made:
        try:
            yield made
        finally:
            for host in hosts.hosts.values():
                host.restore()


class Call:
    """A call whose caller waits in a thread."""

    def __init__(self, server: Server, name: str, body: Any) -> None:
        self.reply: Any = None
        self._server = Server(server.runtime, server.port, server.token, server.host)
        self._thread = threading.Thread(target=self._run, args=(name, body))
        self._thread.start()

    def _run(self, name: str, body: Any) -> None:
        self.reply = self._server.post(f"/api/{name}", body)

    def wait(self) -> Any:
        """What came."""
        self._thread.join(2 * DEADLINE_S)
        assert not self._thread.is_alive()
        return self.reply


def begin_run(server: Server, ms: float) -> Call:
    """A simulation that has begun."""
    server.call("Create", ["iaf_psc_alpha"])
    call = Call(server, "Simulate", [ms])

    def has_begun() -> bool:
        return any("progress" in job for job in server.get("/jobs").json())

    assert poll_until(has_begun, DEADLINE_S)
    return call


def is_cut(remote: Pair) -> bool:
    return "is cut" in remote.gateway_log()


def test_answer_that_was_due_while_the_link_was_cut_arrives_after(
    hosts: Hosts, remote: Pair
) -> None:
    info = remote.start_kernel()
    assert info["host"] == "node0" and f"//{hosts['node0'].address}:" in info["command_endpoint"]
    server = remote.start_gateway()
    # It ends while the link is cut, or soon after.
    call = begin_run(server, 3e5)
    hosts["node0"].cut()
    # Not only a pause that TCP gets over: the connection is given up.
    assert poll_until(lambda: is_cut(remote), NOTICED_S), remote.gateway_log()
    other = server.post("/api/biological_time")
    assert (other.status_code, other.json()["error"]) == (503, "KernelUnavailable")
    hosts["node0"].restore()
    reply = call.wait()
    assert (reply.status_code, reply.json()) == (200, None), reply.text
    # Once, and not again for having been sent again.
    assert server.call("biological_time") == 3e5
    assert server.call("network_size") == 1


def test_run_goes_on_beyond_a_cut_which_is_told_if_it_lasts(hosts: Hosts, remote: Pair) -> None:
    remote.start_kernel()
    server = remote.start_gateway()
    call = begin_run(server, 1e9)
    (running,) = (job for job in server.get("/jobs").json() if job["state"] == "running")
    hosts["desk"].cut()
    # Its host can't be asked; its log can be read.
    assert poll_until(lambda: is_cut(remote), NOTICED_S), remote.gateway_log()
    hosts["desk"].restore()
    assert poll_until(lambda: "is back" in remote.gateway_log(), NOTICED_S)
    assert call.reply is None
    assert poll_until(lambda: server.get("/").json()["awaited"], DEADLINE_S)

    hosts["node0"].cut()
    reply = call.wait()
    assert (reply.status_code, reply.json()["error"]) == (503, "LinkLost")
    assert "node0" in reply.json()["message"]
    assert "Retry-After" in reply.headers
    hosts["node0"].restore()
    assert poll_until(lambda: server.get("/readyz").status_code == 200, DEADLINE_S)
    # It still computes what nobody waits for any more; by its name it can be ended.
    assert [job["id"] for job in server.get("/jobs").json()] == [running["id"]]
    assert running["id"] in reply.json()["message"]
    assert server.request("DELETE", f"/jobs/{running['id']}").ok
    assert poll_until(lambda: server.get("/jobs").json() == [], DEADLINE_S)


def test_rank_behind_a_cut_link_is_named(hosts: Hosts, remote: Pair, key: Path) -> None:
    name, _, _ = remote.runtime.mark.partition("=")
    launcher = mpirun(hosts, key, ["node0", "node1"], ["NESTD_RUNTIME_DIR", name])
    info = remote.start_kernel(*launcher)
    assert [one["host"] for one in info["processes"]] == ["node0", "node1"]
    server = remote.start_gateway()
    try:
        server.call("Create", ["iaf_psc_alpha", 4])
        assert server.call("GetLocalVPs") == [0, 1]
        call = begin_run(server, 1e9)
        hosts["node1"].cut()
        reply = call.wait()
        said = reply.json()
        assert (reply.status_code, said["error"], said["ranks"]) == (503, "KernelLost", [1])
        assert "rank 1 on node1" in said["message"]
        # Nor does the other side compute for nobody.
        ranks = [one["pid"] for one in info["processes"]]
        assert poll_until(lambda: not any(map(lives, ranks)), DEADLINE_S)
    finally:
        hosts["node1"].restore()
        for pid in marked_processes(remote.runtime.mark, str(remote.runtime.directory)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
