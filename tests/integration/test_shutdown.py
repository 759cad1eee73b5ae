"""How a server stops: what runs has its time, what waits is told, and nothing outlives the end."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from protocol.process.polling import poll_until
from tests.integration.pending import (
    await_end,
    await_refusal,
    await_waiting,
    begin_endless_run,
    pending,
    processes,
    running_script,
    supervisor,
)
from tests.integration.servers import DEADLINE_S, OPEN, Runtime, Start


def test_sigterm_lets_what_runs_end_and_turns_everything_else_away(
    start: Start, tmp_path: Path
) -> None:
    server = start(OPEN)
    pid = supervisor(server)
    release = tmp_path / "release"
    with pending(server) as send, running_script(server, send, release) as run:
        waiting = send("Create", ["iaf_psc_alpha"])
        await_waiting(server, 2)
        job = server.post("/api/Create", ["iaf_psc_alpha"], headers={"Prefer": "respond-async"})
        os.kill(pid, signal.SIGTERM)

        turned_away = waiting.result(DEADLINE_S)
        late = await_refusal(server)
        assert server.get("/").json()["state"] == "stopping"
        kept = server.get(f"/jobs/{job.json()['id']}").json()
        refused = server.post("/api/Create", ["a"], headers={"Prefer": "respond-async"})
        assert not run.done()
        release.touch()
        answer = run.result(DEADLINE_S)
    assert answer.status_code == 200
    assert answer.json()["data"] > 0
    for reply, call in ((turned_away, "Create"), (late, "resolution")):
        assert reply.status_code == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.json()["error"] == "KernelUnavailable"
        assert f"takes nothing new; {call} was not executed" in reply.json()["message"]
    assert (kept["state"], "Create was not executed" in kept["message"]) == ("failed", True)
    assert (refused.status_code, refused.json()["error"]) == (503, "KernelUnavailable")
    await_end(pid)
    log = server.log()
    assert "stopping on SIGTERM: nothing new is taken, what runs goes on for at most 30 s" in log
    assert "nestd was stopped at the stage drain" in log
    assert log.rstrip().endswith('msg="NEST Server has stopped"')
    server.session.close()


def test_run_that_takes_longer_than_its_time_ends_at_a_slice(start: Start) -> None:
    server = start({"NEST_SERVER_DRAIN": "0.5"})
    pid = supervisor(server)
    with pending(server) as send:
        run = begin_endless_run(server, send)
        os.kill(pid, signal.SIGTERM)
        reply = run.result(DEADLINE_S)
    assert (reply.status_code, reply.json()["error"]) == (503, "KernelLost")
    assert "during Simulate, which had not ended in the time it was given" in reply.text
    await_end(pid)
    assert "stopping on its time is over: what runs ends at the next slice" in server.log()
    assert "nestd was stopped at the stage slice" in server.log()
    server.session.close()


def test_kernel_that_hears_nothing_is_killed_and_its_caller_told(start: Start) -> None:
    server = start()
    pid, kernel = supervisor(server), server.connection_info()["pid"]
    with pending(server) as send:
        run = begin_endless_run(server, send)
        os.kill(kernel, signal.SIGSTOP)
        os.kill(pid, signal.SIGINT)
        reply = run.result(DEADLINE_S)
    assert reply.status_code == 503
    assert "SIGKILL" in reply.json()["message"]
    await_end(pid)
    assert "nestd does not end at a slice and gets SIGTERM" in server.log()
    assert "nestd was stopped at the stage KILL" in server.log()
    server.session.close()


def test_stop_with_drain_returns_when_what_runs_has_ended(
    start: Start, runtime: Runtime, tmp_path: Path
) -> None:
    server = start(OPEN)
    release = tmp_path / "release"
    with pending(server) as send, running_script(server, send, release) as run:
        with runtime.popen("stop", "--drain") as stop:
            await_refusal(server)
            assert stop.poll() is None
            release.touch()
            assert stop.wait(DEADLINE_S) == 0
        answer = run.result(DEADLINE_S)
        assert answer.status_code == 200, (answer.text, server.log())
    server.session.close()
    assert runtime.leftovers() == []


def test_replaced_gateway_loses_no_request(start: Start, runtime: Runtime, tmp_path: Path) -> None:
    server = start(OPEN)
    release = tmp_path / "release"
    replies: list[requests.Response] = []
    stop = tmp_path / "stop"
    # One caller waits in the first gateway for as long as the test wants.
    with (
        pending(server) as send,
        ThreadPoolExecutor(4) as threads,
        running_script(server, send, release) as waits,
    ):
        first = processes(server, "gateway")

        def call_again_and_again() -> list[requests.Response]:
            found = []
            with requests.Session() as session:
                while not stop.exists():
                    found.append(session.get(f"{server.url}/readyz", timeout=DEADLINE_S))
            return found

        callers = [threads.submit(call_again_and_again) for _ in range(4)]
        gateways = [first[0]]
        for _ in range(3):
            done = runtime.run("restart", "--gateway")
            assert (done.returncode, done.stderr) == (0, "")
            (status,) = [line for line in done.stdout.splitlines() if "new gateway" in line]
            assert server.url in status
            gateways.append(processes(server, "gateway")[-1])
        assert len(set(gateways)) == 4
        assert set(first) <= set(processes(server, "gateway"))
        stop.touch()
        for caller in callers:
            replies += caller.result(DEADLINE_S)
        assert not waits.done()
        release.touch()
        assert waits.result(DEADLINE_S).status_code == 200
    assert len(replies) > 100
    assert {reply.status_code for reply in replies} == {200}
    # Those that were replaced end when they have answered everything.
    assert poll_until(lambda: len(processes(server, "gateway")) == 1, DEADLINE_S)
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]
    server.session.close()
