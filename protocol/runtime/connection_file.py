"""Connection file: how a gateway finds its nestd.

After Jupyter's convention (https://jupyter-client.readthedocs.io, "Connection files"): JSON,
mode 0600, written under a temporary name and renamed, removed when nestd ends.
"""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

from protocol.errors import ConfigurationError
from protocol.process.identity import ProcessIdentity
from protocol.process.tcp_keepalive import is_tcp
from protocol.runtime.private_files import write_private
from protocol.security.curve_keys import is_key
from protocol.version import WIRE_VERSION


@dataclass(frozen=True)
class RankProcess:
    """Host and process of one MPI rank."""

    host: str
    pid: int
    start_ticks: int

    @property
    def is_local(self) -> bool:
        """Return whether the rank runs on this host."""
        return self.host == socket.gethostname()

    @property
    def process(self) -> ProcessIdentity:
        """Return the rank's process, which has a meaning on its own host only."""
        return ProcessIdentity(self.pid, self.start_ticks)


@dataclass(frozen=True)
class ConnectionInfo:
    """Content of a connection file: where a nestd listens, and what it is."""

    #: ZeroMQ endpoint of the ROUTER socket that takes commands.
    command_endpoint: str
    #: ZeroMQ endpoint of the PUB socket that publishes events.
    events_endpoint: str
    #: CURVE public key of nestd; ``None`` on ``ipc://``, where the file system guards.
    public_key: str | None
    #: Host name and process of rank 0.
    host: str
    pid: int
    start_ticks: int
    #: Number of MPI ranks.
    ranks: int
    #: Identifies this kernel; another kernel, another generation.
    generation: str
    #: Version of NEST, and whether it runs under MPI.
    nest: str
    mpi: bool
    #: Start of the kernel, ISO 8601 with offset.
    started: str
    #: How scripts are confined, for a person.
    scripts: str
    #: All ranks, in their order.
    processes: tuple[RankProcess, ...]
    protocol: int = WIRE_VERSION

    @property
    def is_linked(self) -> bool:
        """Return whether the kernel is reached over a network, which may be cut."""
        return is_tcp(self.command_endpoint)

    @property
    def is_local(self) -> bool:
        """Return whether rank 0 runs on this host."""
        return self.host == socket.gethostname()

    @property
    def process(self) -> ProcessIdentity:
        """Return the process of rank 0."""
        return ProcessIdentity(self.pid, self.start_ticks)


#: Types of the fields as JSON has them.
_TYPES: dict[str, Any] = get_type_hints(ConnectionInfo) | {"processes": list}


def write(path: Path, info: ConnectionInfo) -> None:
    """Write ``info`` to ``path``, private and never half written."""
    write_private(path, json.dumps(asdict(info), indent=1).encode() + b"\n")


def read(path: Path) -> ConnectionInfo | None:
    """Return the content of ``path``; ``None`` if there is no such file, that is, no kernel yet.

    Raises
    ------
    ConfigurationError
        If the file is no connection file, or one of another version of the protocol.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"can't read {path}: {error.strerror}") from error
    try:
        fields: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no connection file: {error}") from error
    if not isinstance(fields, dict):
        raise ConfigurationError(f"{path} is no connection file")
    version = fields.get("protocol")
    if version != WIRE_VERSION:
        raise ConfigurationError(
            f"{path} was written for version {version} of nestd's protocol, this process "
            f"speaks version {WIRE_VERSION}: install the same nestd for gateway and kernel"
        )
    endpoints = (str(fields.get(name)) for name in ("command_endpoint", "events_endpoint"))
    if any(map(is_tcp, endpoints)) and not is_key(fields.get("public_key")):
        raise ConfigurationError(
            f"{path} has an endpoint on the network and no public key: there is no connection "
            "without encryption"
        )
    wrong = [name for name, kind in _TYPES.items() if not isinstance(fields.get(name), kind)]
    if wrong:
        raise ConfigurationError(f"{path} is no connection file: {', '.join(wrong)} missing")
    try:
        processes = tuple(RankProcess(**rank) for rank in fields["processes"])
    except TypeError as error:
        raise ConfigurationError(f"{path} is no connection file: {error}") from error
    return ConnectionInfo(**{name: fields[name] for name in _TYPES} | {"processes": processes})


def remove_own(path: Path, generation: str) -> None:
    """Remove the connection file, unless another nestd has written its own meanwhile."""
    try:
        info = read(path)
    except ConfigurationError:
        return
    if info is not None and info.generation == generation:
        path.unlink(missing_ok=True)
