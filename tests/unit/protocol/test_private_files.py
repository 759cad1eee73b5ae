"""Files and sockets that only their user can use."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
import zmq

from protocol.errors import ConfigurationError
from protocol.runtime.private_files import (
    SOCKET_PATH_LIMIT_BYTES,
    bind_private,
    check_socket_path,
    write_private,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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


def test_socket_is_private_whatever_the_process_makes_otherwise() -> None:
    before = os.umask(0)
    try:
        with tempfile.TemporaryDirectory() as directory, zmq.Context() as context:
            path = Path(directory) / "s.sock"
            with context.socket(zmq.PULL) as socket:
                assert bind_private(socket, path) == f"ipc://{path}"
                assert mode(path) == 0o600
        assert os.umask(0) == 0
    finally:
        os.umask(before)
