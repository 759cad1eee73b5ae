"""Jobs: started without waiting, seen, cancelled, fetched later, whoever dies meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from protocol.process.polling import poll_until
from tests.integration.events import events
from tests.integration.pending import ENDLESS_MS, begin_endless_run, kill, pending, processes
from tests.integration.servers import DEADLINE_S, Server, Start

FINAL = ("done", "failed", "cancelled")


ASYNC = {"Prefer": "respond-async"}


def submit(server: Server, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """Start a job; what is known of it."""
    reply = server.request("POST", path, json=body, headers=ASYNC | headers)
    assert reply.status_code == 202, reply.text
    job: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == f"/jobs/{job['id']}"
    return job


def look(server: Server, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/jobs/{job['id']}").json()
    return found


def await_state(server: Server, job: dict[str, Any], *states: str) -> dict[str, Any]:
    """The job, when it is in one of the states."""

    def find() -> dict[str, Any] | None:
        found = look(server, job)
        return found if found["state"] in states else None

    found = poll_until(find, DEADLINE_S)
    assert found, look(server, job)
    return found


def result(server: Server, job: dict[str, Any]) -> requests.Response:
    return server.get(f"/jobs/{job['id']}/result")


def network(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 2, {"I_e": 400.0}])
    server.call("Create", ["spike_recorder"])
    server.call("Connect", [[1, 2], [3]])


def test_job_is_accepted_at_once_and_its_result_is_the_synchronous_reply(server: Server) -> None:
    network(server)
    job = submit(server, "/api/Simulate", [200.0])
    assert job["state"] in ("queued", "running", "done")
    ended = await_state(server, job, *FINAL)
    assert ended["state"] == "done"
    assert (result(server, job).status_code, result(server, job).json()) == (200, None)
    reading = submit(server, "/api/GetStatus", [[3], "events"])
    await_state(server, reading, "done")
    fetched, now = result(server, reading), server.post("/api/GetStatus", [[3], "events"])
    assert fetched.content == now.content
    assert fetched.headers["NEST-Kernel-Generation"] == now.headers["NEST-Kernel-Generation"]
    assert len(fetched.json()[0]["times"]) > 4


def test_script_as_a_job_shows_what_it_has_printed(server: Server) -> None:
    source = "print('one')\nwhile nest.GetKernelStatus('rng_seed') != 7: pass\nprint('two')\nx = 5"
    job = submit(server, "/exec", {"source": source, "return": "x"})
    path = f"/jobs/{job['id']}/output"
    assert poll_until(lambda: server.get(path).text == "one\n", DEADLINE_S)
    assert look(server, job)["state"] == "running"
    ended = server.request("DELETE", f"/jobs/{job['id']}").json()
    assert ended["state"] == "cancelled"
    reply = result(server, job)
    assert reply.status_code == 400
    assert reply.json()["error"] == "Cancelled"
    assert reply.json()["stdout"] == "one\n"


def test_cancelled_simulation_stops_where_it_is_and_goes_on_from_there(server: Server) -> None:
    network(server)
    job = submit(server, "/api/Simulate", [ENDLESS_MS])
    seen = []

    def progress() -> bool:
        found = look(server, job).get("progress")
        if found and found["biological_time_ms"] not in seen:
            seen.append(found["biological_time_ms"])
        return len(seen) >= 5

    assert poll_until(progress, DEADLINE_S)
    assert seen == sorted(seen)
    view = look(server, job)
    assert view["progress"]["total_ms"] == ENDLESS_MS
    assert view["progress"]["estimated_end"] > view["created"]
    ended = server.request("DELETE", f"/jobs/{job['id']}")
    assert (ended.status_code, ended.json()["state"]) == (200, "cancelled")
    assert "ms of biological time" in result(server, job).json()["message"]
    at_ms = server.call("biological_time")
    assert 0 < at_ms < ENDLESS_MS
    server.call("Simulate", [100.0])
    assert server.call("biological_time") == pytest.approx(at_ms + 100.0)
    # The neurons have fired all the time, also after the cut.
    times = server.call("GetStatus", [[3], "events"])[0]["times"]
    assert max(times) > at_ms


def test_caller_who_waits_can_name_the_request_to_cancel_it(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    name = "chosen0by0the0caller"
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(
            requests.post,
            f"{server.url}/api/Simulate",
            json=[ENDLESS_MS],
            headers={"NESTServerAuth": server.token or "", "X-Job-ID": name},
            timeout=DEADLINE_S,
        )
        assert poll_until(lambda: server.get(f"/jobs/{name}").status_code == 200, DEADLINE_S)
        job = await_state(server, {"id": name}, "running")
        assert (job["what"], job["waited_for"]) == ("Simulate", True)
        # Another one of that name could not be told from it.
        again = server.post("/api/Create", ["iaf_psc_alpha"], headers={"X-Job-ID": name})
        assert again.status_code == 400
        assert name in again.json()["message"]
        assert server.request("DELETE", f"/jobs/{name}").json()["state"] == "cancelled"
        assert run.result().json()["error"] == "Cancelled"
    assert server.get(f"/jobs/{name}").status_code == 404
    # The name is free again.
    assert server.post("/api/network_size", headers={"X-Job-ID": name}).json() == 1


def test_caller_who_hangs_up_cancels_after_the_grace_period(start: Start) -> None:
    server = start({"NEST_SERVER_HANGUP": "0.5"})
    server.call("Create", ["iaf_psc_alpha"])
    with pytest.raises(requests.Timeout):
        requests.post(
            f"{server.url}/api/Simulate",
            json=[ENDLESS_MS],
            headers={"NESTServerAuth": server.token or ""},
            timeout=1.0,
        )
    assert server.call("network_size") == 1
    assert server.call("biological_time") < ENDLESS_MS


def test_run_that_a_killed_gateway_has_left_is_listed_and_can_be_ended(start: Start) -> None:
    server = start()
    with pending(server) as send:
        run = begin_endless_run(server, send)
        (before,) = server.get("/jobs").json()
        kill(*processes(server, "gateway"))
        with pytest.raises(requests.ConnectionError):
            run.result()
    server.session.close()
    assert poll_until(lambda: _is_up(server), DEADLINE_S)
    (left,) = server.get("/jobs").json()
    assert (left["id"], left["what"], left["state"]) == (before["id"], "Simulate", "running")
    assert left["progress"]["biological_time_ms"] > 0
    assert server.request("DELETE", f"/jobs/{left['id']}").status_code == 200
    assert server.call("biological_time") > 0
    assert server.get("/jobs").json() == []


def _is_up(server: Server) -> bool:
    try:
        return server.get("/healthz").ok
    except requests.ConnectionError:
        return False


def test_result_outlives_client_and_gateway(server: Server) -> None:
    network(server)
    job = submit(server, "/api/Simulate", [20_000.0])
    after = submit(server, "/api/GetStatus", [[3], "events"])
    kill(*processes(server, "gateway"))
    assert poll_until(lambda: _answers(server), DEADLINE_S)
    assert await_state(server, job, *FINAL)["state"] == "done"
    assert await_state(server, after, *FINAL)["state"] == "done"
    events = result(server, after).json()[0]
    assert events["times"] == server.call("GetStatus", [[3], "events"])[0]["times"]


def test_job_says_that_its_kernel_was_killed_and_ended_ones_stay(server: Server) -> None:
    done = submit(server, "/api/Create", ["iaf_psc_alpha"])
    await_state(server, done, "done")
    running = submit(server, "/api/Simulate", [ENDLESS_MS])
    queued = submit(server, "/api/Create", ["iaf_psc_alpha"])
    await_state(server, running, "running")
    kill(server.connection_info()["pid"])
    ended = await_state(server, running, *FINAL)
    assert ended["state"] == "failed"
    assert "SIGKILL" in ended["message"]
    assert await_state(server, queued, *FINAL)["state"] == "failed"
    assert result(server, running).status_code == 503
    assert result(server, done).json() == [1]


def test_what_cannot_be_interrupted_says_so_and_the_kernel_can_be_restarted(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 3000])
    every = [list(range(1, 3001))] * 2
    generation = server.get("/").json()["generation"]
    job = submit(server, "/api/Connect", [*every, "all_to_all", None])
    await_state(server, job, "running")
    reply = server.request("DELETE", f"/jobs/{job['id']}")
    if reply.status_code == 202:
        assert "can't be interrupted" in reply.json()["message"] or reply.json()["ending"]
    assert server.request("DELETE", "/kernel").json() == {"ended": generation}
    assert poll_until(lambda: _generation(server) not in (None, generation), DEADLINE_S)
    assert server.call("network_size") == 0


def _answers(server: Server) -> bool:
    try:
        return server.get("/jobs").status_code == 200
    except requests.ConnectionError:
        return False


def _generation(server: Server) -> str | None:
    found: str | None = server.get("/").json()["generation"]
    return found


def test_events_tell_what_a_job_does(server: Server) -> None:
    network(server)
    with events(server) as happening:
        job = submit(server, "/exec", {"source": f"print('hello')\nnest.Simulate({ENDLESS_MS})"})
        seen = []
        for _, kind, facts in happening:
            if facts.get("job") != job["id"]:
                # The end of an earlier test's, or a line of the log.
                continue
            seen.append((kind, facts.get("state") or facts.get("text") or ""))
            if kind == "progress" and sum(kind == "progress" for kind, _ in seen) == 3:
                server.request("DELETE", f"/jobs/{job['id']}")
            if seen[-1] == ("state", "cancelled"):
                break
    assert seen[0] == ("state", "queued")
    assert seen[1] == ("state", "running")
    # In pieces, if it is read while it is printed.
    assert "".join(text for kind, text in seen if kind == "output") == "hello\n"


def test_reader_that_comes_back_gets_what_it_has_missed(server: Server) -> None:
    with events(server) as happening:
        first = submit(server, "/api/Create", ["iaf_psc_alpha"])
        last = next(id for id, _, facts in happening if facts.get("job") == first["id"])
    await_state(server, first, "done")
    with events(server, last=last) as happening:
        _, kind, facts = next(happening)
    assert (kind, facts["state"]) == ("state", "running")
    with events(server, last="0000-7") as happening:
        assert next(happening)[1] == "dropped"


def test_events_of_one_job_only(server: Server) -> None:
    wanted = submit(server, "/api/Simulate", [ENDLESS_MS])
    with events(server, f"?job={wanted['id']}") as happening:
        submit(server, "/api/Create", ["iaf_psc_alpha"])
        server.request("DELETE", f"/jobs/{wanted['id']}")
        for _, kind, facts in happening:
            assert facts["job"] == wanted["id"]
            if kind == "state" and facts["state"] == "cancelled":
                break


def test_reader_who_does_not_read_keeps_nobody(server: Server) -> None:
    network(server)
    with events(server):
        began = time.monotonic()
        server.call("Simulate", [5000.0])
        assert time.monotonic() - began < 60.0
        assert server.get("/jobs").status_code == 200


def live_and_recorded(server: Server) -> tuple[list[Any], list[Any]]:
    """Spikes that a watcher was told, and those that were recorded, though they are cleared."""

    def build() -> None:
        # Others may have watched the recorder of another test, and then be told for a while.
        server.call("Create", ["parrot_neuron", 5])
        server.call("Create", ["iaf_psc_alpha", 2, {"I_e": 400.0}])
        server.call("Create", ["spike_recorder"])
        server.call("Connect", [[6, 7], [8]])

    build()
    server.call("Simulate", [100.0])
    clear: list[Callable[[], Any]] = [
        lambda: server.call("SetStatus", [[8], {"n_events": 0}]),
        lambda: server.call("NodeCollection.set", {"args": [[8]], "n_events": 0}),
        lambda: server.get("/api/SetStatus?nodes=8&params={%22n_events%22:0}"),
        lambda: server.post("/exec", {"source": "nest.NodeCollection([8]).n_events = 0"}),
        lambda: server.call("ResetKernel"),
    ]
    told: list[Any] = []
    recorded: list[Any] = []
    with events(server, "?recorder=8") as happening:

        def hear(number: int) -> None:
            """Go on reading until so many spikes were told."""
            while len(told) < number:
                _, kind, facts = next(happening)
                if kind == "spikes" and facts != {"recorder": 8, "reset": True}:
                    assert (facts["recorder"], facts["skipped"]) == (8, 0)
                    told.extend(zip(facts["times"], facts["senders"], strict=True))

        hear(1)
        for one in clear:
            for _ in range(3):
                server.call("Simulate", [30.0])
            found = server.call("GetStatus", [[8], "events"])[0]
            recorded.extend(zip(found["times"], found["senders"], strict=True))
            one()
            # A reader would wait for ever for what was not cleared.
            assert server.call("network_size") == 0 or server.call(
                "GetStatus", [[8], "n_events"]
            ) == [0]
        build()
        server.call("Simulate", [100.0])
        found = server.call("GetStatus", [[8], "events"])[0]
        recorded.extend(zip(found["times"], found["senders"], strict=True))
        hear(len(recorded))
    return told, recorded


def test_live_spikes_add_up_though_the_recorder_is_cleared(server: Server) -> None:
    told, recorded = live_and_recorded(server)
    assert told == recorded
    assert len(told) > 20


def test_live_spikes_of_what_records_nothing_say_so(server: Server) -> None:
    network(server)
    with events(server, "?recorder=1&recorder=77") as happening:
        told = (facts for _, kind, facts in happening if kind == "spikes")
        found = [next(told), next(told)]
    assert {facts["recorder"] for facts in found} == {1, 77}
    assert all(facts["problem"] for facts in found)
    assert server.get("/events?recorder=x").status_code == 400
