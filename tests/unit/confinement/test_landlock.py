"""Landlock, tried in processes of their own."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nestd.confinement import landlock

pytestmark = pytest.mark.skipif(
    not landlock.is_available(), reason="this system has no Landlock, as the doctor says"
)


def confined(attempt: Callable[[], Any], **rules: Any) -> int:
    """The number of the error that ``attempt`` ends with in a process with ``rules``; 0 if none."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            landlock.restrict(landlock.Access(**rules))
            attempt()
            code = 0
        except OSError as error:
            code = error.errno or 98
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Directories ``read``, ``write`` and ``other``, with a file in each."""
    for name in ("read", "write", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("text")
    return tmp_path


@pytest.mark.parametrize(
    ("attempt", "problem"),
    [
        (lambda p: (p / "read/file").read_text(), 0),
        (lambda p: list((p / "read").iterdir()), 0),
        (lambda p: (p / "read/file").write_text("new"), errno.EACCES),
        (lambda p: (p / "read/new").mkdir(), errno.EACCES),
        (lambda p: (p / "write/file").read_text(), 0),
        (lambda p: (p / "write/new").write_text("new"), 0),
        (lambda p: os.truncate(p / "write/file", 0), 0),
        (lambda p: (p / "write/file").rename(p / "write/moved"), 0),
        (lambda p: (p / "write/file").unlink(), 0),
        (lambda p: (p / "write/new").mkdir(), 0),
        (lambda p: os.mkfifo(p / "write/new"), 0),
        (lambda p: (p / "write/new").symlink_to(p / "other"), errno.EACCES),
        (lambda p: (p / "write/new").hardlink_to(p / "other/file"), errno.EXDEV),
        (lambda p: (p / "other/file").read_text(), errno.EACCES),
        (lambda p: (p / "other/new").write_text("new"), errno.EACCES),
        (lambda p: (p / "other/file").unlink(), errno.EACCES),
        (lambda p: os.truncate(p / "other/file", 0), errno.EACCES),
        (lambda p: list(p.iterdir()), errno.EACCES),
        (lambda p: (p / "read/../other/file").read_text(), errno.EACCES),
        (lambda p: subprocess.run([sys.executable], check=True), errno.EACCES),
    ],
)
def test_files(places: Path, attempt: Callable[[Path], Any], problem: int) -> None:
    rules = {"read": [places / "read", places / "missing"], "write": [places / "write"]}
    assert confined(lambda: attempt(places), **rules) == problem


def test_files_alone_can_be_allowed(places: Path) -> None:
    rules: dict[str, Any] = {"read": [places / "read/file"], "write": [places / "write/file"]}
    assert confined((places / "read/file").read_text, **rules) == 0
    assert confined(lambda: (places / "write/file").write_text("new"), **rules) == 0
    assert confined(lambda: list((places / "read").iterdir()), **rules) == errno.EACCES


def test_ports_signals_and_abstract_sockets_are_given_up_where_asked() -> None:
    abi = landlock.is_available()
    with (
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind(f"\0nestd-test-{os.getpid()}")
        abstract.listen()
        parent = os.getpid()
        for attempt, rule, since, refused in (
            (
                lambda: socket.create_connection(port.getsockname()),
                "tcp",
                4,
                errno.EACCES,
            ),
            (
                lambda: socket.socket(socket.AF_UNIX).connect(abstract.getsockname()),
                "abstract_sockets",
                6,
                errno.EPERM,
            ),
            (lambda: os.kill(parent, 0), "signals", 6, errno.EPERM),
        ):
            allowed: dict[str, Any] = {"read": [Path("/")]}
            assert confined(attempt, **allowed) == 0
            allowed[rule] = False
            assert confined(attempt, **allowed) == (refused if abi >= since else 0)
