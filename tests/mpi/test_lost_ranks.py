"""What callers see when one of several ranks raises alone, is killed or is stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from typing import Any

import pytest

import nest_remote
from protocol.process.polling import poll_until
from tests.integration.pending import (
    await_end,
    await_new_kernel,
    begin_endless_run,
    kill,
    pending,
    processes,
)
from tests.integration.servers import DEADLINE_S, Server, Start


def ranks_of(server: Server) -> list[int]:
    """Process ids of the ranks."""
    return [process["pid"] for process in server.connection_info()["processes"]]


def launcher(server: Server) -> int:
    """Process id of the MPI launcher, the parent of the ranks."""
    (pid,) = set(processes(server, "nestd.cli")) - set(ranks_of(server))
    return pid


@pytest.mark.parametrize(("ranks", "node"), [(2, 1), (2, 2), (4, 3)])
def test_rank_that_raises_while_others_hang_is_answered_and_replaced(
    start: Start, ranks: int, node: int
) -> None:
    server = start(None, "-n", str(ranks))
    generation = server.connection_info()["generation"]
    nodes = server.call("Create", ["aeif_cond_alpha", node])
    server.call("SetStatus", {"nodes": nodes[-1:], "params": {"I_e": 1e12}})
    reply = server.post("/api/Simulate", [100.0])
    assert reply.status_code == 500
    said = reply.json()
    assert (said["error"], said["call"]) == ("NumericalInstability", "Simulate")
    assert said["ranks"] == [node % ranks]
    assert f"rank {node % ranks}" in said["message"]
    await_new_kernel(server, generation)
    nest_remote.connect(server.url, token=server.token)
    nest: Any = nest_remote
    try:
        generation = server.connection_info()["generation"]
        nest.Create("aeif_cond_alpha", node)[node - 1].set(I_e=1e12)
        with pytest.raises(nest.NESTError, match="the network is lost") as raised:
            nest.Simulate(100.0)
        assert type(raised.value) is nest.NESTErrors.NumericalInstability
    finally:
        nest_remote.disconnect()
    assert await_new_kernel(server, generation) != generation
    assert server.call("Create", ["iaf_psc_alpha", 2]) == [1, 2]
    assert server.get("/").json()["ranks"] == ranks


@pytest.mark.parametrize(("ranks", "rank"), [(2, 0), (2, 1), (4, 2)])
def test_rank_killed_in_a_run_is_named_with_its_signal(start: Start, ranks: int, rank: int) -> None:
    server = start(None, "-n", str(ranks))
    generation = server.connection_info()["generation"]
    with pending(server) as send:
        run = begin_endless_run(server, send)
        kill(ranks_of(server)[rank])
        began = time.monotonic()
        reply = run.result()
        took_s = time.monotonic() - began
    assert took_s < 20.0
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0
    said = reply.json()
    assert said["error"] == "KernelLost"
    assert "SIGKILL" in said["message"]
    assert f"rank {rank}" in said["message"]
    await_new_kernel(server, generation)
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]
    assert server.get("/").json()["ranks"] == ranks


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_killed_while_idle_is_replaced_with_all_others(start: Start, rank: int) -> None:
    server = start(None, "-n", "2")
    generation, old = server.connection_info()["generation"], ranks_of(server)
    kill(old[rank])
    await_new_kernel(server, generation)
    for pid in old:
        await_end(pid)
    assert not set(old) & set(ranks_of(server))
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]


def test_stopped_rank_is_named_and_the_run_goes_on_when_it_does(start: Start) -> None:
    server = start(None, "-n", "2")
    server.call("Create", ["iaf_psc_alpha", 2])
    stopped = ranks_of(server)[1]
    os.kill(stopped, signal.SIGSTOP)
    with pending(server) as send:
        run = send("Simulate", [20.0])

        def awaited() -> str | None:
            said = server.runtime.run("status", "-p", str(server.port)).stdout
            return said if "awaits   rank 1 (stopped by a signal" in said else None

        assert poll_until(awaited, DEADLINE_S)
        said = json.loads(server.runtime.run("status", "--json").stdout)
        (one,) = [rank for rank in said[0]["awaited"] if rank["stopped"]]
        assert one["rank"] == 1
        assert one["since"]
        assert not run.done()
        os.kill(stopped, signal.SIGCONT)
        assert run.result().status_code == 200
    assert server.call("biological_time") == 20.0
    assert server.get("/").json()["awaited"] == []


def test_server_with_a_stopped_rank_still_restarts(start: Start) -> None:
    server = start(None, "-n", "2")
    old = ranks_of(server)
    os.kill(old[1], signal.SIGSTOP)
    done = server.runtime.run("restart", "-p", str(server.port))
    assert done.returncode == 0, done.stderr
    for pid in old:
        await_end(pid)
    # As it was started, on as many ranks.
    assert server.get("/").json()["ranks"] == 2
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]


def test_killed_launcher_takes_its_ranks_along_and_is_replaced_with_them(start: Start) -> None:
    server = start(None, "-n", "2")
    generation, old = server.connection_info()["generation"], ranks_of(server)
    with pending(server) as send:
        run = begin_endless_run(server, send)
        kill(launcher(server))
        reply = run.result()
    assert (reply.status_code, reply.json()["error"]) == (503, "KernelLost")
    assert "SIGKILL) of the launcher" in reply.json()["message"]
    for pid in old:
        await_end(pid)
    await_new_kernel(server, generation)
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]
    assert len(processes(server, "nestd.cli")) == 3
    assert not set(old) & set(ranks_of(server))


def test_killed_supervisor_leaves_no_rank_and_no_launcher(start: Start) -> None:
    server = start(None, "-n", "2")
    with pending(server) as send:
        begin_endless_run(server, send)
        pids = ranks_of(server)
        kill(*processes(server, "nestd.server.background"))
        for pid in pids:
            await_end(pid)
    assert poll_until(lambda: not processes(server, "nestd.cli"), DEADLINE_S)
    # Its files are cleared away by the next start on its port, here by hand.
    shutil.rmtree(server.runtime.directory / f"server-{server.port}")
