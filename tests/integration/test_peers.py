"""What other NEST servers get wrong with one process is right here.

Each test names its fault. Elsewhere: runs over a time limit and ``GET /`` during a run in
``test_lifecycle.py``, speed in ``scripts/bench``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.pending import post, processes
from tests.integration.servers import Server

Start = Callable[..., Server]


def strict(text: bytes) -> Any:
    """``text`` as JSON without the NaN and Infinity that Python's parser would take."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("call", "body", "name"),
    [
        ("Create", ["nope"], "UnknownModelName"),
        ("SetStatus", [[1], {"nope": 1.0}], "UnaccessedDictionaryEntry"),
        ("GetStatus", [[2]], "UnknownNode"),
        ("Simulate", [-1.0], "BadParameter"),
    ],
)
def test_fault_nest_errors_are_html_500_or_200_null(
    server: Server, call: str, body: Any, name: str
) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    reply = server.post(f"/api/{call}", body)
    assert (reply.status_code, reply.headers["Content-Type"]) == (400, "application/json")
    assert reply.json()["error"] == name
    assert name in reply.json()["message"]


def test_fault_getstatus_and_setstatus_are_broken_over_api(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 3])
    server.call("Create", ["spike_recorder"])
    assert server.call("GetStatus", {"nodes": [4], "keys": "n_events"}) == [0]
    server.call("SetStatus", {"nodes": [1, 2], "params": {"V_m": -60.0}})
    server.call("SetStatus", {"nodes": [3], "params": [{"V_m": -50.0}]})
    assert server.call("GetStatus", {"nodes": [1, 2, 3], "keys": "V_m"}) == [-60.0, -60.0, -50.0]


def test_fault_invalid_json_for_infinity(server: Server) -> None:
    reply = server.post("/api/GetDefaults", ["iaf_psc_alpha"])
    assert strict(reply.content)["V_min"] is None
    for model in server.call("node_models") + server.call("synapse_models"):
        strict(server.post("/api/GetDefaults", [model]).content)


@pytest.mark.parametrize(
    "origin", ["http://localhost.evil.example", "http://localhost.evil.example:54286"]
)
def test_fault_cors_by_prefix(server: Server, origin: str) -> None:
    reply = server.get("/", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in reply.headers
    reply = server.get("/", headers={"Origin": "http://localhost:54286"})
    assert "Access-Control-Allow-Origin" in reply.headers


def test_fault_several_kernels_behind_one_port(start: Start) -> None:
    server = start({"NEST_SERVER_WORKERS": "2"}, "-w", "2")
    with ThreadPoolExecutor(8) as threads:
        bodies = [["iaf_psc_alpha"]] * 40
        replies = list(threads.map(lambda body: post(server, "Create", body), bodies))
    assert sorted(reply.json()[0] for reply in replies) == list(range(1, 41))
    assert len({reply.headers["NEST-Kernel-Generation"] for reply in replies}) == 1
    assert len(processes(server, "nestd.cli")) == 1


def test_fault_spatial_nodes_can_not_make_the_round_trip(server: Server) -> None:
    positions = {"$call": "spatial.free", "args": [[[0.0, 0.25], [0.5, 0.75], [1.0, 1.25]]]}
    nodes = server.call("Create", {"model": "iaf_psc_alpha", "positions": positions})
    assert server.call("GetPosition", [nodes]) == [[0.0, 0.25], [0.5, 0.75], [1.0, 1.25]]
    assert server.call("GetPosition", [nodes[::2]]) == [[0.0, 0.25], [1.0, 1.25]]
    assert server.call("FindNearestElement", {"layer": nodes, "locations": [0.9, 1.3]}) == [3]


def test_fault_connections_can_not_make_the_round_trip(server: Server) -> None:
    nodes = server.call("Create", ["iaf_psc_alpha", 3])
    server.call("Connect", [nodes, nodes])
    found = server.call("GetConnections", {"source": [1]})
    assert found["target"] == [1, 2, 3]
    server.call("SetStatus", {"conns": found, "params": {"weight": 4.0}})
    assert server.call("GetConnections")["weight"] == [4.0] * 3 + [1.0] * 6
    server.call("Disconnect", [found])
    assert server.call("GetConnections")["source"] == [2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_fault_query_values_stay_strings(server: Server, method: str) -> None:
    reply = server.request(method, "/api/Create?model=iaf_psc_alpha&n=2")
    assert (reply.status_code, reply.json()) == (200, [1, 2])
    assert server.request(method, "/api/Simulate?t=10.5").status_code == 200
    assert server.request(method, "/api/biological_time").json() == 10.5


UNIFORM = {"$call": "random.uniform"}


@pytest.mark.parametrize(
    ("call", "body", "answer"),
    [
        # Parameters, masks, positions.
        ("random.uniform", None, UNIFORM),
        ("Parameter.add", [UNIFORM, 1.0], {"$call": "Parameter.add", "args": [UNIFORM, 1.0]}),
        ("spatial.distance", None, {"$call": "spatial.distance"}),
        ("spatial.grid", [[2, 1]], {"$call": "spatial.grid", "args": [[2, 1]]}),
        # Nodes, layers, connections, none of them.
        ("NodeCollection", [[1, 2]], [1, 2]),
        ("NodeCollection", None, []),
        ("NodeCollection.slice", [[1, 2], 1], [2]),
        ("GetConnections", None, {}),
        ("NodeCollection.spatial", [[1, 2]], {"shape": [2, 1], "edge_wrap": False}),
        # NumPy arrays and scalars, nested ones, tuples.
        ("GetPosition", [[1, 2]], [[-0.25, 0.0], [0.25, 0.0]]),
        ("Displacement", [[1], [2]], [[-0.5, 0.0]]),
        ("Distance", [[1], [2]], [0.5]),
        ("NodeCollection.get", [[1, 2], "V_m"], [-70.0, -70.0]),
        ("Mask.Inside", [{"$call": "CreateMask", "args": ["circular", {"radius": 1.0}]}, [0, 0]],
         True),
        ("CollocatedSynapses", [{"weight": 1.0}], [{"weight": 1.0}]),
        ("userdict", None, {}),
    ],
)  # fmt: skip
def test_fault_values_without_a_json_form_are_500(
    server: Server, call: str, body: Any, answer: Any
) -> None:
    positions = {"$call": "spatial.grid", "args": [[2, 1]]}
    server.call("Create", {"model": "iaf_psc_alpha", "positions": positions})
    found = server.call(call, body)
    if call == "NodeCollection.spatial":
        assert found.items() >= answer.items()
    else:
        assert found == answer


@pytest.mark.parametrize(
    ("call", "answer"),
    [("GetNodes", [1, 2, 3, 4, 5]), ("NumProcesses", 1), ("GetLocalVPs", [0])],
)
def test_fault_copies_and_crashes_where_there_is_one_answer(
    server: Server, call: str, answer: Any
) -> None:
    server.call("Create", ["iaf_psc_alpha", 5])
    assert server.call(call) == answer


def test_fault_every_readable_name_answers_or_explains(server: Server) -> None:
    for name in server.get("/api").json():
        if server.get(f"/api/{name}?inspect=signature").json()["data"] != "()":
            continue
        reply = server.get(f"/api/{name}")
        assert reply.status_code in (200, 400), (name, reply.text)
        assert reply.headers["Content-Type"] == "application/json", name
        strict(reply.content)


def script(server: Server, source: str, returns: Any = None) -> Any:
    """The answer to a script that succeeds."""
    reply = server.post("/exec", {"source": source, "return": returns})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_fault_sandbox_is_none(server: Server) -> None:
    source = 'import nest\nfound = nest.ll_api.os.popen("id").read()'
    reply = server.post("/exec", {"source": source, "return": "found"})
    assert reply.status_code == 400
    assert "uid=" not in reply.text


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a = 1\na += 1", 2),
        ("a = []\nfor x, y in zip([1, 2], [3, 4]):\n    a.append(x * y)", [3, 8]),
        ("a = dict(b=1)", {"b": 1}),
        ("a = [i * c for i, c in enumerate('xy')]", ["", "y"]),
        ("a = sorted([3, 1, 2], key=lambda x: -x)", [3, 2, 1]),
        ("import numpy as np\nb = np.arange(4)\nb[1] = 7\na = b[1:3]", [7, 2]),
        ("a = 'abc'[1]", "b"),
        ("def f(*b, **c):\n    return [*b, *c]\na = f(*[1, 2], **{'d': 3})", [1, 2, "d"]),
    ],
)
def test_fault_ordinary_python_is_rejected(server: Server, source: str, value: Any) -> None:
    assert script(server, source, "a")["data"] == value


def test_fault_lines_that_begin_like_imports_are_deleted(server: Server) -> None:
    source = "important = 3\nfrom_rate = 5.\nimported = [important, from_rate]"
    assert script(server, source, "imported")["data"] == [3, 5.0]


def test_fault_output_is_lost(server: Server) -> None:
    source = "print('before')\ndef f():\n    print('inside')\nf()"
    assert script(server, source)["stdout"] == "before\ninside\n"
    reply = server.post("/exec", {"source": source + "\n1 / 0"})
    assert (reply.status_code, reply.json()["stdout"]) == (400, "before\ninside\n")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a = {3, 1}", [1, 3]),
        ("a = b'x'", {"$bytes": "eA=="}),
        ("a = 1 + 2j", {"real": 1.0, "imag": 2.0}),
        ("import nest\na = nest.random.uniform()", "<Parameter>"),
        ("a = {(1, 2): 3}", {"(1, 2)": 3}),
        ("import numpy as np\na = [np.float32(0.5), np.bool_(True), np.inf]", [0.5, True, None]),
        ("import nest\na = nest.Create('iaf_psc_alpha', 2)", [1, 2]),
    ],
)
def test_fault_returned_values_without_a_json_form_are_500(
    server: Server, source: str, value: Any
) -> None:
    assert script(server, source, "a")["data"] == value
