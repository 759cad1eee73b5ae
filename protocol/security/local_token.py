"""Access token: which ones are accepted, and that of a server of the same user on this machine.

A server keeps its state in a directory of its own inside the private runtime directory;
``nestd/server/instance.py`` writes it.
"""

from __future__ import annotations

import contextlib
import json

from protocol.errors import ConfigurationError
from protocol.runtime.paths import RuntimeDirectory

#: Fewest characters of a token: shorter ones can be guessed, and are found in other words of a log.
TOKEN_CHARACTERS = 16

_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])


def problem_of_token(token: str) -> str | None:
    """Return what is wrong with an access token, without naming it; ``None`` if nothing is."""
    if not (token.isascii() and token.isprintable()):
        return "must be printable ASCII text, as headers have"
    if len(token) < TOKEN_CHARACTERS:
        return (
            f"has {len(token)} characters, and an access token needs at least {TOKEN_CHARACTERS}: "
            "openssl rand -hex 24 makes one"
        )
    return None


def find_server(host: str, port: int) -> RuntimeDirectory | None:
    """Return the directory of the user's own server on ``port``; ``None`` without one here."""
    if host not in _LOOPBACK:
        return None
    try:
        servers = RuntimeDirectory.of_user().servers()
    except ConfigurationError:
        return None
    for server in servers:
        # Being made or removed.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if port in json.loads(server.instance_file.read_bytes())["ports"]:
                return server
    return None


def token_of(server: RuntimeDirectory | None) -> str | None:
    """Return the access token of a server; ``None`` if it asks for none, or there is no server."""
    if server is None:
        return None
    try:
        return server.token_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        # Being made or removed.
        return None


def find_token(host: str, port: int) -> str | None:
    """Return the token of the user's own server on ``port``; ``None`` if there is none here."""
    return token_of(find_server(host, port))
