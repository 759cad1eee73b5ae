"""How arguments arrive: the rows of the contract about bodies, forms and query strings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.servers import Server

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def send(server: Server, path: str, body: str | bytes | None, kind: str | None) -> Any:
    """Exactly ``body`` as ``kind``; the answer, which has to be 200."""
    headers = {"Content-Type": kind} if kind else {}
    reply = server.request("POST", path, data=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize(
    ("call", "body", "answer"),
    [
        ("Create", '["iaf_psc_alpha", 2]', [1, 2]),
        ("Create", '{"model": "iaf_psc_alpha", "n": 2}', [1, 2]),
        ("Create", '{"args": ["iaf_psc_alpha", 2]}', [1, 2]),
        ("Create", '{"args": ["iaf_psc_alpha"], "n": 2}', [1, 2]),
        ("Create", '{"args": "iaf_psc_alpha", "n": 2}', [1, 2]),
        ("Create", '{"args": [], "model": "iaf_psc_alpha"}', [1]),
        ("Create", '"iaf_psc_alpha"', [1]),
        ("Create", ' \n["iaf_psc_alpha"]\n ', [1]),
        ("Simulate", "10", None),
        ("Simulate", "10.5", None),
        ("Simulate", "[20.000000]", None),
        ("Simulate", '{"t": 1e1}', None),
        ("GetKernelStatus", '"resolution"', 0.1),
        ("GetKernelStatus", '["resolution"]', 0.1),
        ("GetKernelStatus", '[["resolution", "network_size"]]', [0.1, 0]),
        ("GetKernelStatus", '{"keys": ["resolution", "network_size"]}', [0.1, 0]),
        ("NumProcesses", "[]", 1),
        ("NumProcesses", "{}", 1),
    ],
)
@pytest.mark.parametrize("kind", [JSON, "text/plain", None])
def test_kind_of_json_tells_positional_from_named_arguments(
    server: Server, call: str, body: str, answer: Any, kind: str | None
) -> None:
    assert send(server, f"/api/{call}", body, kind) == answer


@pytest.mark.parametrize("body", [None, "", "null", " \r\n"])
@pytest.mark.parametrize("kind", [JSON, "text/plain", "application/octet-stream", None])
def test_null_and_empty_bodies_are_no_arguments(
    server: Server, body: str | None, kind: str | None
) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    assert send(server, "/api/ResetKernel", body, kind) is None
    assert send(server, "/api/GetNodes", body, kind) == []


@pytest.mark.parametrize("kind", [JSON, "text/plain", FORM, None])
def test_get_with_a_content_type_and_no_body_has_no_arguments(
    server: Server, kind: str | None
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert server.get("/api/NumProcesses", headers=headers).json() == 1


def test_get_may_have_a_body(server: Server) -> None:
    assert server.get("/api/Create", json=["iaf_psc_alpha", 2]).json() == [1, 2]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json;charset=UTF-8",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/vnd.api+json",
        "application/problem+json;charset=UTF-8",
        "text/json",
        "text/plain;charset=UTF-8",
        # What curl -d says if nobody tells it.
        FORM,
        "application/octet-stream",
        "no media type",
    ],
)
def test_json_is_understood_under_every_media_type(server: Server, kind: str) -> None:
    body = '{"model": "iaf_psc_alpha", "params": {"V_m": -60.5}}'
    assert send(server, "/api/Create", body, kind) == [1]
    assert server.call("GetStatus", [[1], "V_m"]) == [-60.5]


def test_text_outside_ascii_arrives_as_it_was_sent(server: Server) -> None:
    for body in ('["Zürich ☕"]'.encode(), json.dumps(["Zürich ☕"]).encode()):
        reply = server.request("POST", "/api/Create", data=body, headers={"Content-Type": JSON})
        assert reply.status_code == 400
        assert "Zürich ☕" in reply.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "iaf_psc_alpha", "n": None, "params": None, "positions": None},
        {"args": ["iaf_psc_alpha", None, None], "positions": None},
        {"args": None, "model": "iaf_psc_alpha"},
        {"model": "iaf_psc_alpha", "syn_spec": None},
        ["iaf_psc_alpha", None, None, None],
    ],
)
def test_explicit_null_means_not_given(server: Server, body: Any) -> None:
    assert server.call("Create", body) == [1]


def test_null_keys_and_null_filters_mean_not_given(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 2])
    server.call("Connect", {"pre": [1], "post": [2], "conn_spec": None, "syn_spec": None})
    assert server.call("GetStatus", [[1], None]) == server.call("GetStatus", [[1]])
    found = server.call("GetConnections", {"source": None, "target": [2], "synapse_model": None})
    assert found["source"] == [1]


QUERIES: list[tuple[str, str, Any]] = [
    ("Create", "model=iaf_psc_alpha&n=2", [3, 4]),
    ("Create", "args=iaf_psc_alpha&args=2", [3, 4]),
    ("Create", "args=iaf_psc_alpha&n=2", [3, 4]),
    ("Create", 'model=iaf_psc_alpha&params={"V_m":-60.0}', [3]),
    ("Create", 'model=iaf_psc_alpha&positions={"$call":"spatial.grid","args":[[2,1]]}', [3, 4]),
    ("GetStatus", "nodes=1&keys=V_m", [-70.0]),
    ("GetStatus", "nodes=1,2&keys=V_m,C_m", [[-70.0, 250.0], [-70.0, 250.0]]),
    ("GetStatus", "nodes=[1,2]&keys=V_m", [-70.0, -70.0]),
    ("GetStatus", "nodes=1&nodes=2&keys=V_m&keys=C_m", [[-70.0, 250.0], [-70.0, 250.0]]),
    ("GetStatus", 'nodes=[1]&keys=["V_m"]', [[-70.0]]),
    ("GetKernelStatus", "keys=resolution", 0.1),
    ("GetKernelStatus", "args=resolution", 0.1),
    ("SetKernelStatus", 'params={"rng_seed":7}', None),
    ("SetStatus", 'nodes=1&params={"V_m":-61}', None),
    ("Connect", "pre=1&post=2&conn_spec=one_to_one", None),
    ("Connect", 'pre=1,2&post=2,1&conn_spec={"rule":"one_to_one"}&syn_spec={"weight":[2,3]}', None),
    ("Connect", "pre=1&post=2&return_synapsecollection=false", None),
    ("GetLocalNodeCollection", "nc=1,2", [1, 2]),
    ("GetNodes", 'properties={"model":"iaf_psc_alpha"}&local_only=TRUE', [1, 2]),
    ("Simulate", "t=10", None),
    ("Simulate", "t=1e1", None),
    ("Simulate", "args=10.0", None),
    ("random.uniform", "min=1&max=2", {"$call": "random.uniform", "kwargs": {"min": 1, "max": 2}}),
]


@pytest.mark.parametrize(("call", "query", "answer"), QUERIES)
@pytest.mark.parametrize("way", ["GET", "POST query", "POST form"])
def test_text_is_converted_by_the_kind_of_its_parameter(
    server: Server, call: str, query: str, answer: Any, way: str
) -> None:
    server.call("Create", ["iaf_psc_alpha", 2])
    if way == "POST form":
        assert send(server, f"/api/{call}", query, FORM) == answer
        return
    reply = server.request(way.split()[0], f"/api/{call}?{query}")
    assert reply.status_code == 200, reply.text
    assert reply.json() == answer


def test_multipart_form_is_a_form(server: Server) -> None:
    parts = {"model": (None, "iaf_psc_alpha"), "n": (None, "2")}
    reply = server.request("POST", "/api/Create", files=parts)
    assert (reply.status_code, reply.json()) == (200, [1, 2])


def test_percent_and_plus_in_queries_and_forms_are_decoded(server: Server) -> None:
    query = "model=iaf%5Fpsc%5Falpha&params=%7B%22V_m%22:+-60.5%7D"
    assert server.get(f"/api/Create?{query}").json() == [1]
    assert send(server, "/api/Create", query, FORM) == [2]
    assert server.call("GetStatus", [[1, 2], "V_m"]) == [-60.5, -60.5]


@pytest.mark.parametrize(
    ("call", "query", "parameter", "wanted"),
    [
        ("Create", "model=iaf_psc_alpha&n=two", "n", "an integer"),
        ("Create", "model=iaf_psc_alpha&n=2.5", "n", "an integer"),
        ("Create", "model=iaf_psc_alpha&n=", "n", "an integer"),
        ("Simulate", "t=soon", "t", "a number"),
        ("Simulate", "t=NaN", "t", "a number"),
        ("Connect", "pre=1&post=x", "post", "nodes"),
        ("GetNodes", "local_only=maybe", "local_only", "true or false"),
        ("GetNodes", "properties=iaf", "properties", "an object"),
        ("SetKernelStatus", "params=7", "params", "an object"),
        ("SetKernelStatus", "resolution=0.2", "resolution", "is no parameter; there are: params"),
    ],
)
def test_text_that_does_not_fit_is_400_and_names_the_parameter(
    server: Server, call: str, query: str, parameter: str, wanted: str
) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    for reply in (
        server.get(f"/api/{call}?{query}"),
        server.request("POST", f"/api/{call}", data=query, headers={"Content-Type": FORM}),
    ):
        assert (reply.status_code, reply.headers["Content-Type"]) == (400, JSON)
        assert reply.json()["parameter"] == parameter
        assert repr(parameter) in reply.json()["message"]
        assert wanted in reply.json()["message"]
    assert server.call("GetNodes") == [1]


def test_body_and_query_string_may_be_mixed_but_not_for_one_argument(server: Server) -> None:
    assert server.post("/api/Create?n=2", {"model": "iaf_psc_alpha"}).json() == [1, 2]
    twice = server.post("/api/Create?n=2", {"model": "iaf_psc_alpha", "n": 3})
    assert twice.status_code == 400
    assert "'n' is in the body and in the query string" in twice.json()["message"]
