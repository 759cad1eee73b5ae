"""The connection file: private, whole, and refused when it is something else."""

from __future__ import annotations

import json
import os
import stat
import threading
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.errors import ConfigurationError
from protocol.process.identity import ProcessIdentity
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo, RankProcess
from protocol.version import WIRE_VERSION
from tests.unit.kernels import KERNEL

INFO = replace(KERNEL, processes=(RankProcess("here", 12, 34),))


def test_comes_back_the_same(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    ranks = tuple(RankProcess("here" if pid < 14 else "there", pid, 34) for pid in range(12, 16))
    for info in (INFO, replace(INFO, public_key="key", ranks=4, mpi=True, processes=ranks)):
        connection_file.write(path, info)
        assert connection_file.read(path) == info
    assert INFO.process == ProcessIdentity(12, 34)


def test_is_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    old = os.umask(0)
    try:
        connection_file.write(path, INFO)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_replaces_a_readable_file_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_text("old")
    path.chmod(0o644)
    connection_file.write(path, INFO)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    written = [replace(INFO, generation=str(n), host="h" * 5000 * (n % 2)) for n in range(200)]
    connection_file.write(path, written[0])
    done = threading.Event()

    def write_all() -> None:
        try:
            for info in written:
                connection_file.write(path, info)
        finally:
            done.set()

    writer = threading.Thread(target=write_all)
    writer.start()
    seen = set()
    while not done.is_set():
        found = connection_file.read(path)
        assert found in written
        seen.add(found)
    writer.join()
    assert seen
    assert connection_file.read(path) == written[-1]


def test_missing_file_means_no_kernel_yet(tmp_path: Path) -> None:
    assert connection_file.read(tmp_path / "connection.json") is None


def test_path_that_can_not_be_read_is_an_error_naming_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        connection_file.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"1", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"protocol": 1}'],
    ids=lambda content: content[:20].decode("latin-1") or "nothing",
)
def test_file_of_something_else_is_an_error_naming_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "connection.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=str(path)):
        connection_file.read(path)


@pytest.mark.parametrize("name", [field.name for field in fields(ConnectionInfo)])
def test_every_field_is_needed_and_typed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "connection.json"
    missing: dict[str, Any] = {k: v for k, v in asdict(INFO).items() if k != name}
    contents = [asdict(INFO) | {name: [1]}]
    if name == "processes":
        contents += [asdict(INFO) | {name: [{"host": "here"}]}, asdict(INFO) | {name: "here"}]
    if name != "public_key":
        contents.append(missing)
    for content in contents:
        path.write_text(json.dumps(content))
        expected = {"protocol": "version", "processes": "is no connection file"}.get(name, name)
        with pytest.raises(ConfigurationError, match=expected):
            connection_file.read(path)


@pytest.mark.parametrize("version", [WIRE_VERSION + 1, 0, None, "1"])
def test_other_version_of_the_protocol_says_what_to_do(tmp_path: Path, version: Any) -> None:
    path = tmp_path / "connection.json"
    # Whatever else that version writes.
    path.write_text(json.dumps({"protocol": version, "endpoints": {}}))
    with pytest.raises(ConfigurationError, match=f"version {version} .*install the same nestd"):
        connection_file.read(path)


def test_later_additions_to_the_file_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_text(json.dumps(asdict(INFO) | {"event_endpoint": "ipc:///run/events.sock"}))
    assert connection_file.read(path) == INFO


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80))
def test_any_content_is_a_connection_or_a_configuration_error(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "connection.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        connection_file.read(path)
