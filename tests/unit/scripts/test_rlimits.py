"""Limits of a process, tested in processes of their own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

DEADLINE_S = 60.0


def limited(memory: str, files: str, processes: str, then: str) -> str:
    """Run a process with limits; return what it prints."""
    program = (
        "import os, resource, subprocess, sys\nfrom nestd.scripts.sandbox import rlimits\n"
        f"rlimits.limit_resources({memory}, {files}, {processes})\n{then}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_memory_is_limited_beyond_what_there_is() -> None:
    then = (
        "a = bytearray(40 << 20)\ntry:\n    b = bytearray(40 << 20)\n"
        "except MemoryError:\n    print('enough')"
    )
    assert limited("64 << 20", "None", "None", then) == "enough\n"


def test_open_files_are_limited() -> None:
    then = (
        "l = []\ntry:\n    while True: l.append(os.open('/', 0))\n"
        "except OSError:\n    print(len(l) + 3 <= 16)"
    )
    assert limited("None", "16", "None", then) == "True\n"


def test_processes_are_limited_beyond_those_of_the_user() -> None:
    then = "print(*resource.getrlimit(resource.RLIMIT_NPROC))"
    soft, hard = map(int, limited("None", "None", "5", then).split())
    assert soft == hard
    # Others of the same user may come and go meanwhile.
    assert soft >= 6


def test_no_dumps_are_written_whatever_else_is_limited() -> None:
    then = "print(*resource.getrlimit(resource.RLIMIT_CORE))"
    assert limited("None", "None", "None", then) == "0 0\n"


def test_limits_are_never_raised() -> None:
    then = "print(resource.getrlimit(resource.RLIMIT_NOFILE)[1])"
    now = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert limited("None", "2**40", "None", then) == f"{now}\n"
