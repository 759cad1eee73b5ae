"""Which web pages may call: origins are compared whole."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

from gateway.http.cors import OriginPolicy, parse_origin
from gateway.settings import DEFAULT_ORIGINS
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("cors.txt"))


DEFAULT = OriginPolicy(tuple(DEFAULT_ORIGINS.split(",")), "127.0.0.1")
CHOSEN = OriginPolicy(("https://desktop.example", "http://lab.example:8000/", "nonsense"), "lab")
ANYONE = OriginPolicy(("*",), "127.0.0.1")


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:54286",
        "http://LOCALHOST:54286",
        "HTTP://localhost:1",
        "http://127.0.0.1:8000",
    ],
)
def test_pages_of_this_machine_may_call_on_any_port(origin: str) -> None:
    assert DEFAULT.allows(origin)


@pytest.mark.parametrize("origin", ROWS["every other page may not"])
def test_every_other_page_may_not(origin: str) -> None:
    assert not DEFAULT.allows(origin)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://desktop.example", True),
        ("https://desktop.example:443", True),
        ("https://DESKTOP.example", True),
        ("https://desktop.example:8443", False),
        ("http://desktop.example", False),
        ("https://sub.desktop.example", False),
        ("https://desktop.example.evil.example", False),
        ("http://lab.example:8000", True),
        ("http://lab.example", False),
        ("http://localhost:8000", False),
        ("nonsense", False),
    ],
)
def test_chosen_origins_match_by_scheme_host_and_port(origin: str, allowed: bool) -> None:
    assert CHOSEN.allows(origin) is allowed


def test_star_allows_every_page() -> None:
    for origin in ("http://evil.example", "null"):
        assert ANYONE.allows(origin)


def test_origin_with_address_of_version_6_is_an_origin() -> None:
    policy = OriginPolicy(("http://[::1]:*",), "::1")
    assert parse_origin("http://[::1]:8000") == ("http", "::1", 8000)
    assert policy.allows("http://[::1]:8000")
    assert not policy.allows("http://[::2]:8000")


def test_allowed_origin_is_echoed_and_another_is_not() -> None:
    for policy, origin in ((DEFAULT, "http://localhost:54286"), (ANYONE, "http://evil.example")):
        reply = Headers()
        policy.add_headers(Headers({"Origin": origin}), reply)
        assert reply["Access-Control-Allow-Origin"] == origin
        assert "NEST-Kernel-Generation" in reply["Access-Control-Expose-Headers"]
        assert reply["Vary"] == "Origin"
    for request in ({"Origin": "http://localhost.evil.example"}, {}):
        reply = Headers()
        DEFAULT.add_headers(Headers(request), reply)
        # A cache must not give the reply without leave to a page that has it.
        assert reply.to_wsgi_list() == [("Vary", "Origin")]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost:54286", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:54286", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:52425"},
    ],
)
def test_without_authentication_own_and_allowed_pages_may_call(headers: dict[str, str]) -> None:
    assert DEFAULT.refuses(Headers({"Host": "127.0.0.1:52425"} | headers)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_without_authentication_foreign_pages_are_refused(headers: dict[str, str]) -> None:
    reason = DEFAULT.refuses(Headers({"Host": "127.0.0.1:52425"} | headers))
    assert reason is not None
    assert "may not call" in reason


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:52425", "localhost.evil.example", "127.0.0.1.evil.example", ""],
)
def test_without_authentication_a_foreign_name_for_this_machine_is_refused(host: str) -> None:
    """DNS rebinding: to the browser, page and server then are of one origin."""
    headers = Headers({"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
    assert "is not known as" in str(DEFAULT.refuses(headers))


@pytest.mark.parametrize(
    "host",
    [
        "localhost:52425",
        "LOCALHOST",
        "127.0.0.1:5000",
        "[::1]:52425",
        "192.0.2.7:52425",
        "[2001:db8::1]",
    ],
)
def test_names_and_addresses_of_this_machine_are_its_own(host: str) -> None:
    assert DEFAULT.refuses(Headers({"Host": host})) is None


def test_host_name_counts_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "LabMachine")
    policy = OriginPolicy((), "Other-Name")
    for host in ("labmachine:52425", "LabMachine", "other-name:1"):
        assert policy.refuses(Headers({"Host": host})) is None
    assert policy.refuses(Headers({"Host": "labmachine.evil.example"})) is not None


def test_hosts_of_allowed_origins_are_names_of_this_server() -> None:
    assert CHOSEN.refuses(Headers({"Host": "lab.example:52425"})) is None
    assert CHOSEN.refuses(Headers({"Host": "nonsense:52425"})) is not None


def test_page_that_the_server_itself_delivers_may_call() -> None:
    policy = OriginPolicy((), "127.0.0.1")
    request = {"Host": "localhost:52425", "Origin": "http://localhost:52425"}
    assert policy.refuses(Headers(request)) is None
    assert policy.refuses(Headers(request | {"Origin": "http://localhost:1"})) is not None
