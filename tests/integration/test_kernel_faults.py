"""What callers see when the kernel's process is killed, stopped, or killed again."""

from __future__ import annotations

import os
import signal
import time

from NESTServerClient import NESTServerClient
from tests.integration.pending import (
    await_end,
    await_new_kernel,
    await_taken,
    await_waiting,
    begin_endless_run,
    kill,
    pending,
)
from tests.integration.servers import Server, Start


def test_kernel_killed_in_a_run_answers_every_waiting_caller_with_503(server: Server) -> None:
    info = server.connection_info()
    waiting_calls = ["GetKernelStatus", "GetNodes", "Simulate", "resolution", "Create"]
    with pending(server) as send:
        calls = {"run": begin_endless_run(server, send)}
        for number, name in enumerate(waiting_calls, start=2):
            body = {"Simulate": [1.0], "Create": ["iaf_psc_alpha"]}.get(name)
            calls[name] = send(name, body)
            await_waiting(server, number)
        # What had not been sent would get a reply of its own: it was not executed.
        await_taken(server, 1 + len(waiting_calls))
        kill(info["pid"])
        began = time.monotonic()
        replies = {name: call.result() for name, call in calls.items()}
        took_s = time.monotonic() - began

    # The run would have gone on for minutes: nobody waited for a time-out.
    assert took_s < 20.0
    for name, reply in replies.items():
        assert reply.status_code == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.headers["Content-Type"] == "application/json"
        said = reply.json()
        assert said["error"] == "KernelLost"
        assert "SIGKILL" in said["message"]
        assert said["call"] == ("Simulate" if name == "run" else name)
        assert said["call"] in said["message"]

    generation = await_new_kernel(server, info["generation"])
    assert server.call("GetKernelStatus", ["network_size"]) == 0
    assert server.call("Create", ["iaf_psc_alpha", 2]) == [1, 2]
    assert server.get("/").json()["generation"] == generation
    assert "nestd ended with signal 9 (SIGKILL)" in server.log()


def test_reset_of_a_kernel_that_starts_anew_waits_for_it(
    server: Server, nsc: NESTServerClient
) -> None:
    nsc.Create("iaf_psc_alpha", 3)
    kill(server.connection_info()["pid"])
    nsc.ResetKernel()
    assert nsc.GetKernelStatus("network_size") == 0


def test_kernel_that_ends_while_idle_is_replaced_every_time(start: Start) -> None:
    server = start()
    seen = {server.connection_info()["generation"]}
    for sig in (signal.SIGKILL, signal.SIGTERM):
        info = server.connection_info()
        os.kill(info["pid"], sig)
        await_end(info["pid"])
        # Importing NEST takes far longer than these requests.
        unready, early = server.get("/readyz"), server.get("/api/biological_time")
        for reply in (unready, early):
            assert reply.status_code == 503
            assert int(reply.headers["Retry-After"]) > 0
        assert unready.json()["error"] == "KernelUnavailable"
        # Lost, if it was sent before the gateway heard of the end.
        assert early.json()["error"] in ("KernelUnavailable", "KernelLost")
        # Alive all the same.
        assert server.get("/healthz").json() == {"alive": True}
        assert {"nest", "mpi"} <= server.get("/").json().keys()

        seen.add(await_new_kernel(server, info["generation"]))
        assert server.get("/readyz").status_code == 200
        assert server.call("Create", ["iaf_psc_alpha"]) == [1]
    assert len(seen) == 3


def test_run_that_is_suspended_and_continued_answers_as_if_nothing_had_been(server: Server) -> None:
    info = server.connection_info()
    server.call("Create", ["iaf_psc_alpha"])
    with pending(server) as send:
        run = send("Simulate", [50_000.0])
        await_waiting(server, 1)
        os.kill(info["pid"], signal.SIGSTOP)
        try:
            # The gateway answers, the caller waits: a silent kernel is not a dead one.
            waits = [server.get(path).status_code for path in ("/", "/healthz", "/readyz") * 10]
            assert waits == [200] * 30
            assert not run.done()
        finally:
            os.kill(info["pid"], signal.SIGCONT)
        reply = run.result()
    assert (reply.status_code, reply.json()) == (200, None)
    assert server.call("biological_time") == 50_000.0
    assert reply.headers["NEST-Kernel-Generation"] == info["generation"]
