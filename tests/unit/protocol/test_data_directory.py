"""Data directory: plain names only, no links, nothing but regular files, a quota."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from protocol.errors import (
    ArgumentError,
    ConfigurationError,
    DataDirectoryFull,
    NestdError,
    Refused,
    Unavailable,
    UnknownFile,
)
from protocol.runtime import data_directory
from protocol.runtime.data_directory import DataDirectory, check_file_name
from protocol.runtime.data_settings import data_directory_from
from protocol.runtime.paths import RuntimeDirectory

MIB = 2**20


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data", MIB).make()


def read(data: DataDirectory, name: str) -> bytes:
    with os.fdopen(data.open_file(name), "rb") as file:
        return file.read()


@pytest.mark.parametrize(
    "name", ["spikes.dat", "a", "-rf", "ä ö.dat", "x" * 200, "a..b", "a\\b", "spikes-12-0.dat"]
)
def test_plain_names_are_names(name: str, data: DataDirectory) -> None:
    check_file_name(name)
    (data.path / name).write_bytes(b"1")
    assert read(data, name) == b"1"
    assert [file.name for file in data.files()] == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".hidden", "/etc/passwd", "../token", "a/b", "a/", "./a", "x" * 256),
        *("ä" * 128, "a\n", "a\0b", "a\x1b[0m", "a\u202egpj", "a\u2028b", "a\udc80", "\x7f"),
    ],
)
def test_other_names_are_refused_and_touch_nothing(name: str, data: DataDirectory) -> None:
    for use in (check_file_name, data.open_file, data.remove_file):
        with pytest.raises(ArgumentError, match="give a plain name") as raised:
            use(name)
        assert raised.value.message.isprintable()
        assert len(raised.value.message) < 900


def test_parts_of_names_are_shorter_than_names() -> None:
    for name in ("x" * 201, "ä" * 101):
        with pytest.raises(ArgumentError, match="longer than 200 bytes"):
            check_file_name(name)


def test_file_with_a_long_name_of_several_parts_can_be_had_and_removed(
    data: DataDirectory,
) -> None:
    """Otherwise it takes room for ever: NEST joins prefix, label, numbers and extension."""
    names = sorted([f"{'p' * 100}{'l' * 140}-1-0.dat", "x" * 255])
    for name in names:
        (data.path / name).write_bytes(b"1")
    assert [file.name for file in data.files()] == names
    assert read(data, names[0]) == b"1"
    data.remove_file(names[0])
    assert data.clear() == names[1:]
    assert data.used_bytes() == 0


def test_files_are_listed_in_order_with_size_and_time(data: DataDirectory) -> None:
    for name, content in (("b", b"12"), ("a", b"1"), (".c", b"123")):
        (data.path / name).write_bytes(content)
    os.utime(data.path / "a", (5, 5.5))
    assert [(file.name, file.size_bytes) for file in data.files()] == [("a", 1), ("b", 2)]
    assert data.files()[0].modified_s == 5.5
    assert data.used_bytes() == 6


def test_only_regular_files_are_files(data: DataDirectory, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_bytes(b"secret")
    (data.path / "link").symlink_to(secret)
    (data.path / "loop").symlink_to(data.path / "loop")
    (data.path / "below").mkdir()
    os.mkfifo(data.path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(data.path / "sock"))
    assert data.files() == []
    assert data.used_bytes() == 0
    for name in ("link", "loop", "below", "pipe", "sock", "missing"):
        for use in (data.open_file, data.remove_file):
            with pytest.raises(UnknownFile, match=f"no file {name} in"):
                use(name)
    data.clear()
    assert len(list(data.path.iterdir())) == 5
    assert secret.read_bytes() == b"secret"


def test_removed_files_are_gone_and_open_ones_can_be_read(data: DataDirectory) -> None:
    for name in ("a", "b", "c"):
        (data.path / name).write_bytes(name.encode())
    descriptor = data.open_file("a")
    data.remove_file("a")
    assert os.read(descriptor, 9) == b"a"
    os.close(descriptor)
    with pytest.raises(UnknownFile):
        data.open_file("a")
    data.clear()
    assert data.files() == []


def test_directory_that_is_a_link_or_missing_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("link", "missing"):
        data = DataDirectory(tmp_path / name)
        for use in (data.files, data.used_bytes, data.clear, lambda d=data: d.open_file("a")):
            with pytest.raises(Unavailable, match="can't be read here"):
                use()


def test_quota_counts_what_is_written(data: DataDirectory) -> None:
    data.check_room()
    (data.path / "a").write_bytes(bytes(MIB - 1))
    data.check_room()
    (data.path / "b").write_bytes(b"1")
    with pytest.raises(DataDirectoryFull, match=r"1\.0 MiB of the 1\.0 MiB .*NEST_SERVER_DATA_MIB"):
        data.check_room()
    data.remove_file("a")
    data.check_room()


def test_full_disk_is_a_smaller_quota(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    class Disk:
        f_bavail, f_frsize = 100, 1000

    monkeypatch.setattr(data_directory.os, "fstatvfs", lambda descriptor: Disk)
    assert DataDirectory(data.path, 10**9).limit_bytes(20_000) == 108_000
    assert DataDirectory(data.path, 1000).limit_bytes(20_000) == 1000


def test_directory_is_that_of_the_server_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = RuntimeDirectory(tmp_path / "run" / "server-1")
    assert data_directory_from({}, runtime) == DataDirectory(runtime.data, 1024 * MIB)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for named, path in (("out", "out"), (f"{tmp_path}/x/y/", "x/y"), ("link", "real")):
        variables = {"NEST_SERVER_DATA": named, "NEST_SERVER_DATA_MIB": "3"}
        found = data_directory_from(variables, runtime)
        assert found == DataDirectory(tmp_path / path, 3 * MIB)
        assert found.make().path.is_dir()
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"NEST_SERVER_DATA": "/"}, "home directory"),
        ({"NEST_SERVER_DATA": "{home}"}, "home directory"),
        ({"NEST_SERVER_DATA": "{home}/.."}, "home directory"),
        ({"NEST_SERVER_DATA": "{home}/run/server-1"}, "servers' own files"),
        ({"NEST_SERVER_DATA": "{home}/run"}, "servers' own files"),
        ({"NEST_SERVER_DATA": "{home}/run/server-1/kernel"}, "servers' own files"),
        ({"NEST_SERVER_DATA_MIB": "0"}, "NEST_SERVER_DATA_MIB must be"),
    ],
)
def test_other_directories_are_refused(
    variables: dict[str, str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    named = {name: text.format(home=tmp_path) for name, text in variables.items()}
    with pytest.raises(ConfigurationError, match=reason):
        data_directory_from(named, RuntimeDirectory(tmp_path / "run" / "server-1"))


@pytest.mark.parametrize("make", [lambda p: p.mkdir(0o777) or p.chmod(0o777), lambda p: p.touch()])
def test_directory_of_others_and_files_are_refused(make: object, tmp_path: Path) -> None:
    path = tmp_path / "data"
    make(path)  # type: ignore[operator]
    with pytest.raises(NestdError, match="with NEST_SERVER_DATA"):
        DataDirectory(path).make()


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe"])
def test_nothing_is_written_where_nest_might_be_led_elsewhere(tmp_path: Path, kind: str) -> None:
    directory = DataDirectory(tmp_path / "data").make()
    elsewhere = tmp_path / "elsewhere"
    place = directory.path / "x-1-0.dat"
    match kind:
        case "link":
            elsewhere.write_text("kept")
            place.symlink_to(elsewhere)
        case "dangling link":
            place.symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(place)
    with pytest.raises(Refused, match=r"'x-1-0.dat' is no file"):
        directory.check_room()
    with pytest.raises(ArgumentError, match="can't write the file"):
        directory.write_file("x-1-0.dat", b"text")
    place.unlink()
    (directory.path / "folder").mkdir()
    directory.check_room()
    directory.write_file("x-1-0.dat", b"longer text")
    directory.write_file("x-1-0.dat", b"text")
    assert place.read_text() == "text"
    assert place.stat().st_mode & 0o777 == 0o600
    assert not elsewhere.exists() or elsewhere.read_text() == "kept"
