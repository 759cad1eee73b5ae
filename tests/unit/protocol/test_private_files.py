"""Files and directories that only their user can read."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from protocol.errors import ConfigurationError
from protocol.runtime.private_files import (
    SOCKET_PATH_LIMIT_BYTES,
    check_socket_path,
    private_directory,
    runtime_directory,
    write_private,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_is_made_private_with_its_parents(tmp_path: Path) -> None:
    path = private_directory(tmp_path / "a" / "b")
    assert mode(path) == 0o700


def test_directory_of_ones_own_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "open"
    path.mkdir()
    path.chmod(0o755)
    assert mode(private_directory(path)) == 0o700


def test_link_is_no_private_directory(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(ConfigurationError, match="is not a directory of user"):
        private_directory(link)


def test_file_is_no_private_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    for wanted in (path, path / "below"):
        with pytest.raises(ConfigurationError, match="NESTD_RUNTIME_DIR"):
            private_directory(wanted)


def test_directory_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(ConfigurationError, match=f"is not a directory of user {other}"):
        private_directory(tmp_path)


def test_runtime_directory_is_the_chosen_one_then_that_of_the_session_then_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tmp_path / "session"
    session.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(tmp_path / "chosen"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    assert runtime_directory() == tmp_path / "chosen"
    monkeypatch.delenv("NESTD_RUNTIME_DIR")
    assert runtime_directory() == session / "nestd"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    assert runtime_directory() == tmp_path / f"nestd-{os.getuid()}"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runtime_directory() == tmp_path / f"nestd-{os.getuid()}"
    assert mode(runtime_directory()) == 0o700


def test_private_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    write_private(path, b"first")
    assert (path.read_bytes(), mode(path)) == (b"first", 0o600)

    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            write_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_private_file_takes_the_place_of_a_link_and_leaves_its_target_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"untouched")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_private(link, b"secret")
    assert not link.is_symlink()
    assert target.read_bytes() == b"untouched"


def test_socket_path_is_measured_in_bytes() -> None:
    assert SOCKET_PATH_LIMIT_BYTES == 107
    fits = Path("/" + "x" * 106)
    assert check_socket_path(fits) == fits
    for path in (Path("/" + "x" * 107), Path("/" + "ü" * 54)):
        with pytest.raises(ConfigurationError, match="the system allows 107"):
            check_socket_path(path)
