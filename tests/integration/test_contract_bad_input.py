"""What bad input gets: a JSON error with the right status, and a server that goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest
import requests

from protocol.values import VALUE_NESTING_LIMIT
from tests.integration.servers import DEADLINE_S, Server

Start = Callable[..., Server]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MIB = 1 << 20


@pytest.fixture
def network(server: Server) -> Iterator[Server]:
    """The shared server with two neurons, which are all there is after the test, too."""
    server.call("Create", ["iaf_psc_alpha", 2, {"V_m": -60.0}])
    generation = server.get("/").json()["generation"]
    yield server
    assert server.call("GetStatus", [[1, 2], "V_m"]) == [-60.0, -60.0]
    assert server.call("GetKernelStatus", "network_size") == 2
    assert server.call("biological_time") == 0.0
    assert server.get("/").json()["generation"] == generation


def said(reply: requests.Response, status: int) -> dict[str, Any]:
    """The error in ``reply``, which is JSON and not long."""
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, JSON), reply.text
    body: dict[str, Any] = reply.json()
    assert isinstance(body["message"], str)
    assert isinstance(body["error"], str)
    assert len(reply.content) < 2000
    return body


# Calls that are wrong.


@pytest.mark.parametrize(
    "name", ["NoSuchCall", "create", "Create ", "nest.Create", "sli_run", "NESTError", "eval"]
)
def test_unknown_calls_are_404_and_named(network: Server, name: str) -> None:
    error = said(network.post(f"/api/{name}", ["iaf_psc_alpha"]), 404)
    assert error["error"] == "UnknownCall"
    assert name in error["message"]


@pytest.mark.parametrize(
    ("call", "body", "parameter"),
    [
        # Missing, unknown, twice.
        ("Create", None, "model"),
        ("Create", {"n": 2}, "model"),
        ("Connect", [[1]], "post"),
        ("Create", {"model": "iaf_psc_alpha", "number": 2}, "number"),
        ("Simulate", {"duration": 1.0}, "duration"),
        ("SetKernelStatus", {"resolution": 0.2}, "resolution"),
        ("ResetKernel", {"x": 1}, "x"),
        ("Create", {"args": ["iaf_psc_alpha"], "model": "iaf_psc_alpha"}, "model"),
        ("GetStatus", {"nodes": [1], "conns": {}}, "nodes_or_conns"),
        # Of the wrong type.
        ("Create", [5], "model"),
        ("Create", [True], "model"),
        ("Create", [["iaf_psc_alpha"]], "model"),
        ("Create", [{"model": "iaf_psc_alpha"}], "model"),
        ("Create", ["iaf_psc_alpha", "2"], "n"),
        ("Create", ["iaf_psc_alpha", 2.5], "n"),
        ("Create", ["iaf_psc_alpha", True], "n"),
        ("Create", ["iaf_psc_alpha", [2]], "n"),
        ("Simulate", ["10"], "t"),
        ("Simulate", [[10.0]], "t"),
        ("Simulate", [{}], "t"),
        ("Simulate", [True], "t"),
        ("Simulate", [None], "t"),
        ("GetStatus", ["1"], "nodes_or_conns"),
        ("GetStatus", [["1"]], "nodes_or_conns"),
        ("GetStatus", [[1.5]], "nodes_or_conns"),
        ("GetStatus", [[[1]]], "nodes_or_conns"),
        ("GetStatus", [[None]], "nodes_or_conns"),
        ("GetStatus", [[True]], "nodes_or_conns"),
        ("GetStatus", [None], "nodes_or_conns"),
        ("GetStatus", {"nodes": [1], "keys": 5}, "keys"),
        ("GetStatus", {"nodes": [1], "keys": [5]}, "keys"),
        ("GetKernelStatus", [{"a": 1}], "keys"),
        ("Connect", ["a", [1]], "pre"),
        ("Connect", [[1], None], "post"),
        ("Connect", [[1], [2], 5], "conn_spec"),
        ("GetConnections", {"source": "all"}, "source"),
        ("GetNodes", {"properties": [1]}, "properties"),
        ("SetKernelStatus", ["resolution"], "params"),
        ("SelectNodesByMask", [[1], [0.0, 0.0], "circle"], "mask_obj"),
        # Beyond what an id can be.
        ("GetStatus", [[0]], "nodes_or_conns"),
        ("GetStatus", [[-1]], "nodes_or_conns"),
        ("GetStatus", [0], "nodes_or_conns"),
    ],
)
def test_wrong_arguments_are_400_and_name_the_parameter(
    network: Server, call: str, body: Any, parameter: str
) -> None:
    error = said(network.post(f"/api/{call}", body), 400)
    assert (error["error"], error["call"]) == ("ArgumentError", call)
    assert error["parameter"] == parameter
    assert repr(parameter) in error["message"]
    assert call in error["message"]


def test_too_many_arguments_are_400_and_name_the_parameters_there_are(network: Server) -> None:
    error = said(network.post("/api/Create", ["iaf_psc_alpha", 1, {}, None, 5]), 400)
    assert "at most 4 arguments (model, n, params, positions), 5 were given" in error["message"]


def test_attributes_take_no_arguments_and_the_error_says_how_to_set_them(network: Server) -> None:
    error = said(network.post("/api/resolution", [0.2]), 400)
    assert "SetKernelStatus" in error["message"]
    assert network.call("resolution") == 0.1


@pytest.mark.parametrize(
    ("call", "body", "name", "word"),
    [
        ("Create", ["nope"], "UnknownModelName", "nope"),
        ("Create", ["iaf_psc_alpha\x00"], "UnknownModelName", "iaf_psc_alpha"),
        ("GetDefaults", ["nope"], "UnknownComponent", "nope"),
        ("GetStatus", [[99]], "UnknownNode", "99"),
        ("Connect", [[1], [99]], "UnknownNode", "99"),
        ("SetStatus", [[1], {"nope": 1.0}], "UnaccessedDictionaryEntry", "nope"),
        ("SetStatus", [[1], {"V_m": "high"}], "TypeMismatch", "V_m"),
        ("SetStatus", [[1], {"C_m": -1.0}], "BadProperty", "apacitance"),
        ("GetStatus", [[1], "nope"], "KeyError", "nope"),
        ("Connect", [[1], [2], "no_rule"], "BadProperty", "no_rule"),
        ("Connect", [[1], [2], {"rule": "fixed_indegree"}], "IndexError", ""),
        ("Connect", [[1], [2], None, "no_synapse"], "UnknownSynapseType", "no_synapse"),
        ("Simulate", [-1.0], "BadParameter", "negative"),
        ("SetKernelStatus", [{"resolution": 0.2}], "KernelException", "Nodes have already"),
        ("SetKernelStatus", [{"nope": 1}], "ValueError", "nope"),
        ("CopyModel", ["iaf_psc_alpha", "iaf_psc_alpha"], "NewModelNameExists", "iaf_psc_alpha"),
        ("Install", ["no_such_module"], "KernelException", ""),
        ("GetPosition", [[1]], "LayerExpected", ""),
        ("Run", [1.0], "KernelException", ""),
    ],
)
def test_nests_errors_are_400_with_nests_name(
    network: Server, call: str, body: Any, name: str, word: str
) -> None:
    error = said(network.post(f"/api/{call}", body), 400)
    assert error["error"] == name
    assert error["message"].startswith(f"{name} in ")
    assert word in error["message"]


def test_error_in_a_run_leaves_a_kernel_that_can_run_again(server: Server) -> None:
    server.call("Create", ["aeif_cond_alpha", 1, {"I_e": 1e12}])
    error = said(server.post("/api/Simulate", [100.0]), 400)
    assert error["error"] == "NumericalInstability"
    server.call("ResetKernel")
    server.call("Create", ["iaf_psc_alpha"])
    assert server.call("Simulate", [10.0]) is None


# Bodies that are no JSON.


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"model":',
        b'["iaf_psc_alpha"',
        b'["iaf_psc_alpha",]',
        b'["iaf_psc_alpha"] ["iaf_psc_alpha"]',
        b"{'model': 'iaf_psc_alpha'}",
        b"iaf_psc_alpha",
        b"{model: 1}",
        b"undefined",
        b"True",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[01]",
        b"[0x10]",
        b'["a\nb"]',
        b'["\\x41"]',
        b'["\\ud800"]',
        b"[1]\x00",
        b"\x00\x01\x02",
        b"<html></html>",
        b"--boundary\r\n",
        # No UTF-8.
        b'["\xff\xfe"]',
        b"\xff",
        b'["caf\xe9"]',
        b'["\xed\xa0\x80"]',
        b'["\xc0\x80"]',
        '["iaf_psc_alpha"]'.encode("utf-16"),
        '["iaf_psc_alpha"]'.encode("utf-32"),
    ],
    ids=lambda body: repr(body)[2:30],
)
@pytest.mark.parametrize("kind", [JSON, "text/plain"])
def test_malformed_json_is_400(network: Server, body: bytes, kind: str) -> None:
    headers = {"Content-Type": kind}
    error = said(network.request("POST", "/api/Create", data=body, headers=headers), 400)
    assert error["error"] == "MalformedRequest"
    assert "JSON" in error["message"]


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "no-such-charset"])
def test_json_in_another_charset_is_400_and_named(network: Server, charset: str) -> None:
    headers = {"Content-Type": f"{JSON}; charset={charset}"}
    reply = network.request("POST", "/api/Create", data=b'["iaf_psc_alpha"]', headers=headers)
    assert charset in said(reply, 400)["message"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "nonsense"])
def test_compressed_bodies_are_400_and_said_to_be_so(network: Server, encoding: str) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": JSON}
    reply = network.request("POST", "/api/Create", data=b"\x1f\x8b", headers=headers)
    assert encoding in said(reply, 400)["message"]


LIST, OBJECT = ("[", "]"), ('{"a":', "}")


@pytest.mark.parametrize("depth", [100, 1000, 100_000])
@pytest.mark.parametrize("way", [LIST, OBJECT], ids=["lists", "objects"])
def test_deep_nesting_is_400(network: Server, way: tuple[str, str], depth: int) -> None:
    body = f"{way[0] * depth}1{way[1] * depth}"
    headers = {"Content-Type": JSON}
    error = said(network.request("POST", "/api/Create", data=body, headers=headers), 400)
    assert error["error"] == "MalformedRequest"


def test_nesting_is_limited_exactly_and_calls_in_calls_count(network: Server) -> None:
    def reply(levels: int) -> requests.Response:
        body = "[" * levels + "]" * levels
        return network.request("POST", "/api/Create", data=body, headers={"Content-Type": JSON})

    assert said(reply(VALUE_NESTING_LIMIT), 400)["error"] == "ArgumentError"
    assert said(reply(VALUE_NESTING_LIMIT + 1), 400)["error"] == "MalformedRequest"
    expression: Any = {"$call": "random.uniform"}
    for _ in range(100):
        expression = {"$call": "math.exp", "args": [expression]}
    body = {"nodes": [1], "params": {"V_m": expression}}
    assert said(network.post("/api/SetStatus", body), 400)["error"] == "MalformedRequest"


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30, -(10**30), -(2**63) - 1])
@pytest.mark.parametrize(
    ("call", "template", "word"),
    [
        ("Create", '["iaf_psc_alpha", {}]', "'n' must be an integer"),
        ("GetStatus", "[[{}]]", "is no node id"),
        ("GetStatus", "[{}]", "is no node id"),
        ("GetStatus", '{{"source": [{}], "target": [1]}}', ""),
        ("Connect", "[[1], [{}]]", "is no node id"),
        ("SetKernelStatus", '[{{"rng_seed": {}}}]', ""),
        ("SetKernelStatus", '[{{"total_num_virtual_procs": {}}}]', ""),
        ("GetConnections", '{{"synapse_label": {}}}', "'synapse_label' must be an integer"),
    ],
)
def test_numbers_beyond_64_bit_are_400(
    network: Server, call: str, template: str, word: str, number: int
) -> None:
    body = template.format(number)
    reply = network.request("POST", f"/api/{call}", data=body, headers={"Content-Type": JSON})
    assert word in said(reply, 400)["message"]


@pytest.mark.parametrize("name", ["local_num_threads", "total_num_virtual_procs"])
def test_no_threads_at_all_are_400_although_they_end_nest(network: Server, name: str) -> None:
    reply = network.post("/api/SetKernelStatus", [{name: 0}])
    assert f"{name} must be at least 1" in said(reply, 400)["message"]
    assert network.call("GetStatus", [[1], "model"]) == ["iaf_psc_alpha"]


def test_large_number_where_a_number_is_wanted_is_a_float(network: Server) -> None:
    network.call("SetStatus", [[1, 2], {"I_e": 10**30}])
    assert network.call("GetStatus", [[1], "I_e"]) == [1e30]
    assert said(network.post("/api/Simulate", [10**30]), 400)["error"] == "BadParameter"


def test_more_neurons_than_memory_are_400(network: Server) -> None:
    assert said(network.post("/api/Create", ["iaf_psc_alpha", 2**40]), 400)["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xc1",
        b"\x93\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\x01\x02",
        b"\x91" * 100 + b"\x01",
        msgpack.packb({1: 2}),
        msgpack.packb(msgpack.ExtType(99, b"x")),
        msgpack.packb(msgpack.Timestamp(1)),
        msgpack.packb(msgpack.ExtType(2, msgpack.packb(["<f8", [2], b"1234567"]))),
        msgpack.packb(msgpack.ExtType(2, msgpack.packb(["|O", [1], b"12345678"]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb([0, "<f8", [1]]))),
        b"\xa4\xff\xff\xff\xff",
        b'["iaf_psc_alpha"]',
    ],
    ids=repr,
)
def test_malformed_messagepack_is_400(network: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/x-msgpack"}
    error = said(network.request("POST", "/api/Create", data=body, headers=headers), 400)
    assert error["error"] == "MalformedRequest"
    assert "MessagePack" in error["message"]


# Bodies that are large.


def chunks(size: int) -> Iterator[bytes]:
    """``size`` MiB of a JSON list, without saying how much is to come."""
    for _ in range(size):
        yield b"1," * (MIB // 2)


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
@pytest.mark.parametrize("path", ["/api/Create", "/release"])
@pytest.mark.parametrize("kind", [JSON, FORM, "application/x-msgpack"])
def test_body_of_100_mb_is_413_and_its_sender_can_read_that(
    network: Server, path: str, kind: str, chunked: bool
) -> None:
    body: Any = chunks(100) if chunked else b"1," * (50 * MIB)
    reply = network.request("POST", path, data=body, headers={"Content-Type": kind})
    error = said(reply, 413)
    assert error["error"] == "RequestTooLarge"
    assert "64 MiB" in error["message"]


def test_body_of_100_mb_for_another_address_or_method_gets_its_error(network: Server) -> None:
    body = b"1," * (50 * MIB)
    said(network.request("POST", "/nope", data=body), 404)
    said(network.request("PUT", "/api/Create", data=body), 405)


def test_body_limit_is_exact_and_can_be_chosen(start: Start) -> None:
    server = start({"NEST_SERVER_BODY_LIMIT_MIB": "1"})

    def split(body: bytes) -> Iterator[bytes]:
        yield body[:1000]
        yield body[1000:]

    for form in (bytes, split):
        # White space counts like everything else.
        body = b'["iaf_psc_alpha"]'.ljust(MIB)
        reply = server.request("POST", "/api/Create", data=form(body))
        assert reply.status_code == 200, reply.text
        error = said(server.request("POST", "/api/Create", data=form(body + b" ")), 413)
        assert "1 MiB" in error["message"]
    parts = {"model": (None, "iaf_psc_alpha"), "params": (None, "0" * MIB)}
    said(server.request("POST", "/api/Create", files=parts), 413)
    assert server.call("GetNodes") == [1, 2]


def test_large_body_under_the_limit_is_taken(server: Server) -> None:
    times = [0.1 * i for i in range(1, 500_001)]
    server.call("Create", {"model": "spike_generator", "params": {"spike_times": times}})
    held = server.call("GetStatus", [[1], "spike_times"])[0]
    assert len(held) == len(times)


# What is no HTTP.


def exchange(server: Server, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, then nothing more; status, headers and body of the first answer."""
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE_S) as connection:
        connection.settimeout(DEADLINE_S)
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(65_536):
            received += data
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body[: int(headers["content-length"])]


def request(server: Server, line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire, with the token."""
    lines = [line, "Host: localhost", f"NESTServerAuth: {server.token}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


GARBAGE: list[tuple[bytes, int]] = [
    (b"garbage\r\n\r\n", 400),
    (b"\r\n\r\n\r\n", 400),
    (b"\x00\x01\x02\xff\r\n\r\n", 400),
    # A TLS client's greeting; a Redis client's; HTTP/2.
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (b"*1\r\n$4\r\nPING\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"GET /\r\n\r\n", 400),
    (b"GET / HTTP/9.9\r\n\r\n", 400),
    (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"\xff" * 20_000, 414),
    (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
]


@pytest.mark.parametrize(("sent", "status"), GARBAGE, ids=lambda item: repr(item)[2:40])
def test_garbage_instead_of_http_gets_a_json_error(
    network: Server, sent: bytes, status: int
) -> None:
    answered, headers, body = exchange(network, sent)
    assert (answered, headers["content-type"]) == (status, JSON)
    assert headers["connection"] == "close"
    assert json.loads(body).keys() == {"message", "error"}
    assert len(body) < 500


CUT_OFF = [
    # (headers, body): every one may look like a complete call.
    (["Content-Type: application/json", "Content-Length: 6"], b"10"),
    (["Content-Type: application/json", "Content-Length: 100"], b"[10.0]"),
    (["Content-Type: application/x-www-form-urlencoded", "Content-Length: 6"], b"t=1"),
    (["Content-Length: 10"], b""),
    (["Transfer-Encoding: chunked"], b"2\r\n10\r\n"),
    (["Transfer-Encoding: chunked"], b"8\r\n10"),
    (["Transfer-Encoding: chunked"], b"2\r\n10\r\nzz\r\n0\r\n\r\n"),
    (["Transfer-Encoding: chunked"], b"-2\r\n10\r\n0\r\n\r\n"),
    (
        ["Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked"],
        b"3\r\nt=1\r\n",
    ),
]


@pytest.mark.parametrize(("headers", "body"), CUT_OFF, ids=repr)
def test_body_that_ends_too_soon_is_400_and_not_executed(
    network: Server, headers: list[str], body: bytes
) -> None:
    sent = request(network, "POST /api/Simulate HTTP/1.1", *headers, body=body)
    status, answered, received = exchange(network, sent)
    assert (status, answered["content-type"]) == (400, JSON)
    assert json.loads(received)["error"] == "MalformedRequest"
    assert network.call("biological_time") == 0.0


def test_chunked_body_that_is_complete_is_executed(server: Server) -> None:
    chunked = b"3\r\n[10\r\n3\r\n.0]\r\n0\r\n\r\n"
    line = "POST /api/Simulate HTTP/1.1"
    sent = request(server, line, "Transfer-Encoding: chunked", body=chunked)
    assert exchange(server, sent)[::2] == (200, b"null")
    assert server.call("biological_time") == 10.0


def test_connections_that_say_nothing_or_break_off_cost_nobody_an_answer(network: Server) -> None:
    partial = request(network, "POST /api/Create HTTP/1.1", "Content-Length: 100", body=b"[")
    for sent in (b"", b"GET", b"GET / HTTP/1.1\r\nHost:", partial) * 5:
        with socket.create_connection(("127.0.0.1", network.port), DEADLINE_S) as connection:
            connection.sendall(sent)
    assert network.get("/").status_code == 200
