"""Secrets in the environment, which no process that runs NEST is to have.

A variable that is deleted stays in the memory that the program began with, which ``/proc`` shows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

#: The access token, or where it is.
_SECRETS = ("NEST_SERVER_ACCESS_TOKEN", "NEST_SERVER_TOKEN_FILE")


def without(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without secrets."""
    return {name: value for name, value in variables.items() if name not in _SECRETS}


def begin_without() -> None:
    """Start this process's program anew without secrets, unless it has none.

    This is to be called before anything else.
    """
    if any(name in os.environ for name in _SECRETS):
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, without(os.environ))  # noqa: S606
