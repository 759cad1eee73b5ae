"""Who watches a network sees its recorders, what they record, and what the server logs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

from protocol.process.polling import poll_until
from tests.integration.events import events
from tests.integration.pending import ENDLESS_MS
from tests.integration.servers import DEADLINE_S, Server, Start

CANCELLED = "it was cancelled, as its caller or somebody else wanted"


def network(server: Server) -> None:
    """Two neurons that spike, and a recorder of them, which is node 3.

    They spike seldom: of more than 100 000 spikes, those who come later are told the newest.
    """
    server.call("Create", ["iaf_psc_alpha", 2, {"I_e": 400.0, "t_ref": 400.0}])
    server.call("Create", ["spike_recorder"])
    server.call("Connect", [[1, 2], [3]])


def simulate(server: Server) -> str:
    """Begin a simulation that does not end by itself; its id, once it goes on."""
    reply = server.post("/api/Simulate", [ENDLESS_MS], headers={"Prefer": "respond-async"})
    address = f"/jobs/{reply.json()['id']}"
    assert poll_until(lambda: "progress" in server.get(address).json(), DEADLINE_S)
    return str(reply.json()["id"])


def first_spikes(happening: Iterator[Any]) -> dict[str, Any]:
    return next(facts for _, kind, facts in happening if kind == "spikes")


def test_list_of_recorders_does_not_wait_for_a_kernel_that_does_not_answer(server: Server) -> None:
    pid = server.connection_info()["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        reply = server.get("/recorders")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert reply.status_code == 503
    assert "can't be interrupted" in reply.json()["message"]
    assert int(reply.headers["Retry-After"]) > 0
    # What it answers afterwards is not taken for the answer to something else.
    assert server.get("/recorders").json() == []
    assert server.call("network_size") == 0


def test_reader_who_comes_later_gets_all_spikes_and_others_none_twice(server: Server) -> None:
    network(server)
    with events(server, "?recorder=3") as earlier:
        id = simulate(server)
        times = first_spikes(earlier)["times"] + first_spikes(earlier)["times"]
        with events(server, "?recorder=3") as later:
            found = first_spikes(later)
        assert (found["after_ms"], found["times"][: len(times)]) == (None, times)
        while times[-1] <= found["times"][-1]:
            times += first_spikes(earlier)["times"]
    server.request("DELETE", f"/jobs/{id}")
    recorded = server.call("GetStatus", [[3], "events"])[0]["times"]
    assert times == recorded[: len(times)]


def test_lines_that_are_logged_are_told_to_who_reads_everything(start: Start) -> None:
    server = start()
    network(server)
    with events(server) as happening:
        # An operation of more than a second is worth a line.
        id = simulate(server)
        assert poll_until(
            lambda: server.get(f"/jobs/{id}").json()["progress"]["wall_s"] > 1.0, DEADLINE_S
        )
        with events(server, f"?job={id}") as of_the_job:
            server.request("DELETE", f"/jobs/{id}")
            for _, kind, facts in of_the_job:
                assert kind in ("state", "progress")
                if facts.get("state") == "cancelled":
                    break
        line = next(facts for _, kind, facts in happening if kind == "log")
        assert line["source"] == "kernel"
        assert line["level"] == "info"
        assert line["text"].startswith(f"{CANCELLED} call=Simulate job={id} took_s=")
        # The same line, whose fields are before its text there.
        assert line["text"].removeprefix(f"{CANCELLED} ") in server.log()
        simulate(server)
        os.kill(server.connection_info()["pid"], signal.SIGKILL)
        line = next(facts for _, kind, facts in happening if kind == "log")
    assert (line["source"], line["level"]) == ("gateway", "error")
    assert "was lost during Simulate" in line["text"]
    assert server.token not in line["text"]
