"""Simulations that are seen, cancelled and gone on with: the same on any number of ranks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from NESTServerClient import NESTServerClient
from protocol.process.polling import poll_until
from tests.integration.pending import ENDLESS_MS
from tests.integration.servers import DEADLINE_S, Server
from tests.integration.test_jobs import live_and_recorded

NEURONS = list(range(1, 401))


def build(server: Server) -> None:
    """A network that fires irregularly, with delays that are no multiples of each other."""
    server.call("ResetKernel")
    server.call("SetKernelStatus", [{"total_num_virtual_procs": 4, "rng_seed": 11}])
    server.call("Create", ["iaf_psc_alpha", len(NEURONS)])
    server.call("Create", ["poisson_generator", 1, {"rate": 8000.0}])
    server.call("Create", ["spike_recorder"])
    server.call("Connect", [[401], NEURONS, None, {"weight": 40.0, "delay": 1.5}])
    rule = {"rule": "fixed_indegree", "indegree": 20}
    server.call("Connect", [NEURONS, NEURONS, rule, {"weight": 20.0, "delay": 2.3}])
    server.call("Connect", [NEURONS, [402]])


def spikes(server: Server) -> dict[str, Any]:
    """What the network did."""
    return {
        "events": server.call("GetStatus", [[402], "events"]),
        "time": server.call("biological_time"),
    }


def outcome(server: Server) -> dict[str, Any]:
    """What the network did, and what is drawn after it from numbers that all ranks share."""
    server.call("Create", ["iaf_psc_alpha", 50])
    more = list(range(403, 453))
    server.call("Connect", [more, more, {"rule": "fixed_total_number", "N": 60}])
    pairs = server.call("GetConnections", [more, more])
    return spikes(server) | {
        "counter": server.call("local_spike_counter"),
        "drawn": server.call(
            "Parameter.GetValue", [{"$call": "random.uniform", "args": [], "kwargs": {}}]
        ),
        "pairs": sorted(zip(pairs["source"], pairs["target"], strict=True)),
    }


def compare_with_cancelled_run(
    server: Server, reference: Server, compared: Callable[[Server], dict[str, Any]]
) -> None:
    """Cancel a long run, and compare what follows with a run in one piece that was that long."""
    build(server)
    headers = {"Prefer": "respond-async"}
    job = server.request("POST", "/api/Simulate", json=[ENDLESS_MS], headers=headers).json()
    seen: list[float] = []

    def progress() -> bool:
        view = server.get(f"/jobs/{job['id']}").json()
        at_ms = view.get("progress", {}).get("biological_time_ms")
        if at_ms is not None and at_ms not in seen:
            seen.append(at_ms)
        return len(seen) > 8

    assert poll_until(progress, DEADLINE_S)
    assert seen == sorted(seen)
    assert server.request("DELETE", f"/jobs/{job['id']}").json()["state"] == "cancelled"
    cut_ms = server.call("biological_time")
    assert cut_ms >= seen[-1]
    server.call("Simulate", [33.3])
    found = compared(server)

    build(reference)
    reference.call("Simulate", [cut_ms])
    reference.call("Simulate", [33.3])
    wanted = compared(reference)
    assert json.dumps(found) == json.dumps(wanted)
    assert len(found["events"][0]["times"]) > 1000


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_cancelled_run_is_a_run_that_was_that_long(
    request: pytest.FixtureRequest, ranks: int
) -> None:
    name = {1: "one_rank", 2: "two_ranks", 4: "four_ranks"}[ranks]
    server: Server = request.getfixturevalue(name)
    compare_with_cancelled_run(server, request.getfixturevalue("one_rank"), spikes)


@pytest.mark.parametrize(("native", "compared"), [("on", outcome), ("off", spikes)])
def test_cut_run_leaves_no_trace_unless_nests_memory_is_left_alone(
    start: Any, one_rank: Server, native: str, compared: Callable[[Server], dict[str, Any]]
) -> None:
    server = start({"NESTD_NATIVE": native}, "-n", "2")
    compare_with_cancelled_run(server, one_rank, compared)
    warned = server.log().count("native access to NEST's memory is off: NESTD_NATIVE is off")
    assert warned == (native == "off")
    # All ranks draw the same numbers, or NEST would raise.
    outcome(server)


@pytest.mark.parametrize("read", ["biological_time", "GetKernelStatus", "Prepare"])
def test_status_may_be_read_between_prepare_and_the_first_run(
    two_ranks: Server, one_rank: Server, read: str
) -> None:
    def simulate(server: Server) -> Any:
        server.call("Create", ["parrot_neuron", 8])
        server.call("Create", ["spike_generator", 1, {"spike_times": [1.0, 3.0]}])
        server.call("Create", ["spike_recorder"])
        # The ranks have different shortest delays, and each knows its own.
        for node in range(1, 5):
            spec = {"delay": 1.0 + node}
            server.call("Connect", [[node], [node + 4], "one_to_one", spec])
        server.call("Connect", [[9], [1, 2, 3, 4], "all_to_all", {"delay": 7.0}])
        server.call("Connect", [list(range(1, 9)), [10], "all_to_all", {"delay": 7.0}])
        server.call("GetConnections")
        server.call("Prepare")
        server.post(f"/api/{read}")
        server.call("Run", [20.0])
        server.call("Cleanup")
        return server.call("GetStatus", [[10], "events"])

    assert simulate(two_ranks) == simulate(one_rank)


def test_live_spikes_of_all_ranks_add_up_though_the_recorder_is_cleared(two_ranks: Server) -> None:
    told, recorded = live_and_recorded(two_ranks)
    assert told == recorded
    # Both neurons, each on a rank of its own, fire at the same times.
    times = [[time for time, sender in told if sender == neuron] for neuron in (6, 7)]
    assert times[0] == times[1]
    assert len(times[0]) > 10


@pytest.mark.parametrize("model", ["spike_train_injector", "own_injector"])
def test_precise_times_of_one_node_reach_all_ranks(two_ranks: Server, model: str) -> None:
    two_ranks.call("CopyModel", ["spike_train_injector", "own_injector"])
    params = {"spike_times": [1.01], "precise_times": True}
    two_ranks.call("Create", [model, 1, params])
    two_ranks.call("Create", ["parrot_neuron"])
    two_ranks.call("Create", ["spike_recorder"])
    two_ranks.call("Connect", [[1], [2], None, {"delay": 0.2}])
    two_ranks.call("Connect", [[2], [3]])
    two_ranks.call("Simulate", [2.0])
    (events,) = two_ranks.call("GetStatus", [[3], "events"])
    assert events["times"] == [1.3]


def test_loop_gives_on_two_ranks_what_it_gives_on_one(two_ranks: Server, one_rank: Server) -> None:
    def steps(server: Server) -> list[Any]:
        client = NESTServerClient("127.0.0.1", server.port, server.token)
        client.SetKernelStatus({"total_num_virtual_procs": 4})
        neurons, recorder = client.Create("iaf_psc_alpha", 9), client.Create("spike_recorder")
        client.Connect(neurons, recorder)
        client.Prepare()
        loop = client.loop([(neurons, "I_e")], 5.0, [recorder, (neurons, "V_m")])
        found = [loop([[100.0 * node * k for node in range(9)]]) for k in range(10)]
        client.Cleanup()
        client.close()
        return [
            [events["times"].tolist(), events["senders"].tolist(), list(voltages)]
            for events, voltages in found
        ]

    found = steps(two_ranks)
    assert sum(len(times) for times, _, _ in found) > 20
    assert found == steps(one_rank)
