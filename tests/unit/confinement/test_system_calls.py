"""System calls that a process which runs NEST can't make, tried in processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nestd.confinement.system_calls import forbid_system_calls

pytest.importorskip("pyseccomp", reason="it needs pyseccomp, as the doctor says")


def forbidden(attempt: Callable[[], Any], is_alone: bool) -> int:
    """The number of the error of ``attempt`` in a thread that began before; 0 if there is none."""
    pid = os.fork()
    if pid == 0:
        ends, begin = [99], threading.Event()

        def work() -> None:
            begin.wait()
            try:
                attempt()
                ends.append(0)
            except OSError as error:
                ends.append(error.errno or 98)

        thread = threading.Thread(target=work)
        thread.start()
        problem = forbid_system_calls(is_alone)
        begin.set()
        thread.join()
        os._exit(97 if problem else ends[-1])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("is_alone", [False, True])
@pytest.mark.parametrize("name", ["chmod", "fchmod", "chown", "setxattr", "fchmodat2"])
def test_who_can_use_a_file_is_not_changed(tmp_path: Path, name: str, is_alone: bool) -> None:
    file = tmp_path / "token"
    file.touch(0o600)

    def fchmodat2() -> None:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(452, -100, bytes(file), 0o666, 0) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    attempts: dict[str, Callable[[], Any]] = {
        "chmod": lambda: file.chmod(0o666),
        "fchmod": lambda: os.fchmod(os.open(file, os.O_RDONLY), 0o666),
        "chown": lambda: os.chown(file, os.getuid(), os.getgid()),
        "setxattr": lambda: os.setxattr(file, "user.x", b"y"),
        "fchmodat2": fchmodat2,
    }
    assert forbidden(attempts[name], is_alone) == 1
    assert file.stat().st_mode & 0o777 == 0o600


def test_alone_a_process_connects_to_no_socket_of_the_account(tmp_path: Path) -> None:
    path = str(tmp_path / "bus")
    with socket.socket(socket.AF_UNIX) as bus, socket.socket(socket.AF_UNIX) as earlier:
        bus.bind(path)
        bus.listen()
        assert forbidden(lambda: earlier.connect(path), is_alone=True) == 1
        assert forbidden(lambda: socket.socket(socket.AF_UNIX), is_alone=True) == 1
        assert forbidden(lambda: earlier.connect(path), is_alone=False) == 0


def test_process_goes_on_with_what_it_needs(tmp_path: Path) -> None:
    def work() -> None:
        ours, theirs = socket.socketpair()
        ours.send(b"x")
        assert theirs.recv(1) == b"x"
        (tmp_path / "spikes.dat").write_text("1")
        subprocess.run([sys.executable, "-c", "print(1)"], check=True, capture_output=True)

    assert forbidden(work, is_alone=True) == 0
