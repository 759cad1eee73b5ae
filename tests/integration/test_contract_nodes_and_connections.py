"""Nodes, connections and PyNEST's objects as arguments and results, in JSON and binary."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import requests

from protocol.values import Expression, Packer, Reference, Unpacker, Value
from tests.integration.servers import Server

MSGPACK = "application/x-msgpack"


def ask(
    server: Server, path: str, body: Value = None, kind: str = MSGPACK, accept: str = MSGPACK
) -> requests.Response:
    """``body`` as MessagePack or JSON; the answer in the form that is accepted."""
    data = Packer().pack(body) if kind == MSGPACK else json.dumps(body).encode()
    headers = {"Content-Type": kind, "Accept": accept}
    return server.request("POST", path, data=data, headers=headers)


def exact(server: Server, call: str, body: Value = None) -> Value:
    """The result of a call, both ways in the binary form."""
    reply = ask(server, f"/api/{call}", body)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, MSGPACK), reply.text
    return Unpacker().unpack(reply.content)


def as_json(reference: Reference) -> dict[str, Any]:
    """The JSON form of ``reference``."""
    return {"$ref": reference.id, "type": reference.type, "generation": reference.generation}


def refused(server: Server, call: str, body: Any) -> dict[str, Any]:
    """What the 400 says that ``body`` gets."""
    reply = server.post(f"/api/{call}", body)
    assert (reply.status_code, reply.headers["Content-Type"]) == (400, "application/json")
    said: dict[str, Any] = reply.json()
    return said


@pytest.fixture
def layer(server: Server) -> list[int]:
    """A grid of 3 by 3 neurons, ids 1 to 9, after which come two plain ones, 10 and 11."""
    positions = {"$call": "spatial.grid", "args": [[3, 3]], "kwargs": {"extent": [3.0, 3.0]}}
    ids: list[int] = server.call("Create", {"model": "iaf_psc_alpha", "positions": positions})
    server.call("Create", ["iaf_psc_alpha", 2])
    return ids


# Nodes, under every parameter that takes them.

MASK = {"$call": "CreateMask", "args": ["circular", {"radius": 1.1}]}

#: Call and its arguments, with NODES where nodes go.
TAKERS: list[tuple[str, dict[str, Any]]] = [
    ("GetStatus", {"nodes": "NODES", "keys": "V_m"}),
    ("GetStatus", {"nodes_or_conns": "NODES", "keys": "V_m"}),
    ("GetStatus", {"args": ["NODES", "V_m"]}),
    ("GetStatus", {"args": ["NODES"], "keys": "V_m"}),
    ("SetStatus", {"nodes": "NODES", "params": {"V_m": -60.0}}),
    ("SetStatus", {"args": ["NODES", {"V_m": -60.0}]}),
    ("Connect", {"pre": "NODES", "post": "NODES"}),
    ("Connect", {"args": ["NODES", "NODES"]}),
    ("Disconnect", {"pre": "NODES", "post": "NODES"}),
    ("Disconnect", {"args": ["NODES", "NODES"]}),
    ("GetConnections", {"source": "NODES", "target": "NODES"}),
    ("GetConnections", {"args": ["NODES", "NODES"]}),
    (
        "TripartiteConnect",
        {
            "pre": "NODES",
            "post": "NODES",
            "third": [10, 11],
            "conn_spec": {"rule": "pairwise_bernoulli", "p": 1.0},
            "third_factor_conn_spec": {"rule": "third_factor_bernoulli_with_pool", "p": 1.0},
        },
    ),
    ("GetLocalNodeCollection", {"nc": "NODES"}),
    ("GetPosition", {"nodes": "NODES"}),
    ("Distance", {"from_arg": "NODES", "to_arg": "NODES"}),
    ("Displacement", {"args": ["NODES", "NODES"]}),
    ("FindCenterElement", {"layer": "NODES"}),
    ("FindNearestElement", {"layer": "NODES", "locations": [0.1, 0.1]}),
    ("SelectNodesByMask", {"layer": "NODES", "anchor": [0.0, 0.0], "mask_obj": MASK}),
    ("GetTargetNodes", {"sources": "NODES", "tgt_layer": "NODES"}),
    ("GetSourceNodes", {"src_layer": "NODES", "targets": "NODES"}),
    ("GetTargetPositions", {"sources": "NODES", "tgt_layer": "NODES"}),
    ("NodeCollection", {"data": "NODES"}),
    ("NodeCollection.get", {"args": ["NODES", "V_m"]}),
    ("NodeCollection.spatial", {"nodes": "NODES"}),
]


def with_nodes(template: Any, nodes: Any) -> Any:
    """``template`` with ``nodes`` where it says NODES."""
    if template == "NODES":
        return nodes
    if isinstance(template, list):
        return [with_nodes(item, nodes) for item in template]
    if isinstance(template, dict) and "$call" not in template:
        return {key: with_nodes(item, nodes) for key, item in template.items()}
    return template


@pytest.mark.parametrize(("call", "template"), TAKERS, ids=lambda item: json.dumps(item)[:60])
def test_nodes_may_be_ids_or_a_reference_under_every_parameter(
    server: Server, layer: list[int], call: str, template: dict[str, Any]
) -> None:
    server.call("Connect", [layer, layer, "one_to_one"])
    held = exact(server, "NodeCollection", [layer])
    made = {"$call": "NodeCollection", "args": [layer]}
    answers = []
    for nodes in (layer, as_json(held), made):
        if call == "Disconnect":
            server.call("Connect", [layer, layer])
        server.call("SetKernelStatus", {"params": {"rng_seed": 1}})
        answers.append(server.call(call, with_nodes(template, nodes)))
    if call in ("SetStatus", "Connect", "Disconnect", "TripartiteConnect"):
        assert answers == [None, None, None]
    else:
        assert answers[0]
        assert answers == [answers[0]] * 3


@pytest.mark.parametrize(
    ("call", "body", "answer"),
    [
        ("GetStatus", [10, "V_m"], [-70.0]),
        ("GetStatus", {"nodes": 10, "keys": ["V_m", "C_m"]}, [[-70.0, 250.0]]),
        ("SetStatus", {"nodes": 10, "params": {"V_m": -60.0}}, None),
        ("Connect", {"pre": 10, "post": 11}, None),
        ("GetPosition", {"nodes": 1}, [-1.0, 1.0]),
        ("GetLocalNodeCollection", {"nc": 10}, [10]),
    ],
)
def test_one_id_is_one_node(
    server: Server, layer: list[int], call: str, body: Any, answer: Any
) -> None:
    assert server.call(call, body) == answer


def test_ids_in_any_order_and_repeated_connect_one_to_one(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 4])
    body = {"pre": [3, 1, 1], "post": [2, 4, 2], "conn_spec": "one_to_one"}
    server.call("Connect", body | {"syn_spec": {"weight": [1.0, 2.0, 3.0], "delay": [1.0] * 3}})
    found = server.call("GetConnections")
    rows = zip(found["source"], found["target"], found["weight"], strict=True)
    assert sorted(rows) == [(1, 2, 3.0), (1, 4, 2.0), (3, 2, 1.0)]
    for ids in ([2, 1], [1, 1]):
        assert refused(server, "GetStatus", [ids])["error"] == "BadProperty"


# GetStatus.


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ([[1, 2], "V_m"], [-70.0, -70.0]),
        ([[1, 2], ["V_m"]], [[-70.0], [-70.0]]),
        ([[1, 2], "V_m", "C_m"], [[-70.0, 250.0], [-70.0, 250.0]]),
        ([[1, 2], ["V_m", "C_m"]], [[-70.0, 250.0], [-70.0, 250.0]]),
        ({"nodes": [1, 2], "keys": "V_m"}, [-70.0, -70.0]),
        ({"nodes": [1], "keys": "V_m"}, [-70.0]),
        ({"args": [[1]], "keys": ["V_m", "C_m"]}, [[-70.0, 250.0]]),
        ({"nodes": [3], "keys": "n_events"}, [0]),
        ({"nodes": [1, 3], "keys": "model"}, ["iaf_psc_alpha", "spike_recorder"]),
        ([[], "V_m"], []),
    ],
)
def test_getstatus_is_a_list_with_one_entry_per_node(
    server: Server, body: Any, answer: Any
) -> None:
    server.call("Create", ["iaf_psc_alpha", 2])
    server.call("Create", ["spike_recorder"])
    assert server.call("GetStatus", body) == answer


def test_getstatus_without_keys_is_one_object_per_node(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 2])
    server.call("Create", ["spike_recorder"])
    first, second, recorder = server.call("GetStatus", {"nodes": [1, 2, 3]})
    assert (first["global_id"], second["global_id"], recorder["global_id"]) == (1, 2, 3)
    assert first["V_min"] is None
    assert recorder["events"] == {"senders": [], "times": []}


# Connections.

COLUMNS = {
    "source",
    "target",
    "weight",
    "delay",
    "synapse_model",
    "port",
    "receptor",
    "target_thread",
    "synapse_id",
    "sizeof",
}


@pytest.fixture
def connected(server: Server) -> dict[str, Any]:
    """Connections 1 → 3 and 2 → 4 of weights 1 and 2."""
    server.call("Create", ["iaf_psc_alpha", 4])
    specs = {"weight": [1.0, 2.0], "delay": 1.5}
    server.call("Connect", [[1, 2], [3, 4], "one_to_one", specs])
    found: dict[str, Any] = server.call("GetConnections")
    return found


def test_connections_are_an_object_of_parallel_lists(
    server: Server, connected: dict[str, Any]
) -> None:
    assert connected.keys() == COLUMNS
    assert {len(column) for column in connected.values()} == {2}
    assert (connected["source"], connected["target"]) == ([1, 2], [3, 4])
    assert (connected["weight"], connected["delay"]) == ([1.0, 2.0], [1.5, 1.5])
    assert connected["synapse_model"] == ["static_synapse"] * 2


@pytest.mark.parametrize(
    ("body", "sources"),
    [
        ({"source": [1]}, [1]),
        ({"source": 1, "target": 3}, [1]),
        ({"target": [3, 4]}, [1, 2]),
        ([[2], [4]], [2]),
        ({"synapse_model": "static_synapse"}, [1, 2]),
    ],
)
def test_single_connections_are_lists_too(
    server: Server, connected: dict[str, Any], body: Any, sources: list[int]
) -> None:
    found = server.call("GetConnections", body)
    assert found.keys() == COLUMNS
    assert found["source"] == sources


@pytest.mark.parametrize("body", [{"source": [4]}, {"synapse_model": "stdp_synapse"}])
def test_no_connections_are_an_empty_object(
    server: Server, connected: dict[str, Any], body: Any
) -> None:
    assert server.call("GetConnections", body) == {}
    assert server.call("GetStatus", [{}]) == []
    assert server.call("SetStatus", [{}, {"weight": 1.0}]) is None


@pytest.mark.parametrize("name", ["conns", "nodes_or_conns", None])
@pytest.mark.parametrize("form", ["whole", "source and target", "one", "reference"])
def test_connections_can_be_sent_back(
    server: Server, connected: dict[str, Any], name: str | None, form: str
) -> None:
    second: dict[str, Any] = {
        "whole": {key: column[1:] for key, column in connected.items()},
        "source and target": {"source": [2], "target": [4]},
        "one": {"source": 2, "target": 4},
        "reference": as_json(exact(server, "GetConnections", {"source": [2]})),
    }[form]

    def body(**more: Any) -> dict[str, Any]:
        return {"args": [second], **more} if name is None else {name: second, **more}

    assert server.call("SetStatus", body(params={"weight": 7.0})) is None
    assert server.call("GetStatus", body(keys="weight")) == [7.0]
    assert server.call("GetStatus", body(keys=["weight", "delay"])) == [[7.0, 1.5]]
    assert server.call("GetConnections")["weight"] == [1.0, 7.0]
    assert server.call("Disconnect", {"args": [second]}) is None
    assert server.call("GetConnections")["source"] == [1]
    assert refused(server, "Disconnect", {"args": [second]})["message"]


def test_all_connections_can_be_set_one_by_one_and_disconnected_by_name(
    server: Server, connected: dict[str, Any]
) -> None:
    server.call("SetStatus", [connected, [{"weight": 8.0}, {"weight": 9.0}]])
    assert server.call("GetStatus", [connected, "weight"]) == [8.0, 9.0]
    assert server.call("SynapseCollection.get", [connected, "weight"]) == [8.0, 9.0]
    server.call("Disconnect", {"conns": connected})
    assert server.call("GetConnections") == {}


@pytest.mark.parametrize(
    ("description", "word"),
    [
        ({"source": [1]}, "at least source and target"),
        ({"source": [1, 2], "target": [3]}, "lists of one length"),
        ({"source": [1], "target": [4]}, "no connection with source 1, target 4"),
        ({"source": ["a"], "target": [4]}, "'a' in source is no node id"),
        ({"source": [1], "target": [99]}, "99"),
        ({"source": [1], "target": [3], "port": [{}]}, "no connection with"),
    ],
)
def test_description_of_no_connection_is_400(
    server: Server, connected: dict[str, Any], description: dict[str, Any], word: str
) -> None:
    said = refused(server, "GetStatus", [description])
    assert word in said["message"]
    assert said["parameter"] == "nodes_or_conns"


# Spatial layers.


def test_layers_make_the_round_trip_by_their_ids(server: Server, layer: list[int]) -> None:
    positions = server.call("GetPosition", [layer])
    assert positions[:3] == [[-1.0, 1.0], [-1.0, 0.0], [-1.0, -1.0]]
    assert server.call("GetPosition", [[1, 2, 4]]) == [positions[i] for i in (0, 1, 3)]
    assert server.call("GetPosition", [[1, 5, 9]]) == [positions[i] for i in (0, 4, 8)]
    assert server.call("FindNearestElement", [layer, [1.1, 0.9]]) == [7]
    assert server.call("Distance", [[1], [9]]) == [math.sqrt(8)]
    within = server.call("SelectNodesByMask", [layer, [0.0, 0.0], MASK])
    assert within == [2, 4, 5, 6, 8]


def test_layers_connect_by_distance_and_mask(server: Server, layer: list[int]) -> None:
    rule = {
        "rule": "pairwise_bernoulli",
        "p": 1.0,
        "mask": {"circular": {"radius": 1.1}},
    }
    weight = {"$call": "Parameter.mul", "args": [{"$call": "spatial.distance"}, 2.0]}
    server.call("Connect", [layer, layer, rule, {"weight": weight}])
    found = server.call("GetConnections", {"source": [5]})
    pairs = sorted(zip(found["target"], found["weight"], strict=True))
    assert pairs == [(2, 2.0), (4, 2.0), (5, 0.0), (6, 2.0), (8, 2.0)]


# What JSON can't say: $call.


@pytest.mark.parametrize(
    ("expression", "low", "high"),
    [
        ({"$call": "random.uniform", "kwargs": {"min": 1.0, "max": 2.0}}, 1.0, 2.0),
        ({"$call": "random.uniform", "args": [1.0, 2.0]}, 1.0, 2.0),
        ({"$call": "random.uniform"}, 0.0, 1.0),
        ({"$call": "random.uniform_int", "args": [3]}, 0.0, 2.0),
        ({"$call": "random.normal", "args": [5.0, 0.001]}, 4.9, 5.1),
        ({"$call": "random.exponential", "kwargs": {"beta": 2.0}}, 0.0, 100.0),
        ({"$call": "random.lognormal", "args": [0.0, 0.001]}, 0.9, 1.1),
        ({"$call": "CreateParameter", "args": ["constant", {"value": 4.0}]}, 4.0, 4.0),
        ({"$call": "Parameter.add", "args": [{"$call": "random.uniform"}, 3]}, 3.0, 4.0),
        (
            {"$call": "math.exp", "args": [{"$call": "Parameter.neg", "args": [
                {"$call": "random.uniform"}]}]},
            math.exp(-1.0), 1.0,
        ),
        (
            {"$call": "math.min", "args": [{"$call": "random.normal", "args": [9.0, 0.1]}, 2.5]},
            2.5, 2.5,
        ),
    ],
)  # fmt: skip
def test_parameters_are_written_as_the_call_that_makes_them(
    server: Server, expression: dict[str, Any], low: float, high: float
) -> None:
    body = {"model": "iaf_psc_alpha", "n": 20, "params": {"I_e": expression}}
    nodes = server.call("Create", body)
    values = server.call("GetStatus", [nodes, "I_e"])
    assert len(values) == 20
    assert all(low <= value <= high for value in values)
    server.call("SetStatus", {"nodes": nodes, "params": {"V_m": expression}})
    assert all(low <= value <= high for value in server.call("GetStatus", [nodes, "V_m"]))
    server.call("Connect", [[1], nodes, "all_to_all", {"weight": expression}])
    assert all(low <= value <= high for value in server.call("GetConnections")["weight"])


@pytest.mark.parametrize(
    ("positions", "number"),
    [
        ({"$call": "spatial.grid", "args": [[2, 3]]}, 6),
        ({"$call": "spatial.grid", "args": [[2, 2, 2]], "kwargs": {"edge_wrap": True}}, 8),
        ({"$call": "spatial.free", "args": [[[0.0, 0.1], [0.2, 0.3], [0.4, 0.4]]]}, 3),
        (
            {"$call": "spatial.free", "args": [{"$call": "random.uniform"}],
             "kwargs": {"num_dimensions": 2}},
            None,
        ),
    ],
)  # fmt: skip
def test_positions_are_written_as_the_call_that_makes_them(
    server: Server, positions: dict[str, Any], number: int | None
) -> None:
    body = {"model": "iaf_psc_alpha", "n": None if number else 5, "positions": positions}
    nodes = server.call("Create", body)
    assert len(nodes) == (number or 5)
    assert len(server.call("GetPosition", [nodes])) == len(nodes)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("random.uniform", {"min": 1.0, "max": 2.0}),
        ("spatial.grid", [[2, 2]]),
        ("CreateMask", ["circular", {"radius": 0.2}]),
        ("spatial.distance", None),
        ("math.exp", [{"$call": "random.normal"}]),
        ("Mask.or", [MASK, MASK]),
    ],
)
def test_call_that_makes_an_object_answers_its_own_form(
    server: Server, call: str, body: Any
) -> None:
    made = server.call(call, body)
    assert made["$call"] == call
    if call in ("random.uniform", "math.exp"):
        assert isinstance(server.call("Parameter.GetValue", [made]), float)
    # It can be sent back: any other call takes it as an argument.
    if call == "spatial.grid":
        assert server.call("Create", {"model": "iaf_psc_alpha", "positions": made}) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("expression", "status", "word"),
    [
        ({"$call": "random.nope"}, 404, "random.nope"),
        ({"$call": "ll_api.os.getpid"}, 404, "not offered"),
        ({"$call": "__import__", "args": ["os"]}, 404, "__import__"),
        ({"$call": "Create", "args": ["iaf_psc_alpha"]}, 400, "only calls that make PyNEST"),
        ({"$call": "ResetKernel"}, 400, "only calls that make PyNEST"),
        ({"$call": "random.uniform", "kwargs": {"mini": 1}}, 400, "'mini' is no parameter"),
        ({"$call": "random.uniform", "args": [1, 2, 3]}, 400, "at most 2 arguments"),
        ({"$call": "random.uniform", "arguments": [1]}, 400, "unknown key 'arguments'"),
        ({"$call": "random.uniform", "args": 1}, 400, "must have the form"),
        ({"$call": 7}, 400, "must have the form"),
        ({"$call": "spatial.distance", "args": [1]}, 400, "takes no arguments"),
    ],
)
def test_call_form_that_makes_no_object_is_refused(
    server: Server, expression: dict[str, Any], status: int, word: str
) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    body = {"nodes": [1], "params": {"I_e": expression}}
    reply = server.post("/api/SetStatus", body)
    assert reply.status_code == status
    assert word in reply.json()["message"]
    assert server.call("GetStatus", [[1], "I_e"]) == [0.0]


# The binary form.


def test_binary_form_has_nan_and_infinities_exactly(server: Server) -> None:
    nodes = exact(server, "Create", ["iaf_psc_alpha", 2])
    assert exact(server, "GetDefaults", ["iaf_psc_alpha", "V_min"]) == -math.inf
    exact(server, "SetStatus", [nodes, {"V_th": math.inf, "V_m": math.nan}])
    assert exact(server, "GetStatus", [nodes, "V_th"]) == [math.inf, math.inf]
    assert all(math.isnan(value) for value in exact(server, "GetStatus", [nodes, "V_m"]))
    tiny = 5e-324
    exact(server, "SetStatus", [nodes, {"I_e": tiny}])
    assert exact(server, "GetStatus", [nodes, "I_e"]) == [tiny, tiny]
    # JSON has none of them, and stays valid.
    assert server.call("GetStatus", [[1], ["V_th", "V_m", "V_min"]]) == [[None, None, None]]


def test_binary_form_has_arrays_with_their_types(server: Server) -> None:
    nodes = exact(server, "Create", ["iaf_psc_alpha", 3, {"I_e": 1000.0}])
    recorder = exact(server, "Create", ["spike_recorder"])
    assert (nodes.ids.dtype, nodes.ids.tolist()) == (np.dtype(np.int64), [1, 2, 3])
    exact(server, "Connect", [nodes, recorder])
    exact(server, "Simulate", [50.0])
    (events,) = exact(server, "GetStatus", [recorder, "events"])
    assert (events["times"].dtype, events["senders"].dtype) == (np.float64, np.int64)
    assert len(events["times"]) == server.call("GetStatus", [[4], "n_events"])[0] > 0
    assert server.call("GetStatus", [[4], "events"])[0]["times"] == events["times"].tolist()


@pytest.mark.parametrize(
    "ids",
    [
        np.array([1, 3], dtype=np.int64),
        np.array([1, 3], dtype=np.uint16),
        np.array([[1, 0], [3, 0]], dtype=np.int32)[:, 0],
        [1, 3],
        Expression("NodeCollection", [[1, 3]]),
    ],
    ids=repr,
)
def test_binary_requests_may_hold_arrays_and_calls(server: Server, ids: Value) -> None:
    server.call("Create", ["iaf_psc_alpha", 3])
    exact(server, "SetStatus", [ids, {"V_m": -55.5}])
    assert server.call("GetStatus", [[1, 2, 3], "V_m"]) == [-55.5, -70.0, -55.5]
    times = np.arange(1.0, 4.0)
    made = exact(server, "Create", {"model": "spike_generator", "params": {"spike_times": times}})
    (held,) = exact(server, "GetStatus", [made, "spike_times"])
    assert np.array_equal(held, times)


@pytest.mark.parametrize(
    ("kind", "accept", "expected"),
    [
        ("application/json", MSGPACK, MSGPACK),
        (MSGPACK, "application/json", "application/json"),
        (MSGPACK, "text/plain", "application/json"),
        (MSGPACK, "application/json, application/x-msgpack", MSGPACK),
        (MSGPACK, "application/msgpack", MSGPACK),
    ],
)
def test_request_and_answer_choose_their_forms_apart(
    server: Server, kind: str, accept: str, expected: str
) -> None:
    reply = ask(server, "/api/GetKernelStatus", ["resolution"], kind, accept)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, expected)
    assert (Unpacker().unpack(reply.content) if expected == MSGPACK else reply.json()) == 0.1


def test_references_name_every_kind_of_object_and_can_be_sent_back(server: Server) -> None:
    nodes = exact(server, "Create", ["iaf_psc_alpha", 4])
    some = exact(server, "NodeCollection.slice", [nodes, 0, 4, 2])
    assert (some.type, some.ids.tolist()) == ("NodeCollection", [1, 3])
    assert exact(server, "NodeCollection.join", [some, [2]]).ids.tolist() == [1, 2, 3]
    weight = exact(server, "random.uniform", {"min": 1.0, "max": 2.0})
    assert weight.type == "Parameter"
    exact(server, "Connect", [some, nodes, "all_to_all", {"weight": weight}])
    conns = exact(server, "GetConnections", {"source": some})
    assert (conns.type, exact(server, "SynapseCollection.size", [conns])) == (
        "SynapseCollection",
        8,
    )
    assert all(1.0 <= w <= 2.0 for w in exact(server, "SynapseCollection.get", [conns, "weight"]))
    # In JSON they are written {"$ref": …}.
    assert server.call("GetStatus", {"nodes": as_json(some), "keys": "global_id"}) == [1, 3]
    assert server.call("SynapseCollection.size", [as_json(conns)]) == 8


@pytest.mark.parametrize("kind", [MSGPACK, "application/json"])
def test_released_references_are_400_and_others_stay(server: Server, kind: str) -> None:
    nodes = exact(server, "Create", ["iaf_psc_alpha", 2])
    other = exact(server, "Create", ["iaf_psc_alpha", 2])
    body = [nodes] if kind == MSGPACK else [as_json(nodes)]
    reply = ask(server, "/release", body, kind, "application/json")
    assert (reply.status_code, reply.json()) == (200, None)
    said = refused(server, "GetStatus", [as_json(nodes), "V_m"])
    assert said["error"] == "StaleReference"
    assert exact(server, "GetStatus", [other, "V_m"]) == [-70.0, -70.0]
    # The nodes themselves are still there, and to release again is no error.
    assert server.call("GetStatus", [[1, 2], "V_m"]) == [-70.0, -70.0]
    assert ask(server, "/release", body, kind).status_code == 200


def test_references_end_with_their_network_and_are_never_another_object(server: Server) -> None:
    nodes = exact(server, "Create", ["iaf_psc_alpha", 2])
    parameter = exact(server, "random.uniform")
    server.call("ResetKernel")
    exact(server, "Create", ["iaf_psc_alpha", 2])
    assert refused(server, "GetStatus", [as_json(nodes)])["error"] == "StaleReference"
    assert exact(server, "Parameter.GetValue", [parameter]) <= 1.0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"generation": "00000000"}, "belongs to kernel 00000000"),
        ({"$ref": 10**9}, "there is no NodeCollection number 1000000000"),
        ({"$ref": -1}, "there is no NodeCollection number -1"),
        ({"type": "SynapseCollection"}, "there is no SynapseCollection number"),
        ({"generation": None}, "a reference must have the form"),
        ({"$ref": "1"}, "a reference must have the form"),
    ],
)
def test_stale_and_made_up_references_are_400(
    server: Server, change: dict[str, Any], word: str
) -> None:
    nodes = as_json(exact(server, "Create", ["iaf_psc_alpha", 2]))
    assert word in refused(server, "GetStatus", [nodes | change])["message"]
    assert server.call("GetStatus", [nodes, "V_m"]) == [-70.0, -70.0]


@pytest.mark.parametrize("body", [None, {}, [1], "all", [{"$call": "random.uniform"}]])
def test_release_takes_a_list_of_references_only(server: Server, body: Any) -> None:
    reply = server.post("/release", body)
    assert (reply.status_code, reply.json()["error"]) == (400, "MalformedRequest")


def test_errors_are_json_also_for_callers_of_the_binary_form(server: Server) -> None:
    reply = ask(server, "/api/Create", ["nope"])
    assert (reply.status_code, reply.headers["Content-Type"]) == (400, "application/json")
    assert reply.json()["error"] == "UnknownModelName"
