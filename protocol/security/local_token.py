"""Access token of a server that the same user runs on this machine.

A server keeps its state in a directory of its own inside the private runtime directory;
``nestd/server/instance.py`` writes it.
"""

from __future__ import annotations

import json

from protocol.errors import ConfigurationError
from protocol.runtime.paths import RuntimeDirectory

_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])


def find_token(host: str, port: int) -> str | None:
    """Return the token of the user's own server on ``port``; ``None`` if there is none here."""
    if host not in _LOOPBACK:
        return None
    try:
        servers = RuntimeDirectory.of_user().servers()
    except ConfigurationError:
        return None
    for server in servers:
        try:
            if port in json.loads(server.instance_file.read_bytes())["ports"]:
                return server.token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError, KeyError, TypeError):
            # Being made or removed.
            continue
    return None
