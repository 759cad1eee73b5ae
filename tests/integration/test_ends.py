"""Readers of events are told the end of every call, whatever the end is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

from protocol.process.polling import poll_until
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.status_file import read_status
from tests.integration.events import events
from tests.integration.pending import await_new_kernel, await_taken, begin_endless_run, pending
from tests.integration.servers import DEADLINE_S, Server, Start
from tests.integration.test_watching import simulate


def states_until(happening: Iterator[Any], what: str, last: str) -> list[str]:
    """The states of a call, up to one of them."""
    found = []
    for _, kind, facts in happening:
        if kind == "state" and facts["what"] == what:
            found.append(facts["state"])
            if found[-1] == last:
                return found
    raise AssertionError(found)


def is_executing(server: Server, call: str) -> bool:
    """Whether the kernel is at a call, as its status file says."""
    files = RuntimeDirectory(server.runtime.directory / f"server-{server.port}")
    status = read_status(files.status(server.connection_info()["generation"]))
    return status.label == call


def test_call_that_can_not_be_interrupted_has_events(server: Server) -> None:
    nodes = [list(range(1, 2001))] * 2
    server.call("Create", ["iaf_psc_alpha", 2000])
    pid = server.connection_info()["pid"]
    with events(server) as happening, pending(server) as send:
        call = send("Connect", nodes)
        assert poll_until(lambda: is_executing(server, "Connect"), DEADLINE_S)
        # As if it took long.
        os.kill(pid, signal.SIGSTOP)
        try:
            assert states_until(happening, "Connect", "running") == ["running"]
        finally:
            os.kill(pid, signal.SIGCONT)
        assert states_until(happening, "Connect", "done") == ["done"]
        assert call.result().status_code == 200


def test_quick_calls_and_scripts_that_fail_have_events(server: Server) -> None:
    with events(server) as happening:
        server.call("Create", ["iaf_psc_alpha"])
        server.post("/api/Create", ["no such model"])
        server.post("/exec", {"source": "1 / 0"})
        assert states_until(happening, "Create", "failed") == ["done", "running", "failed"]
        assert states_until(happening, "script", "failed") == ["running", "failed"]
    # The log says why, too.
    reason = "no such model is not a known model name"
    assert poll_until(lambda: reason in server.log(), DEADLINE_S)


def test_end_of_what_a_kernel_takes_along_is_told(start: Start) -> None:
    server = start()
    with events(server) as happening, pending(server) as send:
        first = server.connection_info()["generation"]
        run = begin_endless_run(server, send)
        waiting = send("GetNodes")
        await_taken(server, 2)
        assert states_until(happening, "Simulate", "running") == ["running"]
        os.kill(server.connection_info()["pid"], signal.SIGKILL)
        ends = {"Simulate", "GetNodes"}
        while ends:
            kind, facts = next(happening)[1:]
            if kind == "state" and facts["what"] in ends and facts["state"] == "failed":
                assert "SIGKILL" in facts["message"]
                ends.remove(facts["what"])
        assert {run.result().status_code, waiting.result().status_code} == {503}
        # A job of a kernel that is stopped.
        await_new_kernel(server, first)
        server.call("Create", ["iaf_psc_alpha"])
        simulate(server)
        assert states_until(happening, "Simulate", "running") == ["queued", "running"]
        server.request("DELETE", "/kernel")
        assert states_until(happening, "Simulate", "failed") == ["failed"]
