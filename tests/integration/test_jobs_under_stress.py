"""Jobs whose callers hang up and whose gateway or kernel is lost, and too little room for them.

``scripts/soak`` accounts for what many clients send meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import requests

from gateway.http.replies import AS_JSON
from protocol.process.polling import poll_until
from protocol.runtime.job_store import Spool, new_name
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.stored_job import Facts
from protocol.wire.messages import Action, Command, Operation
from tests.integration.pending import ENDLESS_MS, await_new_kernel, kill, processes
from tests.integration.servers import DEADLINE_S, Server, Start
from tests.integration.test_jobs import FINAL, await_state, look, result, submit


def ask(server: Server, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The reply to a request that is sent again while there is no gateway."""

    def send() -> list[requests.Response]:
        with contextlib.suppress(requests.RequestException):
            reply = requests.request(
                method,
                server.url + path,
                json=body,
                headers={"NESTServerAuth": server.token or ""} | headers,
                timeout=DEADLINE_S,
            )
            # A reply that tells of an error counts as false.
            return [reply]
        return []

    replies = poll_until(send, DEADLINE_S)
    assert replies, server.log()
    return replies[0]


def hang_up_on(server: Server, model: str) -> None:
    """Ask for a node and close the connection without waiting for the answer."""
    body = f'["{model}"]'
    head = (
        f"POST /api/Create HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"NESTServerAuth: {server.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", server.port)) as caller,
    ):
        caller.sendall((head + body).encode())


@contextmanager
def busy(server: Server) -> Iterator[dict[str, Any]]:
    """A simulation runs, behind which others wait; it is ended afterwards."""
    # The gateway may be killed right after it has accepted it: it is not to be there twice.
    keys = {"Prefer": "respond-async", "Idempotency-Key": new_name()}
    job = ask(server, "POST", "/api/Simulate", [ENDLESS_MS], **keys).json()

    def runs() -> bool:
        return bool(ask(server, "GET", f"/jobs/{job['id']}").json()["state"] == "running")

    assert poll_until(runs, DEADLINE_S)
    try:
        yield job
    finally:
        assert ask(server, "DELETE", f"/jobs/{job['id']}").status_code == 200


def _queued(server: Server) -> int:
    return sum(job["state"] == "queued" for job in ask(server, "GET", "/jobs").json())


def test_what_waits_for_a_caller_who_hung_up_is_not_executed(start: Start) -> None:
    server = start({"NEST_SERVER_HANGUP": "0.2"})
    server.call("Create", ["iaf_psc_alpha"])
    with busy(server):
        for _ in range(5):
            hang_up_on(server, "parrot_neuron")
        assert poll_until(lambda: _queued(server) == 5, DEADLINE_S)
        assert poll_until(lambda: _queued(server) == 0, DEADLINE_S)
    assert server.call("network_size") == 1


def test_job_whose_directory_is_gone_or_damaged_does_no_harm(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    generation = server.get("/").json()["generation"]
    spool = server.runtime.directory / f"server-{server.port}" / "jobs"
    with busy(server):
        gone = submit(server, "/api/Create", ["parrot_neuron"])
        shutil.rmtree(spool / gone["id"])
        after = submit(server, "/api/Create", ["parrot_neuron"])
    assert await_state(server, after, *FINAL)["state"] == "done"
    assert server.get(f"/jobs/{gone['id']}").status_code == 404
    damaged = result(server, after)
    (spool / after["id"] / "result").write_bytes(b"\x01\x00")
    damaged = result(server, after)
    assert (damaged.status_code, damaged.json()["error"]) == (500, "InternalError")
    assert server.call("network_size") == 2
    assert server.get("/").json()["generation"] == generation


def test_job_or_result_without_room_says_so_and_the_run_is_unharmed(start: Start) -> None:
    server = start()
    server.call("Create", ["iaf_psc_alpha"])
    generation = server.get("/").json()["generation"]
    spool = server.runtime.directory / f"server-{server.port}" / "jobs"
    # The log is not to be too large.
    limit_bytes = len(server.log().encode()) + 40_000
    # The file broker of the kernel writes to the spool, and the gateway.
    for pid in (*processes(server, "nestd.broker.process"), *processes(server, "gateway")):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    large = {"source": f"x = 'x' * {2 * limit_bytes}", "return": "x"}
    refused = server.request(
        "POST", "/api/Create", json=["x" * (2 * limit_bytes)], headers={"Prefer": "respond-async"}
    )
    assert refused.status_code == 503
    assert "File too large" in refused.json()["message"]
    assert list(spool.iterdir()) == []
    server.call("Simulate", [10.0])
    job = submit(server, "/exec", large)
    ended = await_state(server, job, *FINAL)
    assert ended["state"] == "failed"
    assert ended["message"] == "it was executed, but its result can't be kept: File too large"
    assert result(server, job).status_code == 500
    printing = {"source": f"print('x' * {2 * limit_bytes})\nnest.Simulate(10.0)\nprint('end')"}
    job = submit(server, "/exec", printing)
    assert await_state(server, job, *FINAL)["message"] == ended["message"]
    printed = server.get(f"/jobs/{job['id']}/output").text
    # As much of it as there was room for.
    assert set(printed) == {"x"}
    assert len(printed) <= limit_bytes
    # It needs no more room than there is.
    assert await_state(server, submit(server, "/api/Simulate", [10.0]), *FINAL)["state"] == "done"
    assert server.call("biological_time") == 30.0
    # Who waits for the same needs no room in the spool.
    assert len(server.post("/exec", large).json()["data"]) == 2 * limit_bytes
    assert server.get("/").json()["generation"] == generation


def spool_of(server: Server) -> Spool:
    """Where its jobs lie."""
    return Spool(RuntimeDirectory(server.runtime.directory).server(server.port).jobs)


def accepted(server: Server, generation: str) -> dict[str, Any]:
    """A job that a gateway has accepted for a kernel, and was killed before it could say so."""
    name = new_name()
    facts = Facts(name, "Create", time.time(), generation, AS_JSON)
    operation = Operation(Action.CALL_JSON, "Create", ["parrot_neuron"])
    spool_of(server).add(facts, Command(name, operation))
    return {"id": name}


def test_jobs_of_a_gateway_and_a_kernel_that_were_killed_together_fail(server: Server) -> None:
    generation = server.get("/").json()["generation"]
    await_state(server, submit(server, "/api/Create", ["parrot_neuron"]), "done")
    pid = server.connection_info()["pid"]
    # What it is sent now it never takes up.
    os.kill(pid, signal.SIGSTOP)
    jobs = [submit(server, "/api/Create", ["parrot_neuron"]) for _ in range(3)]
    jobs.append(accepted(server, generation))
    kill(pid, *processes(server, "gateway"))
    for job in jobs:
        ended = poll_until(lambda p=f"/jobs/{job['id']}": _final(server, p), DEADLINE_S)
        assert ended, ask(server, "GET", f"/jobs/{job['id']}").text
        assert (ended["state"], ended["generation"]) == ("failed", generation)
        assert "the kernel ended" in ended["message"]
    assert await_new_kernel(server, generation)
    assert server.call("network_size") == 0


def _final(server: Server, path: str) -> dict[str, Any] | None:
    found: dict[str, Any] = ask(server, "GET", path).json()
    return found if found["state"] in FINAL else None


def test_job_that_could_not_be_passed_on_at_once_is_later(server: Server) -> None:
    info = server.connection_info()
    os.kill(info["pid"], signal.SIGSTOP)
    job = accepted(server, info["generation"])
    kill(*processes(server, "gateway"))
    # A kernel that is stopped takes no new connections either, until the gateway gives up.
    assert poll_until(lambda: f"job {job['id']} can't be passed on yet" in server.log(), DEADLINE_S)
    assert ask(server, "GET", f"/jobs/{job['id']}").json()["state"] == "queued"
    # One that is accepted meanwhile waits like it, and is not taken back.
    server.session.close()
    late = submit(server, "/api/Create", ["parrot_neuron"])
    assert look(server, late)["state"] == "queued"
    os.kill(info["pid"], signal.SIGCONT)
    for one in (job, late):
        assert await_state(server, one, *FINAL)["state"] == "done"
    assert server.call("network_size") == 2


def test_waiting_callers_of_one_key_all_get_its_answer(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    with busy(server), ThreadPoolExecutor(8) as callers:
        same = [
            callers.submit(
                ask, server, "POST", "/api/Create", ["parrot_neuron"], **{"Idempotency-Key": "k"}
            )
            for _ in range(8)
        ]
        assert poll_until(lambda: _queued(server) == 1, DEADLINE_S)
        (waiting,) = [job for job in server.get("/jobs").json() if job["state"] == "queued"]
        server.request("DELETE", f"/jobs/{waiting['id']}")
        replies = [one.result() for one in same]
    assert {(one.status_code, one.json()["error"]) for one in replies} == {(400, "Cancelled")}
    assert server.call("network_size") == 1
