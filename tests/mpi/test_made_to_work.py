"""What PyNEST refuses on several ranks works on two, with the answers of one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.wire.unpack import Unpacker
from tests.integration.servers import Server

GRID = {"$call": "spatial.grid", "args": [[3, 2]], "kwargs": {"extent": [3.0, 2.0]}}
LAYER = [1, 2, 3, 4, 5, 6]
#: Not in the order in which any rank has them, and with a rest by 4 virtual processes.
VALUES = [-61.0, -66.5, -63.0, -64.0, -62.0]

Request = tuple[str, Any]


def answers(server: Server, requests: list[Request]) -> list[tuple[str, int, str]]:
    """Status and body of each request."""
    found = []
    for call, body in requests:
        reply = server.post(f"/api/{call}", body)
        found.append((call, reply.status_code, reply.text))
    return found


def on_both(one: Server, two: Server, *requests: Request) -> list[Any]:
    """What both servers answer, which is the same and no error."""
    found = answers(two, list(requests))
    assert found == answers(one, list(requests))
    assert [(call, status) for call, status, _ in found] == [(call, 200) for call, _ in requests]
    return [json.loads(text) for _, _, text in found]


@pytest.fixture
def both(one_rank: Server, two_ranks: Server) -> Any:
    """``both(*requests)``: what both answer, which is the same and no error."""

    def ask(*requests: Request) -> list[Any]:
        return on_both(one_rank, two_ranks, *requests)

    return ask


CREATE: Request = ("Create", ["iaf_psc_alpha", 5])
READ: Request = ("GetStatus", [[1, 2, 3, 4, 5], "V_m"])


def test_create_takes_a_value_for_each_node(both: Any) -> None:
    params = {"V_m": VALUES, "C_m": 200.0}
    *_, voltages, capacities = both(
        ("Create", ["iaf_psc_alpha", 5, params]),
        READ,
        ("GetStatus", [[1, 2, 3, 4, 5], "C_m"]),
    )
    assert (voltages, capacities) == (VALUES, [200.0] * 5)


def test_create_takes_a_dictionary_for_each_node(both: Any) -> None:
    params = [{"V_m": value} for value in VALUES]
    *_, voltages = both(("Create", ["iaf_psc_alpha", 5, params]), READ)
    assert voltages == VALUES


def test_parameter_that_is_a_list_is_one_value(both: Any) -> None:
    times = [1.0, 2.0, 3.5]
    *_, found = both(
        ("Create", ["spike_generator", 2, {"spike_times": times}]),
        ("GetStatus", [[1, 2], "spike_times"]),
    )
    assert found == [times, times]


@pytest.mark.parametrize(
    "request_",
    [
        ("SetStatus", [[1, 2, 3, 4, 5], {"V_m": VALUES}]),
        ("SetStatus", [[1, 2, 3, 4, 5], "V_m", VALUES]),
        ("SetStatus", [[1, 2, 3, 4, 5], [{"V_m": value} for value in VALUES]]),
        ("NodeCollection.set", [[1, 2, 3, 4, 5], {"V_m": VALUES}]),
        ("NodeCollection.set", {"nodes": [1, 2, 3, 4, 5], "V_m": VALUES}),
    ],
    ids=["dictionary", "key and values", "dictionaries", "set", "set by keyword"],
)
def test_set_takes_a_value_for_each_node(both: Any, request_: Request) -> None:
    *_, voltages = both(CREATE, request_, READ)
    assert voltages == VALUES


@pytest.mark.parametrize("node", [1, 2, 3, 4, 5])
def test_single_node_has_its_status_wherever_it_lives(both: Any, node: int) -> None:
    _, _, voltage, record, value, values = both(
        CREATE,
        ("SetStatus", [[1, 2, 3, 4, 5], {"V_m": VALUES}]),
        ("GetStatus", [[node], "V_m"]),
        ("GetStatus", [[node]]),
        ("NodeCollection.get", [[node], "V_m"]),
        ("NodeCollection.get", [[node], ["V_m", "C_m"]]),
    )
    wanted = VALUES[node - 1]
    assert (voltage, value, values) == ([wanted], wanted, {"V_m": wanted, "C_m": 250.0})
    assert (record[0]["V_m"], record[0]["global_id"]) == (wanted, node)


CONNECTED: list[Request] = [
    ("Create", ["iaf_psc_alpha", 3]),
    ("Connect", [[1, 2, 3], [1, 2, 3]]),
]
PAIRS = [(source, target) for source in (1, 2, 3) for target in (1, 2, 3)]
WEIGHTS = [float(10 * source + target) for source, target in PAIRS]


@pytest.mark.parametrize("call", ["SetStatus", "SynapseCollection.set"])
@pytest.mark.parametrize(
    "params",
    [{"weight": WEIGHTS}, [{"weight": weight} for weight in WEIGHTS]],
    ids=["values", "dictionaries"],
)
def test_connections_take_a_value_each(both: Any, call: str, params: Any) -> None:
    conns = {"source": [s for s, _ in PAIRS], "target": [t for _, t in PAIRS]}
    *_, found, weights = both(
        *CONNECTED,
        (call, [conns, params]),
        ("GetConnections", None),
        ("GetStatus", [conns, "weight"]),
    )
    assert list(zip(found["source"], found["target"], strict=True)) == PAIRS
    assert found["weight"] == weights == WEIGHTS


def test_connections_in_another_order_take_values_in_that_order(both: Any) -> None:
    conns = {"source": [3, 1, 2], "target": [1, 1, 2]}
    *_, weights, found = both(
        *CONNECTED,
        ("SetStatus", [conns, {"weight": [31.0, 11.0, 22.0]}]),
        ("SynapseCollection.get", [conns, "weight"]),
        ("GetConnections", None),
    )
    assert weights == [31.0, 11.0, 22.0]
    assert found["weight"] == [11.0, 1.0, 1.0, 1.0, 22.0, 1.0, 31.0, 1.0, 1.0]


def test_connections_that_were_looked_up_are_disconnected(both: Any) -> None:
    conns = {"source": [1, 2, 3], "target": [1, 2, 2]}
    *_, found, number = both(
        *CONNECTED,
        ("Disconnect", {"conns": conns}),
        ("GetConnections", None),
        ("num_connections", None),
    )
    left = [pair for pair in PAIRS if pair not in [(1, 1), (2, 2), (3, 2)]]
    assert list(zip(found["source"], found["target"], strict=True)) == left
    assert number == 6


@pytest.mark.parametrize(
    ("call", "rest"), [("SetStatus", [{"weight": 2.0}]), ("Disconnect", [])], ids=str
)
@pytest.mark.parametrize("source", [4, 9], ids=["not connected", "no node"])
def test_connection_that_no_rank_has_is_an_error_and_nothing_is_done(
    one_rank: Server, two_ranks: Server, call: str, rest: list[Any], source: int
) -> None:
    for server in (one_rank, two_ranks):
        answers(server, CONNECTED)
        server.call("Create", ["iaf_psc_alpha"])
        conns = {"source": [1, 2, source], "target": [1, 2, 1]}
        reply = server.post(f"/api/{call}", [conns, *rest])
        assert reply.status_code == 400
        assert (reply.json()["error"], reply.json()["call"]) == ("ArgumentError", call)
        assert server.call("GetConnections")["weight"] == [1.0] * 9


def held(server: Server, call: str, body: Any) -> Any:
    """The reference to what ``call`` gives, as JSON has it."""
    reply = server.post(f"/api/{call}", body, headers={"Accept": "application/x-msgpack"})
    assert reply.status_code == 200, reply.text
    found = Unpacker().unpack(reply.content)
    return {"$ref": found.id, "type": found.type, "generation": found.generation}


def test_connections_that_are_held_are_one_ordered_whole(
    one_rank: Server, two_ranks: Server
) -> None:
    for server in (one_rank, two_ranks):
        answers(server, CONNECTED)
        whole = held(server, "GetConnections", None)
        assert server.call("SynapseCollection.size", [whole]) == 9
        server.call("SynapseCollection.set", [whole, {"weight": WEIGHTS}])
        assert server.call("SynapseCollection.get", [whole, "weight"]) == WEIGHTS
        middle = held(server, "SynapseCollection.slice", [whole, 1, 8, 3])
        assert server.call("SynapseCollection.get", [middle, "weight"]) == WEIGHTS[1:8:3]
        chosen = held(server, "SynapseCollection.take", [middle, [2, 0]])
        assert server.call("SynapseCollection.get", [chosen, "weight"]) == [WEIGHTS[7], WEIGHTS[1]]
        server.call("Disconnect", [chosen])
        left = [weight for index, weight in enumerate(WEIGHTS) if index not in (1, 7)]
        assert server.call("GetConnections")["weight"] == left


SPATIAL: list[Request] = [
    ("Create", {"model": "iaf_psc_alpha", "positions": GRID}),
    (
        "Connect",
        [LAYER, LAYER, {"rule": "pairwise_bernoulli", "p": 0.5}, {"synapse_model": "stdp_synapse"}],
    ),
]
POSITIONS = [[-1.0, 0.5], [-1.0, -0.5], [0.0, 0.5], [0.0, -0.5], [1.0, 0.5], [1.0, -0.5]]


def test_positions_are_those_of_all_nodes(both: Any) -> None:
    *_, whole, some, one = both(
        *SPATIAL,
        ("GetPosition", [LAYER]),
        ("GetPosition", [[1, 4, 6]]),
        ("GetPosition", [[2]]),
    )
    assert whole == POSITIONS
    assert some == [POSITIONS[0], POSITIONS[3], POSITIONS[5]]
    assert one == POSITIONS[1]


@pytest.mark.parametrize("call", ["Distance", "Displacement"])
def test_distances_reach_nodes_of_other_ranks(both: Any, call: str) -> None:
    *_, pairs, _one, points = both(
        *SPATIAL,
        (call, [LAYER, LAYER]),
        (call, [[2], LAYER]),
        (call, [[[0.0, 0.5]], LAYER]),
    )
    if call == "Distance":
        assert pairs == [0.0] * 6
        assert points[::2] == [1.0, 0.0, 1.0]
    else:
        assert pairs == [[0.0, 0.0]] * 6
        assert points[::2] == [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]


def test_elements_are_found_on_any_rank(both: Any) -> None:
    *_, near, each, equal, center = both(
        *SPATIAL,
        ("FindNearestElement", [LAYER, [0.9, -0.4]]),
        ("FindNearestElement", [LAYER, [[0.9, -0.4], [-0.8, 0.6]]]),
        ("FindNearestElement", [LAYER, [0.0, 0.0], True]),
        ("FindCenterElement", [LAYER]),
    )
    assert near == [6]
    assert each == [[6], [1]]
    assert sorted(node for found in equal for node in found) == [3, 4]
    assert center[0] in (3, 4)


@pytest.mark.parametrize("model", [None, "stdp_synapse", "static_synapse"])
def test_neighbours_of_all_ranks_are_found(both: Any, model: str | None) -> None:
    _, _, targets, sources, at, there, found = both(
        *SPATIAL,
        ("GetTargetNodes", [LAYER, LAYER, model]),
        ("GetSourceNodes", [LAYER, LAYER, model]),
        ("GetTargetPositions", [LAYER, LAYER, model]),
        ("GetSourcePositions", [LAYER, LAYER, model]),
        ("GetConnections", {"synapse_model": model}),
    )
    pairs = list(zip(found.get("source", []), found.get("target", []), strict=True))
    assert targets == [[t for s, t in pairs if s == node] for node in LAYER]
    assert sources == [[s for s, t in pairs if t == node] for node in LAYER]
    assert at == [[POSITIONS[node - 1] for node in nodes] for nodes in targets]
    assert there == [[POSITIONS[node - 1] for node in nodes] for nodes in sources]
    assert bool(pairs) == (model != "static_synapse")


def test_dumped_layers_are_one_file_with_all_nodes(
    one_rank: Server, two_ranks: Server, tmp_path: Path
) -> None:
    texts = []
    for server in (one_rank, two_ranks):
        answers(server, SPATIAL)
        nodes, conns = tmp_path / "nodes", tmp_path / "conns"
        server.call("DumpLayerNodes", [LAYER, str(nodes)])
        server.call("DumpLayerConnections", [LAYER, LAYER, "stdp_synapse", str(conns)])
        assert sorted(tmp_path.iterdir()) == [conns, nodes]
        texts.append((nodes.read_text(), conns.read_text()))
        number = server.call("num_connections")
        assert [len(text.splitlines()) for text in texts[-1]] == [6, number]
        nodes.unlink()
        conns.unlink()
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("SetKernelStatus", [{"total_num_virtual_procs": 3}]),
        ("SetKernelStatus", [{"local_num_threads": 3}]),
        ("set", {"total_num_virtual_procs": 5}),
    ],
)
def test_virtual_processes_that_ranks_do_not_divide_say_which_would_do(
    two_ranks: Server, call: str, body: Any
) -> None:
    reply = two_ranks.post(f"/api/{call}", body)
    assert reply.status_code == 400
    assert "multiples of 2: 2, 4, 6, 8" in reply.json()["message"]
    assert two_ranks.call("total_num_virtual_procs") == 4
    two_ranks.call("SetKernelStatus", [{"total_num_virtual_procs": 6}])
    assert two_ranks.call("total_num_virtual_procs") == 6


@pytest.mark.parametrize("call", ["SetKernelStatus", "set"])
@pytest.mark.parametrize("name", ["local_num_threads", "total_num_virtual_procs"])
def test_fewer_threads_than_ranks_are_one_for_each(two_ranks: Server, name: str, call: str) -> None:
    body = {name: 1}
    two_ranks.call(call, [body] if call == "SetKernelStatus" else body)
    keys = ["local_num_threads", "total_num_virtual_procs"]
    assert two_ranks.call("GetKernelStatus", [keys]) == [2, 2]


@pytest.mark.parametrize("number", [True, 0, -1, 1.0, "1"])
@pytest.mark.parametrize("name", ["local_num_threads", "total_num_virtual_procs"])
def test_what_is_no_number_of_threads_is_refused(
    two_ranks: Server, name: str, number: object
) -> None:
    assert two_ranks.post("/api/SetKernelStatus", [{name: number}]).status_code == 400
    assert two_ranks.call("total_num_virtual_procs") == 4


def test_raw_answers_of_all_ranks_are_there_for_who_asks(two_ranks: Server) -> None:
    two_ranks.call("Create", ["iaf_psc_alpha", 2])
    two_ranks.call("Connect", [[1, 2], [1, 2]])
    reply = two_ranks.post("/api/GetKernelStatus?ranks=all", ["num_connections"])
    assert reply.status_code == 200
    raw = reply.json()
    assert [one["rank"] for one in raw] == [0, 1]
    assert sum(one["value"]["fields"]["num_connections"] for one in raw) == 4
