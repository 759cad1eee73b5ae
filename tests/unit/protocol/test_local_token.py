"""A client finds the token of its user's own server on this machine, and of no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol.security.local_token import find_token


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory with a server on ports 6000 and 6001, and rubbish beside it."""
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(tmp_path))
    server = tmp_path / "server-6000"
    server.mkdir()
    (server / "state.json").write_text(json.dumps({"ports": [6000, 6001]}))
    (server / "token").write_text("secret\n")
    for name, content in (("1", ""), ("2", "[]"), ("3", '{"ports": null}'), ("4", "{}")):
        (tmp_path / f"server-{name}").mkdir()
        (tmp_path / f"server-{name}" / "state.json").write_text(content)
    return tmp_path


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_own_server_is_found_by_any_of_its_ports(servers: Path, host: str) -> None:
    assert find_token(host, 6000) == "secret"
    assert find_token(host, 6001) == "secret"


def test_token_is_never_sent_to_another_host_or_port(servers: Path) -> None:
    assert find_token("localhost", 6002) is None
    for host in ("lab.example", "192.0.2.1", "localhost.evil.example", ""):
        assert find_token(host, 6000) is None


def test_server_without_token_has_none(servers: Path) -> None:
    (servers / "server-6000" / "token").unlink()
    assert find_token("localhost", 6000) is None


def test_unusable_runtime_directory_means_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(tmp_path / "file"))
    assert find_token("localhost", 6000) is None
