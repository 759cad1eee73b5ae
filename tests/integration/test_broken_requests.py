"""Requests that are too large, broken off, or no HTTP: an error, and a server that goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from protocol.wire.pack import Packer
from tests.integration.servers import DEADLINE_S, Server, Start

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


MSGPACK_TYPE = "Content-Type: application/x-msgpack"
#: Model, count and parameters; large enough to be read from the connection itself.
LARGE = Packer().pack(["spike_generator", 1, {"spike_times": np.arange(1.0, 500_001.0)}])


@pytest.mark.parametrize("come", [0, 1, 1000, 200_000, len(LARGE) - 1])
def test_large_body_that_ends_too_soon_is_400_and_not_executed(server: Server, come: int) -> None:
    headers = (MSGPACK_TYPE, f"Content-Length: {len(LARGE)}")
    sent = request(server, "POST /api/Create HTTP/1.1", *headers, body=LARGE[:come])
    status, answered, received = exchange(server, sent)
    assert (status, answered["content-type"]) == (400, JSON)
    assert json.loads(received)["error"] == "MalformedRequest"
    assert server.call("network_size") == 0


@pytest.mark.parametrize("first", [0, 1, 1000, 200_000, len(LARGE)])
def test_large_bodies_come_whole_however_they_are_cut_on_their_way(
    server: Server, first: int
) -> None:
    headers = (MSGPACK_TYPE, f"Content-Length: {len(LARGE)}", "Connection: keep-alive")
    create = request(server, "POST /api/Create HTTP/1.1", *headers)
    # What follows at once, behind the last byte of a body, is the next request.
    then = request(server, "GET /api/network_size HTTP/1.1", "Connection: close")
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE_S) as connection:
        connection.settimeout(DEADLINE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(create + LARGE[:first])
        connection.sendall(LARGE[first:] + create + LARGE + then)
        received = b""
        while data := connection.recv(65_536):
            received += data
    answers = received.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"200"]
    assert answers[2].endswith(b"\r\n\r\n2")
    held = server.call("GetStatus", [[1, 2], "spike_times"])
    assert [(len(one), one[0], one[-1]) for one in held] == [(500_000, 1.0, 500_000.0)] * 2


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
