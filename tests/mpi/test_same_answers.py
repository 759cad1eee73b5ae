"""With the same number of virtual processes, any number of ranks answers the same.

NEST computes the same spikes for 1 rank x 4 threads, 2 x 2 and 4 x 1; so the replies, byte for
byte, are the test of merging.
"""

from __future__ import annotations

from typing import Any

from tests.integration.servers import Server

LAYER = list(range(6, 15))
#: Positions with wrapped edges, where the nearest way may lead around.
GRID = {
    "$call": "spatial.grid",
    "args": [[3, 3]],
    "kwargs": {"extent": [2.0, 2.0], "edge_wrap": True},
}
UNIFORM = {"$call": "random.uniform", "args": [0.0, 1.0]}
CLOSE_BY = {
    "$call": "spatial_distributions.gaussian",
    "args": [{"$call": "spatial.distance"}],
    "kwargs": {"std": 0.5},
}
CIRCLE = {"$call": "CreateMask", "args": ["circular", {"radius": 0.7}]}

Calls = list[tuple[str, Any]]

BUILDING: Calls = [
    ("GetKernelStatus", [["total_num_virtual_procs", "local_num_threads", "num_processes"]]),
    ("Create", {"model": "iaf_psc_alpha", "n": 5, "params": {"V_m": [-61, -62, -63, -64, -65]}}),
    ("GetStatus", [[1, 2, 3, 4, 5], "V_m"]),
    ("Create", {"model": "iaf_psc_alpha", "positions": GRID}),
    ("GetPosition", [LAYER]),
    ("GetPosition", [[6, 9, 10]]),
    ("Distance", [[6], LAYER]),
    ("Displacement", [[6], LAYER]),
    ("Distance", [[[0.1, 0.9]], LAYER]),
    ("FindNearestElement", [LAYER, [0.3, 0.2]]),
    ("FindNearestElement", [LAYER, [[0.3, 0.2], [0.0, 0.0]], True]),
    ("FindCenterElement", [LAYER]),
    ("SelectNodesByMask", [LAYER, [0.0, 0.0], CIRCLE]),
    (
        "Connect",
        [LAYER, LAYER, {"rule": "pairwise_bernoulli", "p": CLOSE_BY}, {"weight": UNIFORM}],
    ),
    ("GetTargetNodes", [[6, 7, 8], LAYER]),
    ("GetSourceNodes", [LAYER, [6, 7]]),
    ("GetTargetPositions", [[6, 7, 8], LAYER]),
    ("GetSourcePositions", [LAYER, [6, 7]]),
    ("GetConnections", None),
    ("SetStatus", [[1, 2], {"V_m": [-50.0, -51.0]}]),
    ("GetStatus", [[1, 2], ["V_m", "vp", "local"]]),
    ("GetStatus", [LAYER]),
    ("NodeCollection.get", [[1]]),
    ("NodeCollection.get", [[1, 2], ["V_m", "C_m"]]),
    ("NodeCollection.spatial", [LAYER]),
    ("GetNodes", None),
    ("GetNodes", [{"model": "iaf_psc_alpha"}]),
    ("GetLocalVPs", None),
    ("Rank", None),
    ("NumProcesses", None),
    ("PrintNodes", None),
    ("random.uniform", None),
    ("Parameter.GetValue", [UNIFORM]),
    ("Parameter.apply", [{"$call": "spatial.pos.x"}, LAYER]),
    ("Create", {"model": "iaf_psc_alpha", "n": 3, "params": {"V_m": UNIFORM}}),
    ("GetStatus", [[15, 16, 17], "V_m"]),
    ("GetDefaults", ["iaf_psc_alpha", ["V_m", "tau_m"]]),
    ("GetDefaults", ["stdp_synapse"]),
]

SIMULATING: Calls = [
    ("Create", ["iaf_psc_alpha", 8]),
    ("Create", ["spike_recorder"]),
    ("Create", ["poisson_generator", 1, {"rate": 20000.0}]),
    ("Create", ["correlation_detector", 2]),
    ("Connect", [[10], list(range(1, 9)), "all_to_all", {"weight": 50.0}]),
    ("Connect", [list(range(1, 9)), [9]]),
    (
        "Connect",
        [
            [1, 2, 3],
            [4, 5, 6],
            {"rule": "fixed_indegree", "indegree": 2},
            {"synapse_model": "stdp_synapse", "weight": 1.5},
        ],
    ),
    ("Simulate", [50.0]),
    ("GetStatus", [[9], "events"]),
    ("GetStatus", [[9], "n_events"]),
    ("GetStatus", [[9]]),
    ("NodeCollection.get", [[9], "events", "times"]),
    ("GetStatus", [[11, 12]]),
    ("GetConnections", {"synapse_model": "stdp_synapse"}),
    ("num_connections", None),
    ("local_spike_counter", None),
    ("biological_time", None),
    ("Simulate", [30.3]),
    ("GetStatus", [[9], "events"]),
    ("Connect", [[1], [8]]),
    ("Disconnect", [[1], [8]]),
    ("GetConnections", {"target": [8, 9]}),
    ("Prepare", None),
    ("Run", [10.0]),
    ("Cleanup", None),
    ("GetStatus", [[9], "n_events"]),
]

REFUSED: Calls = [
    ("Create", ["nope"]),
    ("Create", ["iaf_psc_alpha", 4]),
    ("GetStatus", [[1], "nope"]),
    ("GetStatus", [[1, 2, 3], "nope"]),
    ("GetStatus", [[99]]),
    ("GetPosition", [[1, 2]]),
    ("Connect", [[1], [2], "no_such_rule"]),
    ("Simulate", [0.05]),
    ("Simulate", [-1.0]),
    # On every rank, so that none is named.
    ("SetStatus", [[1, 2, 3, 4], {"nope": 1}]),
    ("SetKernelStatus", [{"no_such_attribute": 1}]),
    ("GetStatus", [[1, 2, 3], "V_m"]),
]


def answers(server: Server, calls: Calls) -> list[tuple[str, int, str]]:
    """Call, status and body of every reply."""
    replies = [(name, server.post(f"/api/{name}", body)) for name, body in calls]
    return [(name, reply.status_code, reply.text) for name, reply in replies]


def assert_same(servers: list[Server], calls: Calls, failing: bool = False) -> None:
    first, *others = [answers(server, calls) for server in servers]
    if not failing:
        assert [reply for reply in first if reply[1] != 200] == []
    for other in others:
        for expected, found in zip(first, other, strict=True):
            assert found == expected


def test_networks_look_the_same_on_1_2_and_4_ranks(
    one_rank: Server, two_ranks: Server, four_ranks: Server
) -> None:
    assert_same([one_rank, two_ranks, four_ranks], BUILDING)


def test_runs_and_records_are_the_same_on_1_2_and_4_ranks(
    one_rank: Server, two_ranks: Server, four_ranks: Server
) -> None:
    assert_same([one_rank, two_ranks, four_ranks], SIMULATING)
    (spikes,) = one_rank.call("GetStatus", [[9], "n_events"])
    assert spikes > 100


def test_errors_are_the_same_on_1_2_and_4_ranks(
    one_rank: Server, two_ranks: Server, four_ranks: Server
) -> None:
    assert_same([one_rank, two_ranks, four_ranks], REFUSED, failing=True)
    assert {status for _, status, _ in answers(two_ranks, REFUSED)} == {200, 400}
