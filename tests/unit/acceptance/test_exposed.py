"""What the test of a default start takes for open to other users."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cluster.exposed import (
    held_files,
    is_behind_a_closed_door,
    reachable,
    with_bits_for_others,
)


def made(path: Path, mode: int) -> Path:
    """A file, or a directory if its name has no dot, with a mode."""
    if "." in path.name:
        path.touch()
    else:
        path.mkdir()
    path.chmod(mode)
    return path


def test_open_files_are_found_and_closed_directories_hide_theirs(tmp_path: Path) -> None:
    closed, opened = made(tmp_path / "closed", 0o700), made(tmp_path / "opened", 0o710)
    hidden, shown = made(closed / "a.bin", 0o644), made(opened / "b.bin", 0o604)
    private = made(opened / "c.bin", 0o600)
    (closed / "link").symlink_to(private)
    assert sorted(reachable(tmp_path)) == [f"-rw----r-- {shown}", f"drwx--x--- {opened}"]
    assert with_bits_for_others(closed) == [f"-rw-r--r-- {hidden}"]
    for path, safe in ((hidden, True), (private, True), (shown, False)):
        assert is_behind_a_closed_door(path, tmp_path) == safe


def test_files_that_a_process_holds_are_found_if_they_are_new(tmp_path: Path) -> None:
    path = made(tmp_path / "held.bin", 0o600)
    with path.open("wb"):
        since_s = path.stat().st_ctime
        assert list(held_files([os.getpid()], tmp_path, since_s)) == [path]
        assert list(held_files([os.getpid()], tmp_path, since_s + 1.0)) == []
    assert list(held_files([os.getpid()], tmp_path, since_s)) == []
