"""What web pages may do: CORS, preflights, and foreign pages with authentication off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from tests.integration.servers import DEADLINE_S, Runtime, Server, start_server

Start = Callable[..., Server]

DESKTOP = "http://localhost:54286"

ALLOWED = [
    DESKTOP,
    "http://localhost",
    "http://localhost:8000",
    "http://127.0.0.1:54286",
    "http://127.0.0.1",
]
FOREIGN = [
    "http://localhost.evil.example",
    "http://localhost.evil.example:54286",
    "http://localhost:54286.evil.example",
    "http://127.0.0.1.evil.example",
    "http://evil.example",
    "https://localhost:54286",
    "http://localhost@evil.example",
    "null",
    "file://",
]


def send(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str
) -> requests.Response:
    """A request as a browser sends it: ``Sec_Fetch_Site`` for ``Sec-Fetch-Site``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, server.url + path, data=body, headers=named, timeout=DEADLINE_S)


def cors_headers(reply: requests.Response) -> dict[str, str]:
    return {k: v for k, v in reply.headers.items() if k.lower().startswith("access-control")}


#: Method, path, body, with token, expected status: errors have to be readable by pages, too.
ANSWERS = [
    ("GET", "/", None, True, 200),
    ("POST", "/api/GetNodes", None, True, 200),
    ("GET", "/", None, False, 403),
    ("POST", "/api/Create", b'["nope"]', True, 400),
    ("POST", "/api/Create", b"{", True, 400),
    ("GET", "/api/NoSuchCall", None, True, 404),
    ("GET", "/nope", None, True, 404),
    ("PUT", "/api/Create", None, True, 405),
    ("POST", "/api/Create", b" " * ((64 << 20) + 1), True, 413),
]


@pytest.mark.parametrize(("method", "path", "body", "with_token", "status"), ANSWERS)
def test_allowed_origin_is_echoed_on_every_answer(
    server: Server, method: str, path: str, body: bytes | None, with_token: bool, status: int
) -> None:
    token = {"NESTServerAuth": server.token or ""} if with_token else {}
    reply = send(server, method, path, body, Origin=DESKTOP, **token)
    assert reply.status_code == status
    assert reply.headers["Access-Control-Allow-Origin"] == DESKTOP
    assert "Origin" in reply.headers["Vary"]
    assert "NEST-Kernel-Generation" in reply.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin", ALLOWED)
def test_pages_of_this_machine_are_allowed_on_any_port(server: Server, origin: str) -> None:
    reply = send(server, "GET", "/", Origin=origin, NESTServerAuth=server.token or "")
    assert reply.headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_other_pages_get_no_leave_to_read(server: Server, origin: str, method: str) -> None:
    headers = {
        "Origin": origin,
        "NESTServerAuth": server.token or "",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "nestserverauth",
    }
    reply = send(server, method, "/api/GetNodes", **headers)
    assert reply.status_code == 200
    assert cors_headers(reply) == {}
    assert "Origin" in reply.headers["Vary"]


def test_without_an_origin_there_are_no_cors_headers(server: Server) -> None:
    assert cors_headers(server.get("/")) == {}
    assert "Origin" in server.get("/").headers["Vary"]


@pytest.mark.parametrize("path", ["/", "/api", "/api/Create", "/release"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "wanted",
    [
        # NEST Desktop.
        "content-type,nestserverauth",
        # The documented JavaScript.
        "access-control-allow-headers,access-control-allow-methods,access-control-allow-origin,"
        "content-type",
        "authorization",
        "x-anything-at-all",
        None,
    ],
)
def test_preflight_allows_get_post_and_whatever_headers_were_asked_for(
    server: Server, path: str, method: str, wanted: str | None
) -> None:
    asked = {"Access-Control-Request-Headers": wanted} if wanted else {}
    reply = send(
        server, "OPTIONS", path, Origin=DESKTOP, Access_Control_Request_Method=method, **asked
    )
    assert reply.status_code == 200
    assert reply.headers["Access-Control-Allow-Origin"] == DESKTOP
    methods = reply.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"GET", "POST"} <= set(methods)
    assert reply.headers.get("Access-Control-Allow-Headers") == wanted


def test_preflight_lets_public_pages_that_are_allowed_reach_this_network(server: Server) -> None:
    asked = {"Access-Control-Request-Private-Network": "true"}
    reply = send(server, "OPTIONS", "/api/Create", Origin=DESKTOP, **asked)
    assert reply.headers["Access-Control-Allow-Private-Network"] == "true"
    reply = send(server, "OPTIONS", "/api/Create", Origin=FOREIGN[0], **asked)
    assert cors_headers(reply) == {}


def test_chosen_origins_replace_the_default_and_match_exactly(start: Start) -> None:
    server = start({"NEST_SERVER_CORS_ORIGINS": "https://desktop.example, http://lab.example:*"})
    token = {"NESTServerAuth": server.token or ""}
    for origin, allowed in {
        "https://desktop.example": True,
        "http://lab.example": True,
        "http://lab.example:8000": True,
        "https://desktop.example:8443": False,
        "http://desktop.example": False,
        "https://desktop.example.evil.example": False,
        "https://lab.example": False,
        "http://lab.example.evil.example:80": False,
        DESKTOP: False,
    }.items():
        reply = send(server, "GET", "/", Origin=origin, **token)
        expected = origin if allowed else None
        assert reply.headers.get("Access-Control-Allow-Origin") == expected, origin


# Authentication off.


@pytest.fixture(scope="module")
def open_server() -> Iterator[Server]:
    """A server that asks for no token."""
    runtime = Runtime()
    server = start_server(runtime, {"NEST_SERVER_DISABLE_AUTH": "1"})
    try:
        yield server
    finally:
        server.stop()
        left = runtime.leftovers()
        runtime.remove()
    assert left == []


def network_size(server: Server) -> int:
    size: int = server.call("GetKernelStatus", "network_size")
    return size


#: What a browser adds to requests of pages: those of foreign ones are refused.
REFUSED = [
    # A form or fetch of a foreign page.
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "null"},
    {"Origin": "http://evil.example", "Sec_Fetch_Site": "cross-site"},
    # An image or a link on a foreign page: no Origin.
    {"Sec_Fetch_Site": "cross-site"},
    # A foreign name that resolves to this machine.
    {"Host": "evil.example"},
    {"Host": "evil.example:52425", "Origin": "http://evil.example:52425"},
    {"Host": "localhost.evil.example"},
]
ACCEPTED: list[dict[str, str]] = [
    # No browser.
    {},
    {"Host": "localhost"},
    {"Host": "[::1]:52425"},
    {"Origin": DESKTOP},
    {"Origin": DESKTOP, "Sec_Fetch_Site": "cross-site"},
    {"Origin": "http://127.0.0.1:8000", "Sec_Fetch_Site": "same-site"},
    # The user has typed the address.
    {"Sec_Fetch_Site": "none"},
    {"Sec_Fetch_Site": "same-origin"},
]


@pytest.mark.parametrize("headers", REFUSED, ids=str)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/Create?model=iaf_psc_alpha", None),
        ("POST", "/api/Create", b"model=iaf_psc_alpha"),
        ("POST", "/api/Create", b'["iaf_psc_alpha"]'),
        ("GET", "/api/ResetKernel", None),
        ("POST", "/release", b"[]"),
    ],
)
def test_calls_of_foreign_pages_are_refused_even_with_authentication_off(
    open_server: Server, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> None:
    open_server.call("ResetKernel")
    open_server.call("Create", ["iaf_psc_alpha"])
    kind = "application/x-www-form-urlencoded" if body and body[:1] == b"m" else "text/plain"
    reply = send(open_server, method, path, body, Content_Type=kind, **headers)
    assert (reply.status_code, reply.headers["Content-Type"]) == (403, "application/json")
    assert reply.json()["error"] == "Refused"
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert network_size(open_server) == 1


@pytest.mark.parametrize("headers", ACCEPTED, ids=str)
def test_calls_of_own_pages_and_programs_are_executed_with_authentication_off(
    open_server: Server, headers: dict[str, str]
) -> None:
    open_server.call("ResetKernel")
    reply = send(open_server, "POST", "/api/Create", b'["iaf_psc_alpha"]', **headers)
    assert (reply.status_code, reply.json()) == (200, [1])


@pytest.mark.parametrize("headers", REFUSED, ids=str)
def test_with_the_token_it_does_not_matter_who_asks(
    server: Server, headers: dict[str, str]
) -> None:
    token = server.token or ""
    reply = send(server, "GET", "/api/GetNodes", NESTServerAuth=token, **headers)
    assert (reply.status_code, reply.json()) == (200, [])
