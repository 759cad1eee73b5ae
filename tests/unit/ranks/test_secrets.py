"""Secrets in the environment of a program that runs NEST."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nestd.ranks.secrets import without

_PROGRAM = """
from nestd.ranks import secrets
secrets.begin_without()
import sys
print(open("/proc/self/environ").read().replace("\\0", "\\n"), sys.argv[1:])
"""


@pytest.mark.parametrize("name", ["NEST_SERVER_ACCESS_TOKEN", "NEST_SERVER_TOKEN_FILE"])
def test_program_begins_without_secrets(name: str) -> None:
    environment = os.environ | {name: "t0k3n-t0k3n", "NEST_SERVER_PORT": "5000"}
    command = [sys.executable, "-c", _PROGRAM, "--first", "second"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "t0k3n" not in done.stdout
    assert "NEST_SERVER_PORT=5000" in done.stdout
    assert "['--first', 'second']" in done.stdout


def test_other_variables_are_kept() -> None:
    assert without({"NEST_SERVER_ACCESS_TOKEN": "t", "A": "1"}) == {"A": "1"}
