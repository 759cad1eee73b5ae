"""Who may call: the token, and servers that ask for none."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.integration.servers import DEADLINE_S, Server, marked_processes

Start = Callable[..., Server]

PATHS = [
    ("GET", "/"),
    ("GET", "/api"),
    ("GET", "/api/resolution"),
    ("GET", "/api/ResetKernel"),
    ("POST", "/api/ResetKernel"),
    ("POST", "/release"),
    ("GET", "/readyz"),
    ("GET", "/nope"),
    ("GET", "/api/NoSuchCall"),
    ("PUT", "/api/Create"),
    ("HEAD", "/"),
]


def send(
    server: Server, method: str, path: str, headers: dict[str, str] | None = None
) -> requests.Response:
    """A request with these headers and no others, so without the token."""
    return requests.request(method, server.url + path, headers=headers, timeout=DEADLINE_S)


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_address_asks_for_the_token(server: Server, method: str, path: str) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    reply = send(server, method, path)
    assert reply.status_code == 403
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert reply.text == ("" if method == "HEAD" else "Unauthorized")
    assert server.call("GetNodes") == [1]


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("NESTServerAuth", "{}"),
        ("nestserverauth", "{}"),
        ("Authorization", "Bearer {}"),
        ("authorization", "bearer {}"),
    ],
)
def test_token_counts_in_either_header(server: Server, header: str, form: str) -> None:
    assert server.token
    reply = send(server, "GET", "/api/resolution", {header: form.format(server.token)})
    assert (reply.status_code, reply.json()) == (200, 0.1)


def test_one_right_token_is_enough(server: Server) -> None:
    assert server.token
    headers = {"NESTServerAuth": "wrong", "Authorization": f"Bearer {server.token}"}
    assert send(server, "GET", "/", headers).status_code == 200


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("NESTServerAuth", ""),
        ("NESTServerAuth", "wrong"),
        ("NESTServerAuth", "{}x"),
        ("NESTServerAuth", "{}{}"),
        ("NESTServerAuth", "Bearer {}"),
        ("NESTServerAuth", "None"),
        ("NESTServerAuth", "False"),
        ("NESTServerAuth", "\xff\xfe"),
        ("Authorization", "{}"),
        ("Authorization", "Basic {}"),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer "),
        ("Authorization", "Bearer wrong"),
        ("Cookie", "NESTServerAuth={}"),
        ("X-NESTServerAuth", "{}"),
    ],
)
def test_wrong_tokens_are_403(server: Server, header: str, form: str) -> None:
    assert server.token
    reply = send(server, "GET", "/", {header: form.replace("{}", server.token)})
    assert (reply.status_code, reply.text) == (403, "Unauthorized")


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None), slice(0, 1)])
def test_part_of_the_token_is_no_token(server: Server, cut: slice) -> None:
    assert server.token
    assert send(server, "GET", "/", {"NESTServerAuth": server.token[cut]}).status_code == 403


def test_token_in_the_address_is_no_token(server: Server) -> None:
    for name in ("NESTServerAuth", "token", "access_token"):
        assert send(server, "GET", f"/?{name}={server.token}").status_code == 403


@pytest.mark.parametrize("path", ["/", "/api", "/api/ResetKernel", "/exec", "/release"])
def test_options_never_asks_for_a_token_and_executes_nothing(server: Server, path: str) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    reply = send(server, "OPTIONS", path)
    assert reply.status_code != 403
    assert server.call("GetNodes") == [1]


def test_body_without_a_token_is_not_read_as_arguments(server: Server) -> None:
    reply = requests.post(server.url + "/api/Create", data=b"{", timeout=DEADLINE_S)
    assert (reply.status_code, reply.text) == (403, "Unauthorized")


def test_large_body_without_a_token_gets_its_answer(server: Server) -> None:
    # More than any buffer on the way holds: the answer has to wait until it was sent.
    reply = requests.post(server.url + "/api/Create", data=b"1" * (20 << 20), timeout=DEADLINE_S)
    assert (reply.status_code, reply.text) == (403, "Unauthorized")


def test_token_is_random_private_and_nowhere_but_in_its_file(server: Server) -> None:
    assert server.token
    # 128 bit are the least that can't be guessed.
    assert len(bytes.fromhex(server.token)) >= 16
    directory = server.runtime.directory
    path = directory / f"server-{server.port}" / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    send(server, "GET", "/", {"NESTServerAuth": server.token})
    send(server, "GET", f"/api/Create?model={server.token}", {"NESTServerAuth": server.token})
    others = [found for found in directory.rglob("*") if found.is_file() and found != path]
    assert others
    for other in others:
        assert server.token.encode() not in other.read_bytes(), other


def test_kernel_process_does_not_have_the_token(server: Server) -> None:
    assert server.token
    pid = server.connection_info()["pid"]
    assert pid in marked_processes(server.runtime.mark)
    for name in ("environ", "cmdline"):
        assert server.token.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_own_token_is_taken_and_with_authentication_off_none_is_asked_for(start: Start) -> None:
    own = "my own: token"
    server = start({"NEST_SERVER_ACCESS_TOKEN": own, "NEST_SERVER_DISABLE_AUTH": "0"})
    assert send(server, "GET", "/", {"NESTServerAuth": own}).status_code == 200
    assert send(server, "GET", "/", {"Authorization": f"Bearer {own}"}).status_code == 200
    assert send(server, "GET", "/", {"NESTServerAuth": own[:-1]}).status_code == 403
    assert send(server, "GET", "/").status_code == 403
    pid = server.connection_info()["pid"]
    for name in ("environ", "cmdline"):
        assert own.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    server.stop()

    server = start({"NEST_SERVER_DISABLE_AUTH": "TRUE"})
    assert server.token is None
    assert send(server, "GET", "/").status_code == 200
    assert send(server, "POST", "/api/ResetKernel").json() is None
    # Clients that send a token anyway are welcome.
    assert send(server, "GET", "/", {"NESTServerAuth": "any"}).status_code == 200
