"""Keys of gateways: made once, private, and those that are let in."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zmq

from nestd.network.zap_authenticator import ZapAuthenticator
from protocol.errors import ConfigurationError
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.rejected_connections import NO_CURVE, UNKNOWN_KEY, RejectedConnections
from protocol.security.curve_keys import authorized_keys, gateway_keys, is_key, new_keys


def test_keys_are_made_once_whoever_needs_them_first(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as many:
        found = set(many.map(lambda _: gateway_keys(RuntimeDirectory(tmp_path)), range(16)))
    assert len(found) == 1
    (keys,) = found
    assert zmq.curve_public(keys.secret.encode()).decode() == keys.public
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["gateway.json"]
    assert stat.S_IMODE((tmp_path / "keys" / "gateway.json").stat().st_mode) == 0o600


def test_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    gateway_keys(RuntimeDirectory(tmp_path))
    (tmp_path / "keys" / "gateway.json").chmod(0o640)
    with pytest.raises(ConfigurationError, match="others can read"):
        gateway_keys(RuntimeDirectory(tmp_path))


def test_directory_of_keys_that_others_can_look_into_is_refused_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(ConfigurationError, match=f"run chmod 700 {tmp_path / 'keys'}"):
        gateway_keys(RuntimeDirectory(tmp_path))
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o755


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"public": 1, "secret": 2}', "\x00"])
def test_file_without_keys_is_named(tmp_path: Path, content: str) -> None:
    gateway_keys(RuntimeDirectory(tmp_path))
    path = tmp_path / "keys" / "gateway.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"gateway\.json"):
        gateway_keys(RuntimeDirectory(tmp_path))
    assert authorized_keys(RuntimeDirectory(tmp_path)) == set()


def test_authorized_are_the_own_key_and_those_in_the_directory(tmp_path: Path) -> None:
    own, other = gateway_keys(RuntimeDirectory(tmp_path)), new_keys()
    directory = tmp_path / "keys" / "authorized"
    directory.mkdir()
    (directory / "one.pub").write_text(f"{other.public}\nno key\n")
    (directory / "two.pub").write_bytes(b"\xff\xfe")
    (directory / "ignored").write_text(new_keys().public)
    assert authorized_keys(RuntimeDirectory(tmp_path)) == {own.public, other.public}
    assert is_key(own.public) and not is_key(own.public[:-1]) and not is_key(None)


def question(*credentials: bytes, mechanism: bytes = b"CURVE") -> list[bytes]:
    return [b"1.0", b"1", b"nestd", b"10.0.0.1", b"", mechanism, *credentials]


def raw(key: str) -> bytes:
    from zmq.utils import z85

    return z85.decode(key.encode())


def test_zap_authenticator_lets_known_keys_in_and_counts_all_others(tmp_path: Path) -> None:
    own = gateway_keys(RuntimeDirectory(tmp_path))
    path = tmp_path / "refused.json"
    authenticator = ZapAuthenticator(RuntimeDirectory(tmp_path), path)
    assert authenticator.authenticate(question(raw(own.public)))[2] == b"200"
    assert not path.exists()
    assert authenticator.authenticate(question(raw(new_keys().public)))[2] == b"400"
    assert authenticator.authenticate(question(b"user", b"word", mechanism=b"PLAIN"))[2] == b"400"
    assert authenticator.authenticate(question(mechanism=b"NULL"))[2] == b"400"
    assert authenticator.authenticate(question(b"short"))[2] == b"400"
    assert authenticator.authenticate([b"2.0", b"1"])[2] == b"500"
    assert authenticator.authenticate([])[1:2] == [b"500"]
    counts = RejectedConnections.read(path).counts
    assert (counts[UNKNOWN_KEY], counts[NO_CURVE]) == (1, 3)


@pytest.mark.parametrize("content", ["", "[]", "null", '{"unknown_key": "x"}', "{"])
def test_counts_that_can_not_be_read_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "refused.json").write_text(content)
    assert RejectedConnections.read(tmp_path / "refused.json").total == 0
