"""What each address answers: the rows of the contract about routes and status codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.servers import Server


def test_root_says_which_nest_runs_and_whether_it_has_mpi(server: Server) -> None:
    reply = server.get("/")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json()["nest"] == "3.10.0"
    assert reply.json()["mpi"] is False


def test_api_lists_sorted_names_and_each_can_be_inspected(server: Server) -> None:
    reply = server.get("/api")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    listed = reply.json()
    assert listed == sorted(set(listed))
    assert {"Create", "Connect", "GetStatus", "Simulate", "resolution", "node_models"} <= set(
        listed
    )
    for name in listed:
        signature = server.get(f"/api/{name}", params={"inspect": "signature"})
        assert signature.status_code == 200, name
        assert signature.json()["data"].startswith("("), name


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/ResetKernel", b"null"),
        ("/api/GetKernelStatus?keys=resolution", b"0.1"),
        ("/api/GetLocalVPs", b"[0]"),
        ("/api/Create?model=iaf_psc_alpha&n=2", b"[1,2]"),
        ("/api/GetConnections", b"{}"),
        ("/api/NumProcesses", b"1"),
    ],
)
def test_result_of_a_call_is_bare_json(
    server: Server, method: str, path: str, answer: bytes
) -> None:
    reply = server.request(method, path)
    assert (reply.status_code, reply.content) == (200, answer)
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolution", 0.1),
        ("biological_time", 0.0),
        ("local_num_threads", 1),
        ("network_size", 0),
        ("rng_type", "mt19937_64"),
        ("rng_types", ["mt19937", "mt19937_64", "Philox_32", "Philox_64", "Threefry_32"]),
    ],
)
def test_attribute_is_its_value(server: Server, method: str, name: str, value: Any) -> None:
    reply = server.request(method, f"/api/{name}")
    assert reply.status_code == 200
    found = reply.json()
    if isinstance(value, list):
        assert set(value) <= set(found)
    else:
        assert found == value


@pytest.mark.parametrize("name", ["node_models", "synapse_models", "kernel_status"])
def test_large_attributes_equal_what_getkernelstatus_says(server: Server, name: str) -> None:
    found = server.get(f"/api/{name}").json()
    whole = server.call("GetKernelStatus")
    if name == "kernel_status":
        assert found.keys() == whole.keys()
        assert found["resolution"] == 0.1
    else:
        assert found == whole[name]
        assert len(found) > 10


def test_setting_an_attribute_shows_when_it_is_read(server: Server) -> None:
    server.call("SetKernelStatus", {"params": {"resolution": 0.25}})
    assert server.get("/api/resolution").json() == 0.25


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("getdoc", "Create one or more nodes."),
        ("getsource", "def Create(model, n=1, params=None, positions=None):"),
        ("signature", "(model, n=1, params=None, positions=None)"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_inspection_answers_an_object_with_data(
    server: Server, method: str, what: str, word: str
) -> None:
    reply = server.request(method, "/api/Create", params={"inspect": what})
    assert reply.status_code == 200
    assert reply.json().keys() == {"data"}
    assert word in reply.json()["data"]
    assert server.call("GetNodes") == []


@pytest.mark.parametrize("what", ["", "getfile", "getmembers", "__class__", "os.system", "getdoc "])
def test_no_other_inspection_exists(server: Server, what: str) -> None:
    reply = server.get("/api/Create", params={"inspect": what})
    assert reply.status_code == 400
    assert reply.json()["parameter"] == "inspect"
    assert "getdoc, getsource or signature" in reply.json()["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/api/",
        "/api/NoSuchCall",
        "/api/Create/more",
        "/api/create",
        "/api/Create%00",
        "/api/%ff",
        "/api/..%2f..%2fetc%2fpasswd",
        "/api/__class__",
        "/api/_compiled",
        "/api/Create.__globals__",
        "/api/ll_api",
        "/api/ll_api.os",
        "/api/lib.hl_api_nodes.Create",
        "/api/server",
        "/api/" + "x" * 4000,
    ],
    ids=lambda text: text[:40],
)
def test_anything_unknown_is_404_as_json(server: Server, method: str, path: str) -> None:
    reply = server.request(method, path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (404, "application/json")
    assert len(reply.json()["message"]) < 300
    assert reply.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET"),
        ("POST", "/api", "GET"),
        ("PUT", "/api/Create", "POST"),
        ("DELETE", "/api/ResetKernel", "POST"),
        ("PATCH", "/api/Create", "GET"),
        ("GET", "/release", "POST"),
        ("TRACE", "/", "GET"),
        ("FROBNICATE", "/api/Create", "POST"),
    ],
)
def test_other_methods_are_405_and_say_which_are_allowed(
    server: Server, method: str, path: str, allowed: str
) -> None:
    reply = server.request(method, path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (405, "application/json")
    assert allowed in reply.headers["Allow"]
    assert reply.json()["error"] == "Method Not Allowed"


def test_head_never_executes_a_call(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    assert server.request("HEAD", "/api/ResetKernel").status_code == 405
    assert server.call("GetNodes") == [1]
    assert server.request("HEAD", "/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api", "/api/resolution", "/nope", "/healthz", "/readyz"])
def test_every_reply_names_the_kernels_generation(server: Server, path: str) -> None:
    generation = server.get("/").json()["generation"]
    assert server.get(path).headers["NEST-Kernel-Generation"] == generation


def test_health_needs_no_token_and_readiness_names_the_kernel(server: Server) -> None:
    assert server.session.get(server.url + "/healthz").json() == {"alive": True}
    ready = server.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["generation"] == server.get("/").json()["generation"]


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "text/plain",
        "text/html,application/xhtml+xml;q=0.9",
        "image/png",
        "application/json;q=0",
        "application/x-msgpack;q=0",
        "not a media type",
        "",
    ],
)
def test_accept_headers_other_than_the_binary_type_are_ignored(server: Server, accept: str) -> None:
    reply = server.post("/api/GetKernelStatus", ["resolution"], headers={"Accept": accept})
    assert reply.headers["Content-Type"] == "application/json"
    assert (reply.status_code, reply.content) == (200, b"0.1")


def test_every_kernel_attribute_is_strict_json(server: Server) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    attributes = server.call("kernel_status").keys() & set(server.get("/api").json())
    assert len(attributes) > 40
    for name in attributes | {"kernel_status"}:
        reply = server.get(f"/api/{name}")
        assert reply.status_code == 200, name
        json.loads(reply.content, parse_constant=refuse)
