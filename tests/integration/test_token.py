"""The token as a secret: what of it counts, and where it is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import requests

from tests.integration.servers import DEADLINE_S, Server, marked_processes


def send(
    server: Server, method: str, path: str, headers: dict[str, str] | None = None
) -> requests.Response:
    """A request with these headers and no others, so without the token."""
    return requests.request(method, server.url + path, headers=headers, timeout=DEADLINE_S)


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None), slice(0, 1)])
def test_part_of_the_token_is_no_token(server: Server, cut: slice) -> None:
    assert server.token
    assert send(server, "GET", "/", {"NESTServerAuth": server.token[cut]}).status_code == 403


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
