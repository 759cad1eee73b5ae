"""Identity of processes: one process, not whoever has its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.process.identity import ProcessIdentity, describe_exit, identify, python_command
from protocol.process.polling import poll_until
from tests.integration.limits import no_more_files


def test_this_process_runs_and_keeps_its_identity() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    assert identity.pid == os.getpid()
    assert identity.start_ticks > 0
    assert identity == identify(os.getpid())
    assert identity.is_running()


def test_other_process_that_got_the_same_pid_is_not_it() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    earlier = ProcessIdentity(identity.pid, identity.start_ticks - 1)
    assert not earlier.is_running()


def test_child_started_later_has_another_identity() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found, own = identify(child.pid), identify(os.getpid())
        assert found is not None
        assert own is not None
        assert found.is_running()
        assert found.start_ticks >= own.start_ticks
        child.kill()
    assert not found.is_running()
    assert identify(child.pid) is None


def test_zombie_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        identity = identify(child.pid)
        assert identity is not None
        child.kill()
        # Dead, but not yet waited for: its number is still taken.
        assert poll_until(lambda: not identity.is_running(), 10.0)
        assert identify(child.pid) == identity
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.wait()


def test_stopped_process_still_runs() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = identify(child.pid)
        assert identity is not None
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert identity.is_running()
        child.kill()


def test_name_with_parentheses_and_blanks_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to("/bin/cat")
    with subprocess.Popen([program], stdin=subprocess.PIPE) as child:
        # From fork to exec the child still has its parent's name.
        stat = Path(f"/proc/{child.pid}/stat")
        assert poll_until(lambda: "(a) Z 1 (b)" in stat.read_text(), 10.0)
        identity = identify(child.pid)
        assert identity is not None
        assert identity.start_ticks > 0
        assert identity.is_running()
        child.kill()


def test_process_is_not_taken_for_dead_when_no_file_can_be_opened() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        identity = identify(child.pid)
        assert identity is not None
        with no_more_files([os.getpid()]):
            assert identity.is_running()
            assert not identity.is_stopped()
        child.kill()
    with no_more_files([os.getpid()]):
        assert not identity.is_running()


def test_process_that_the_system_does_not_show_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "100"]) as child:
        process = identify(child.pid)
        assert process is not None
        monkeypatch.setattr("protocol.process.identity._stat", lambda pid: None)
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert process.is_running()
        child.kill()
        child.wait()
        assert not process.is_running()


@pytest.mark.parametrize("pid", [0, -1, 2**31])
def test_number_that_no_process_has_is_nobody(pid: int) -> None:
    assert identify(pid) is None
    assert not ProcessIdentity(pid, 0).is_running()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-9, "signal 9 (SIGKILL)"),
        (-15, "signal 15 (SIGTERM)"),
        (-200, "signal 200 (unknown)"),
    ],
)
def test_end_of_a_process_is_told_in_words(status: int, text: str) -> None:
    assert describe_exit(status) == text


def test_memory_that_is_hidden_can_not_be_dumped() -> None:
    source = (
        "import ctypes; from protocol.process.identity import hide_memory\n"
        "get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "before = get(); hide_memory(); print(before, get())"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    assert done.stdout.split() == [b"1", b"0"]


@pytest.mark.parametrize("version", [(3, 10), (3, 11)])
def test_modules_are_not_searched_for_in_the_current_directory(
    tmp_path: Path, version: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the data directory, and a script writes a file of any name there."""
    if sys.version_info < (3, 11) <= version:
        pytest.skip("this Python has no option for that")
    for name in ("runpy", "json", "argparse", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("print('REACHED')")
    source = tmp_path / "source.json"
    source.write_text("[1]")
    monkeypatch.setattr("sys.version_info", version)
    command = python_command("json.tool", "--compact", str(source))
    monkeypatch.undo()
    said = subprocess.check_output(command, cwd=tmp_path, text=True)
    assert said == "[1]\n"
