"""Requests as WSGI applications get them."""

from __future__ import annotations

import socket
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.server.body import ReceivedBody
from gateway.server.head import RequestHead

#: Key of the caller's socket: whoever waits for the kernel looks there whether the caller does.
SOCKET_KEY = "nestd.socket"

#: Key that an application sets for a caller who may call.
ADMITTED_KEY = "nestd.admitted"

#: Names of headers in environments, by how callers write them; most write few.
_names: dict[bytes, str | None] = {}
_NAMES_KEPT = 1000


def make_environ(
    head: RequestHead, connection: socket.socket, peer: Any, own: Any
) -> dict[str, Any]:
    """Return the environment of a request, without its body.

    Nothing in it but ``HTTP_…`` and what HTTP itself is about comes from the caller: headers with
    an underscore in their names, such as ``SCRIPT_NAME``, are dropped, and none says for whom or
    under which address a request came.

    Parameters
    ----------
    head : of the request
    connection : that it came on
    peer, own : addresses of both ends
    """
    path, _, query = _path_of(head.target).partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "RAW_URI": head.target.decode("latin-1"),
        "QUERY_STRING": query.partition(b"#")[0].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{head.version}",
        "SERVER_NAME": own[0],
        "SERVER_PORT": str(own[1]),
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        SOCKET_KEY: connection,
    }
    for name, value in head.headers:
        try:
            key = _names[name]
        except KeyError:
            key = _key_of(name)
        if key is None:
            continue
        text = value.strip(b" \t").decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def set_body(environ: dict[str, Any], data: Any, is_whole: bool) -> None:
    """Give the environment of a request its body."""
    environ["wsgi.input"] = ReceivedBody(data, is_whole)


def _path_of(target: bytes) -> bytes:
    """Return path and query of a target, which may be a whole address."""
    if target[:1] in (b"/", b"*"):
        return target.partition(b"#")[0]
    rest = target.partition(b"://")[2].partition(b"#")[0]
    at = min((rest + b"/").index(b"/"), (rest + b"?").index(b"?"))
    return rest[at:] if rest[at : at + 1] == b"/" else b"/" + rest[at:]


def _key_of(name: bytes) -> str | None:
    key: str | None = None
    if b"_" not in name:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
    if len(_names) < _NAMES_KEPT:
        _names[name] = key
    return key
