"""Places of servers that are no addresses of HTTP: a connection file, the user's own server."""

from __future__ import annotations

import json
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from protocol.errors import ConfigurationError
from protocol.runtime.paths import RuntimeDirectory

#: Name of the user's only server on this machine.
IPC = "ipc"


def is_place(url: str | PathLike[str]) -> bool:
    """Return whether ``url`` is no address of HTTP, but a place."""
    return not isinstance(url, str) or url == IPC or url.endswith(".json")


def find(place: str | PathLike[str]) -> RuntimeDirectory:
    """Return the directory of a server.

    Parameters
    ----------
    place : the path of its connection file; ``"ipc"`` for the user's only one on this machine

    Raises
    ------
    ValueError
        If there is no such server, or more than one.
    """
    if place != IPC:
        path = Path(place)
        if not path.is_file():
            raise ValueError(f"{path} is no connection file of a server that runs")
        return RuntimeDirectory.of(path)
    servers = [one for one in _servers() if one.connection_file.exists()]
    if len(servers) == 1:
        return servers[0]
    if not servers:
        raise ValueError("no server of yours runs on this machine; nest-server start")
    ports = ", ".join(one.path.name.rpartition("-")[2] for one in servers)
    raise ValueError(f"several servers of yours run here, on the ports {ports}: name one")


def address(server: RuntimeDirectory) -> str:
    """Return the HTTP address of a server.

    Raises
    ------
    ValueError
        If its directory does not say it.
    """
    try:
        state = json.loads(server.instance_file.read_bytes())
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(state["host"], state["host"])  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{state['ports'][0]}"
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{server.instance_file} does not say where the server answers: {error}"
        ) from None


def _servers() -> Iterable[RuntimeDirectory]:
    try:
        return RuntimeDirectory.of_user().servers()
    except ConfigurationError:
        return ()
