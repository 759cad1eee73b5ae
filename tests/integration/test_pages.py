"""What browsers get: the page at ``/`` and its files, for anyone; JSON stays as it was."""

from __future__ import annotations

import http.client
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from tests.integration.servers import DEADLINE_S, Server

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "gateway" / "static"
#: All files below it.
FILES = sorted(str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file())

#: What Chromium, Firefox and Safari send for an address that was typed in.
BROWSERS = [
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html, */*;q=0.5",
    "application/json;q=0.4, text/html;q=0.6",
]
PROGRAMS = [
    None,
    "*/*",
    "application/json",
    "application/json, text/plain, */*",
    "text/plain",
    "text/plain, */*; q=0.01",
    "text/*",
    "application/json, text/html",
    "text/html;q=0.5, */*;q=0.8",
    "text/html;q=0",
    "application/x-msgpack",
    "nonsense",
]


def send(server: Server, method: str, path: str, **headers: str | None) -> requests.Response:
    """A request with these headers; ``None`` leaves one out that is sent else."""
    return requests.request(method, server.url + path, headers=headers, timeout=DEADLINE_S)


@pytest.mark.parametrize("accept", BROWSERS)
def test_browsers_get_the_page_without_a_token_and_without_a_word_of_the_kernel(
    server: Server, accept: str
) -> None:
    reply = send(server, "GET", "/", Accept=accept)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert reply.text == (STATIC / "index.html").read_text(encoding="utf-8")
    assert "NEST-Kernel-Generation" not in reply.headers
    info = server.get("/").json()
    for secret in (server.token, info["nest"], info["generation"], info["started"]):
        assert secret not in reply.text
        assert secret not in str(reply.headers)


@pytest.mark.parametrize("accept", PROGRAMS)
def test_programs_get_json_with_the_token_and_the_plain_403_without(
    server: Server, accept: str | None
) -> None:
    reply = send(server, "GET", "/", Accept=accept, NESTServerAuth=server.token)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    assert {"nest", "mpi"} <= reply.json().keys()
    reply = send(server, "GET", "/", Accept=accept)
    assert (reply.status_code, reply.text) == (403, "Unauthorized")
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_only_get_of_the_root_is_a_page(server: Server) -> None:
    accept = BROWSERS[0]
    assert send(server, "HEAD", "/", Accept=accept).status_code == 403
    reply = send(server, "HEAD", "/", Accept=accept, NESTServerAuth=server.token)
    assert reply.headers["Content-Type"] == "application/json"
    assert send(server, "OPTIONS", "/", Accept=accept).text == ""
    for method, path in (("POST", "/"), ("GET", "/api"), ("GET", "/desktop/"), ("GET", "/x")):
        reply = send(server, method, path, Accept=accept)
        assert (reply.status_code, reply.text) == (403, "Unauthorized"), path


@pytest.mark.parametrize("accept", [BROWSERS[0], "*/*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_caches_are_told_that_the_answer_depends_on_accept(
    server: Server, method: str, accept: str
) -> None:
    for token in (None, server.token):
        reply = send(server, method, "/", Accept=accept, NESTServerAuth=token)
        assert set(reply.headers["Vary"].split(", ")) == {"Accept", "Origin"}
    assert send(server, "GET", "/api", NESTServerAuth=server.token).headers["Vary"] == "Origin"


def test_page_with_authentication_off_is_for_anyone_but_its_state_is_not(
    open_server: Server,
) -> None:
    server = open_server
    # Who follows a link on a page elsewhere is shown the page; the page elsewhere reads nothing.
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert send(server, "GET", "/", Accept=BROWSERS[0], **foreign).status_code == 200
    assert send(server, "GET", "/", Accept="*/*", **foreign).status_code == 403
    assert send(server, "GET", "/", Accept="*/*").json()["state"] == "idle"


@pytest.mark.parametrize("path", FILES)
def test_files_of_the_page_are_for_anyone_and_say_their_type(server: Server, path: str) -> None:
    reply = send(server, "GET", f"/static/{path}")
    assert reply.status_code == 200
    assert reply.content == (STATIC / path).read_bytes()
    kinds = {
        ".html": "text/html",
        ".css": "text/css",
        ".js": "text/javascript",
        ".svg": "image/svg",
        # Licences of others, as they wrote them.
        "": "application/octet-stream",
    }
    assert reply.headers["Content-Type"].startswith(kinds[Path(path).suffix])
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    # Kept, but asked for again: a newer server has newer files.
    assert reply.headers["Cache-Control"] == "no-cache"
    unchanged = {"If-None-Match": reply.headers["ETag"]}
    assert send(server, "GET", f"/static/{path}", **unchanged).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/nope.js",
        "/static/",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
    ],
)
def test_nothing_but_these_files_is_served(server: Server, path: str) -> None:
    # Without a library that would tidy the path.
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        assert reply.status in (403, 404)
        assert b"import" not in reply.read()
    finally:
        connection.close()


def test_policy_lets_the_page_run_and_reach_nothing_but_its_own(server: Server) -> None:
    header = send(server, "GET", "/", Accept="text/html").headers["Content-Security-Policy"]
    policy = {name: rest for name, *rest in (part.split() for part in header.split(";"))}
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert "unsafe" not in header


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.html")), ids=lambda path: path.name)
def test_pages_have_nothing_inline_and_nothing_from_elsewhere(path: Path) -> None:
    tags = _Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    for tag, attributes in tags.found:
        assert tag != "style"
        assert tag != "script" or attributes.get("src")
        for name, value in attributes.items():
            assert name != "style"
            assert not name.startswith("on")
            # Relative, so that a proxy may put a path in front.
            assert name not in ("src", "href") or not re.match(r"/|\w+:", value or "")
