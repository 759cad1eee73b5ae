"""Several calls in one request: one job, nothing of others in between, an end in the middle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import requests

import nest_remote
from NESTServerClient import NESTServerClient
from protocol.process.polling import poll_until
from tests.integration.pending import ENDLESS_MS
from tests.integration.servers import DEADLINE_S, Server

ASYNC = {"Prefer": "respond-async"}


def batch(server: Server, *calls: list[Any], **headers: str) -> requests.Response:
    body = [{"call": name, "args": args} for name, *args in calls]
    return server.request("POST", "/batch", json=body, headers=headers)


def await_progress(server: Server, id: str) -> dict[str, Any]:
    """The job, when it simulates."""

    def find() -> dict[str, Any] | None:
        found: dict[str, Any] = server.get(f"/jobs/{id}").json()
        return found if found.get("progress") else None

    found = poll_until(find, DEADLINE_S)
    assert found, server.get(f"/jobs/{id}").json()
    return found


def test_batch_without_waiting_is_one_job_and_its_result_the_same(server: Server) -> None:
    calls = [["Create", "iaf_psc_alpha"], ["Create", "nope"]]
    waited = batch(server, *calls)
    server.call("ResetKernel")
    job = batch(server, *calls, **ASYNC).json()
    assert job["what"] == "batch"
    assert poll_until(
        lambda: server.get(f"/jobs/{job['id']}").json()["state"] == "failed", DEADLINE_S
    )
    kept = server.get(f"/jobs/{job['id']}/result")
    assert (kept.status_code, kept.content) == (400, waited.content)
    assert kept.json()["results"] == [[1]]


def test_same_key_is_the_same_batch_executed_once(server: Server) -> None:
    key = {"Idempotency-Key": "one batch"}
    first = batch(server, ["Create", "iaf_psc_alpha"], **key)
    assert batch(server, ["Create", "iaf_psc_alpha"], **key).content == first.content
    assert server.call("network_size") == 1
    assert batch(server, ["Create", "iaf_psc_alpha", 2], **key).status_code == 400


def test_cancelled_batch_ends_in_its_simulation_and_executes_nothing_more(server: Server) -> None:
    with ThreadPoolExecutor(1) as thread:
        calls = [["Create", "iaf_psc_alpha"], ["Simulate", ENDLESS_MS], ["ResetKernel"]]
        waiting = thread.submit(batch, server, *calls, **{"X-Job-ID": "batch0001"})
        job = await_progress(server, "batch0001")
        assert (job["what"], job["call"]) == ("batch", "Simulate")
        assert job["progress"]["total_ms"] == ENDLESS_MS
        server.request("DELETE", "/jobs/batch0001")
        reply = waiting.result(DEADLINE_S)
    assert reply.status_code == 400
    found = reply.json()
    assert (found["error"], found["index"], found["results"]) == ("Cancelled", 1, [[1]])
    assert server.call("network_size") == 1
    assert 0 < server.call("biological_time") < ENDLESS_MS


def test_batch_can_be_cancelled_between_calls_that_do_not_simulate(server: Server) -> None:
    # Each is over at once, all of them are not.
    calls: list[list[Any]] = [["Create", "iaf_psc_alpha", 100_000]]
    calls += [["SetStatus", {"$result": 0}, {"I_e": float(value)}] for value in range(900)]
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(batch, server, *calls, **{"X-Job-ID": "batch0002"})
        assert poll_until(
            lambda: server.get("/jobs/batch0002").json().get("state") == "running", DEADLINE_S
        )
        server.request("DELETE", "/jobs/batch0002")
        found = waiting.result(DEADLINE_S).json()
    assert found["error"] == "Cancelled"
    assert 0 < found["index"] == len(found["results"]) < len(calls)
    # That of index 1 sets 0, and so on.
    assert server.call("GetStatus", [[1], "I_e"]) == [max(0.0, found["index"] - 2.0)]


def test_nothing_of_others_is_executed_between_the_calls_of_a_batch(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    calls: list[list[Any]] = []
    for value in range(100):
        calls += [["SetStatus", [1], {"I_e": float(value)}], ["GetStatus", [1], "I_e"]]
    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda _: batch(server, *calls).json(), range(8)))
    for reply in replies:
        assert reply[1::2] == [[float(value)] for value in range(100)]


def test_client_gets_what_calls_return(nsc: NESTServerClient) -> None:
    neurons, recorder, nothing, connections = nsc.batch(
        [
            ("Create", ["iaf_psc_alpha"], {"n": 2, "params": {"I_e": 400.0}}),
            ("Create", ["spike_recorder"]),
            ("Connect", [{"$result": 0}, {"$result": 1}]),
            ("GetConnections",),
        ]
    )
    assert (neurons.tolist(), nothing, len(connections)) == ([1, 2], None, 2)
    _, found = nsc.batch([("Simulate", [100.0]), ("GetStatus", [recorder, "n_events"])])
    assert list(found) == list(nsc.GetStatus(recorder, "n_events"))
    assert nsc.batch([]) == []


def test_client_says_which_call_of_a_batch_failed(nsc: NESTServerClient) -> None:
    with pytest.raises(nest_remote.NESTServerError, match="UnknownModelName") as raised:
        nsc.batch([("Create", ["iaf_psc_alpha"]), ("Create", ["nope"]), ("ResetKernel",)])
    assert raised.value.index == 1
    assert [one.tolist() for one in raised.value.results] == [[1]]
    assert nsc.network_size() == 1


@pytest.mark.parametrize("call", ["Run", ("Run", "x"), (1, []), ("Run", {"t": 1.0})])
def test_what_is_no_call_is_not_sent(nsc: NESTServerClient, call: Any) -> None:
    with pytest.raises(TypeError):
        nsc.batch([call])


def test_look_alike_gives_what_pynest_returns_and_raises(nest: Any) -> None:
    neurons, values = nest.batch(
        [("Create", ["iaf_psc_alpha", 2]), ("GetStatus", [{"$result": 0}, ["V_m", "C_m"]])]
    )
    assert neurons == nest.NodeCollection([1, 2])
    assert values == nest.GetStatus(neurons, ["V_m", "C_m"])
    assert isinstance(values, tuple)
    with pytest.raises(nest.NESTErrors.UnknownModelName) as raised:
        nest.batch([("GetStatus", [neurons, "V_m"]), ("Create", ["nope"])])
    assert raised.value.index == 1
    assert np.allclose(raised.value.results[0], -70.0)
