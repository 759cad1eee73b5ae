"""A program's memory in large pages: begun anew once, unless the user has decided."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from nestd.ranks import large_pages
from nestd.ranks.large_pages import VARIABLE, WANTED

#: A program that says what it has become: its pid, arguments, what it hands on, and whether the
#: system may give its heap large pages.
PROGRAM = """
import json, os, re, sys
from pathlib import Path
from nestd.ranks import large_pages
large_pages.begin()
heap = re.search(r"\\[heap\\].*?VmFlags: ([^\\n]*)", Path("/proc/self/smaps").read_text(), re.S)
print(json.dumps({
    "pid": os.getpid(),
    "arguments": sys.argv[1:],
    "handed on": os.environ.get("GLIBC_TUNABLES"),
    "large": "hg" in heap[1].split(),
}))
"""


def started(**variables: str) -> dict[str, object]:
    """What the program says, started with these variables beside others than those of memory."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != VARIABLE and not name.startswith("MALLOC_")
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--some", "words of its own"],
        env=environment | variables,
        stdout=subprocess.PIPE,
    )
    with process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    found: dict[str, object] = json.loads(said)
    assert found["pid"] == process.pid
    assert found["arguments"] == ["--some", "words of its own"]
    return found


def test_a_program_gets_large_pages_and_stays_the_same_process() -> None:
    found = started()
    assert found["large"] is True
    assert found["handed on"] is None


def test_tunables_of_other_things_stay() -> None:
    other = "glibc.rtld.optional_static_tls=1024"
    found = started(**{VARIABLE: other})
    assert found["large"] is True
    assert found["handed on"] == other


@pytest.mark.parametrize(
    "variables",
    [
        {VARIABLE: "glibc.malloc.arena_max=2"},
        {"MALLOC_TRIM_THRESHOLD_": "1048576"},
        {"MALLOC_MMAP_THRESHOLD_": "1048576"},
    ],
)
def test_who_has_decided_about_memory_keeps_that(variables: dict[str, str]) -> None:
    found = started(**variables)
    assert found["large"] is False
    assert found["handed on"] == variables.get(VARIABLE)


def test_a_program_that_was_begun_anew_is_not_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, WANTED)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("begun once more"))
    large_pages.begin()
    assert VARIABLE not in os.environ


def test_where_nothing_can_be_started_the_program_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no memory")

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(os, "execve", refused)
    large_pages.begin()
    assert VARIABLE not in os.environ
