"""Finds the access token of a server that the same user runs on this machine.

A server keeps its state in a directory of its own inside the private runtime directory;
``nestd/server/instance.py`` writes it.
"""

from __future__ import annotations

import json

from protocol.errors import ConfigurationError
from protocol.runtime.private_files import runtime_directory

#: Servers' directories are called by this and their first port.
INSTANCE_PREFIX = "server-"
STATE_FILE = "state.json"
TOKEN_FILE = "token"  # noqa: S105  # a file name

_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])


def find_token(host: str, port: int) -> str | None:
    """The token of the user's own server on ``port``; ``None`` if there is none here."""
    if host not in _LOOPBACK:
        return None
    try:
        directory = runtime_directory()
    except ConfigurationError:
        return None
    for state_file in directory.glob(f"{INSTANCE_PREFIX}*/{STATE_FILE}"):
        try:
            if port in json.loads(state_file.read_bytes())["ports"]:
                return (state_file.parent / TOKEN_FILE).read_text(encoding="utf-8").strip()
        except (OSError, ValueError, KeyError, TypeError):
            # Being made or removed.
            continue
    return None
