"""Files over HTTP: listed, sent whole and in parts, never as pages, and removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.services import EXTENSION
from gateway.settings import MIB, JobLimits
from tests.unit.gateway.fakes import gateway_settings

DIGITS = b"0123456789"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory, with one file of ten bytes."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "spikes-3-0.dat").write_bytes(DIGITS)
    return directory


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A client with the token; the server has no kernel."""
    app = create_app(gateway_settings(tmp_path, JobLimits(10, MIB, 60.0), "secret"))
    made = app.test_client()
    made.environ_base["HTTP_NESTSERVERAUTH"] = "secret"
    yield made
    app.extensions[EXTENSION].kernel.close()


def get(client: FlaskClient, name: str = "spikes-3-0.dat", **headers: str) -> TestResponse:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.get(f"/files/{name}", headers=named, buffered=True)


def test_files_are_listed_with_what_they_take(client: FlaskClient, data: Path) -> None:
    (data / "a ä.html").write_bytes(b"<p>")
    os.utime(data / "a ä.html", (0, 1.5))
    (data / ".hidden").write_bytes(b"12")
    (data / "link").symlink_to(data / "spikes-3-0.dat")
    found = client.get("/files").json
    assert found is not None
    assert [entry["name"] for entry in found["files"]] == ["a ä.html", "spikes-3-0.dat"]
    assert found["files"][0] == {
        "name": "a ä.html",
        "size": 3,
        "modified": "1970-01-01T00:00:01.500+00:00",
        "type": "application/octet-stream",
    }
    assert found["files"][1]["type"] == "text/plain"
    assert (found["total"], found["quota"]) == (15, MIB)
    assert client.get("/", headers={"Accept": "application/json"}).json["files"] == {
        "total": 15,
        "quota": MIB,
    }


def test_file_is_sent_with_headers_that_make_no_page_of_it(client: FlaskClient, data: Path) -> None:
    for name, kind in (
        ("spikes-3-0.dat", "text/plain; charset=utf-8"),
        ("x.html", "application/octet-stream"),
        ("x.svg", "application/octet-stream"),
        ("x.js", "application/octet-stream"),
        ("none", "application/octet-stream"),
        ("y.CSV", "text/csv; charset=utf-8"),
        ('q".dat', "text/plain; charset=utf-8"),
        ("ä;.dat", "text/plain; charset=utf-8"),
    ):
        (data / name).write_bytes(DIGITS)
        reply = get(client, name)
        assert (reply.status_code, reply.data) == (200, DIGITS)
        headers = reply.headers
        assert headers["Content-Type"] == kind
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"].split("; ")
        assert {"sandbox", "default-src 'none'"} <= set(policy)
        assert headers["Content-Disposition"].startswith("attachment; ")
        assert headers["Content-Disposition"].isascii()
        assert (headers["Content-Length"], headers["Accept-Ranges"]) == ("10", "bytes")
        assert {"private", "no-cache"} <= set(headers["Cache-Control"].split(", "))
    assert "filename*=UTF-8''%C3%A4%3B.dat" in get(client, "ä;.dat").headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("wanted", "status", "body", "part"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
        ("bytes=5-99999999999999999999", 206, b"56789", "bytes 5-9/10"),
        ("bytes=-10", 206, DIGITS, "bytes 0-9/10"),
        ("bytes=-0", 200, DIGITS, None),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=99999999999999999999-", 416, None, "bytes */10"),
        ("bytes=-99", 200, DIGITS, None),
        # HTTP allows to ignore these.
        ("bytes=0-1,4-5", 200, DIGITS, None),
        ("bytes=" + ",".join(["0-"] * 1000), 200, DIGITS, None),
        ("bytes=5-2", 200, DIGITS, None),
        ("bytes=x-", 200, DIGITS, None),
        ("bytes=", 200, DIGITS, None),
        ("lines=0-1", 200, DIGITS, None),
    ],
)
def test_parts_are_sent(
    client: FlaskClient, data: Path, wanted: str, status: int, body: bytes | None, part: str | None
) -> None:
    reply = get(client, Range=wanted)
    assert (reply.status_code, reply.headers.get("Content-Range")) == (status, part)
    if body is None:
        assert reply.json is not None
        assert "Content-Range says how many bytes" in reply.json["message"]
    else:
        assert (reply.data, reply.headers["Content-Length"]) == (body, str(len(body)))


def test_part_of_an_empty_file_is_all_of_it(client: FlaskClient, data: Path) -> None:
    (data / "empty.dat").touch()
    reply = get(client, "empty.dat", Range="bytes=0-")
    assert (reply.status_code, reply.data) == (200, b"")


def test_conditions_compare_what_the_file_is_now(client: FlaskClient, data: Path) -> None:
    reply = get(client)
    tag, changed = reply.headers["ETag"], reply.headers["Last-Modified"]
    assert not tag.startswith("W/")
    for headers, status in (
        ({"If_None_Match": tag}, 304),
        ({"If_None_Match": f'"x", {tag}'}, 304),
        ({"If_None_Match": '"x"'}, 200),
        ({"If_Modified_Since": changed}, 304),
        ({"Range": "bytes=1-2", "If_Range": tag}, 206),
        ({"Range": "bytes=1-2", "If_Range": '"x"'}, 200),
        ({"Range": "bytes=99-", "If_Range": '"x"'}, 200),
        ({"Range": "bytes=1-2", "If_None_Match": tag}, 304),
        ({"If_Match": '"x"'}, 412),
    ):
        found = get(client, **headers)
        assert found.status_code == status, headers
        assert found.data == {200: DIGITS, 206: b"12"}.get(status, found.data)
    with (data / "spikes-3-0.dat").open("ab") as file:
        file.write(b"more")
    grown = get(client, Range="bytes=10-", If_Range=tag)
    assert (grown.status_code, grown.data) == (200, DIGITS + b"more")
    assert grown.headers["ETag"] != tag


def test_head_is_get_without_a_body(client: FlaskClient, data: Path) -> None:
    reply = client.head("/files/spikes-3-0.dat", headers={"Range": "bytes=1-2"}, buffered=True)
    assert (reply.status_code, reply.data, reply.headers["Content-Length"]) == (200, b"", "10")
    assert reply.headers["ETag"] == get(client).headers["ETag"]


def test_file_that_grows_while_it_is_sent_is_sent_as_far_as_it_was(
    client: FlaskClient, data: Path
) -> None:
    reply = client.get("/files/spikes-3-0.dat", buffered=False)
    with (data / "spikes-3-0.dat").open("ab") as file:
        file.write(b"more")
    assert reply.data == DIGITS
    reply.close()


def test_no_descriptor_is_left(client: FlaskClient, data: Path) -> None:
    tag = get(client).headers["ETag"]
    before = len(list(Path("/proc/self/fd").iterdir()))
    for headers in ({}, {"Range": "bytes=1-2"}, {"Range": "bytes=99-"}, {"If_None_Match": tag}):
        for _ in range(3):
            get(client, **headers)
    client.head("/files/spikes-3-0.dat", buffered=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("missing.dat", {404}),
        ("link", {404}),
        ("pipe", {404}),
        ("below", {404}),
        (".hidden", {400}),
        ("..", {400, 404}),
        ("../token", {400, 404}),
        ("..%2ftoken", {400}),
        ("..%5ctoken", {400}),
        ("below/x", {400}),
        ("a%00b", {400}),
        ("a%0ab", {400, 404}),
        ("%ff", {400, 404}),
        ("/etc/passwd", {308, 400, 404}),
        ("%2fetc%2fpasswd", {308, 400, 404}),
        ("x" * 256, {400}),
    ],
)
def test_what_is_no_file_is_not_sent_or_removed(
    client: FlaskClient, data: Path, method: str, name: str, statuses: set[int]
) -> None:
    (data.parent / "token").write_text("secret")
    (data / ".hidden").write_text("secret")
    (data / "link").symlink_to(data.parent / "token")
    (data / "below").mkdir()
    (data / "below" / "x").write_text("secret")
    os.mkfifo(data / "pipe")
    reply = client.open(f"/files/{name}", method=method, buffered=True)
    assert reply.status_code in statuses
    assert b"secret" not in reply.data
    if reply.status_code != 308 and method != "HEAD":
        assert reply.json is not None
        assert reply.json["message"].isprintable()
    assert len(list(data.iterdir())) == 5
    assert (data.parent / "token").exists()


def test_files_are_removed(client: FlaskClient, data: Path) -> None:
    for name in ("a", "b", "c"):
        (data / name).touch()
    assert client.delete("/files/a").json == {"removed": ["a"]}
    assert client.delete("/files/a").status_code == 404
    assert client.delete("/files").json == {"removed": ["b", "c", "spikes-3-0.dat"]}
    assert list(data.iterdir()) == []


def test_directory_that_is_not_here_is_said(client: FlaskClient, tmp_path: Path) -> None:
    requests: list[tuple[str, str]] = [("GET", "/files"), ("DELETE", "/files"), ("GET", "/files/a")]
    for method, address in requests:
        reply: Any = client.open(address, method=method)
        assert (reply.status_code, reply.json["error"]) == (503, "Unavailable")
        assert "another host" in reply.json["message"]
    assert client.get("/").json["files"] is None


def test_nothing_is_shown_or_removed_without_the_token(client: FlaskClient, data: Path) -> None:
    for method, address in (
        ("GET", "/files"),
        ("GET", "/files/spikes-3-0.dat"),
        ("GET", "/files/missing"),
        ("DELETE", "/files"),
        ("DELETE", "/files/spikes-3-0.dat"),
    ):
        reply = client.open(address, method=method, headers={"NESTServerAuth": "wrong"})
        assert (reply.status_code, reply.data) == (403, b"Unauthorized")
    assert (data / "spikes-3-0.dat").exists()
