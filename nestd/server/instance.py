"""Running servers of this user, one directory each in the private runtime directory.

A server is identified by its ports; its process by pid and start time, never by its name.
"""

from __future__ import annotations

import datetime
import json
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from nestd.server.settings import Part, ServerSettings
from protocol.errors import ConfigurationError
from protocol.process.identity import ProcessIdentity, identify
from protocol.process.polling import poll_until
from protocol.runtime import connection_file
from protocol.runtime.data_directory import DataDirectory
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import write_private

#: How long a kernel may take to end whose supervisor has ended.
ENDING_DEADLINE_S = 5.0


@dataclass(frozen=True)
class Instance:
    """Server that runs: its settings and where its files lie."""

    directory: Path
    supervisor: ProcessIdentity
    host: str
    ports: tuple[int, ...]
    log_file: Path | None
    daemon: bool
    authentication: bool
    #: MPI ranks it was started with.
    ranks: int
    #: Start, ISO 8601 with offset.
    started: str
    #: Whether it serves NEST Desktop too.
    desktop: bool
    #: Form of the lines of its log.
    log_format: str
    #: Process id of the gateway that serves, if a supervisor watches over it.
    gateway: int | None = None
    #: Where NEST writes files for callers, if that was named.
    data: Path | None = None

    @property
    def _files(self) -> RuntimeDirectory:
        return RuntimeDirectory(self.directory)

    @property
    def connection_file(self) -> Path:
        """Path of the connection file, which nestd writes."""
        return self._files.connection_file

    @property
    def exit_file(self) -> Path:
        """Path of the note of how the last kernel ended, which the supervisor writes."""
        return self._files.exit_file

    @property
    def token_file(self) -> Path:
        """Path of the access token."""
        return self._files.token_file

    @property
    def urls(self) -> list[str]:
        """URLs at which the server answers."""
        return [f"http://{url_host(self.host)}:{port}" for port in self.ports]

    def is_running(self) -> bool:
        """Return whether the supervisor runs."""
        return self.supervisor.is_running()

    def token(self) -> str | None:
        """Return the access token; ``None`` if the server asks for none."""
        try:
            return self.token_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def save(self) -> None:
        """Write the instance to its directory."""
        state = asdict(self) | {
            "directory": None,
            "log_file": str(self.log_file) if self.log_file else None,
            "data": str(self.data) if self.data else None,
        }
        write_private(self._files.instance_file, json.dumps(state, indent=1).encode() + b"\n")

    def remove(self, part: Part = Part.BOTH) -> None:
        """Remove the files of ``part``; of a whole server, the directory with all in it.

        Jobs outlive half of a server: their results are fetched from the next.
        """
        if part is Part.BOTH:
            self._files.remove()
        elif part is Part.KERNEL:
            self._files.remove_kernel()
            self._files.remove_reports()
        else:
            self._files.remove_instance()


def url_host(host: str) -> str:
    """Return ``host`` as written in a URL that can be called from this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # reads it
    return f"[{reachable}]" if ":" in reachable else reachable


def directory_for(port: int) -> Path:
    """Return the directory of the server whose first port is ``port``."""
    return RuntimeDirectory.of_user().server(port).path


def default_log_file(port: int) -> Path:
    """Return the log file, which outlives the server whose first port is ``port``."""
    return RuntimeDirectory.of_user().server_log(port)


def running() -> list[Instance]:
    """Return all servers of this user that run, in the order of their first ports."""
    return sorted(
        (instance for instance in _saved() if instance.is_running()),
        key=lambda instance: instance.ports,
    )


def find(port: int | None) -> list[Instance]:
    """Return the running servers that listen on ``port``, or all if ``port`` is ``None``."""
    return [instance for instance in running() if port is None or port in instance.ports]


def _saved() -> Iterator[Instance]:
    for server in RuntimeDirectory.of_user().servers():
        try:
            state = json.loads(server.instance_file.read_bytes())
            yield Instance(
                directory=server.path,
                supervisor=ProcessIdentity(**state["supervisor"]),
                host=state["host"],
                ports=tuple(state["ports"]),
                log_file=Path(state["log_file"]) if state["log_file"] else None,
                daemon=state["daemon"],
                authentication=state["authentication"],
                ranks=state["ranks"],
                started=state["started"],
                desktop=state["desktop"],
                log_format=state["log_format"],
                gateway=state["gateway"],
                data=Path(state["data"]) if state["data"] else None,
            )
        except (OSError, ValueError, KeyError, TypeError):
            # Being made, being removed, or not ours: no running server in any case.
            continue


def make_instance(
    settings: ServerSettings,
    listeners: list[socket.socket],
    supervisor: ProcessIdentity | None = None,
) -> Instance:
    """Make the instance of the server that this process starts, with its directory and token.

    Parameters
    ----------
    settings : of the server
    listeners : on which callers arrive
    supervisor : process that ends the server when it ends; ``None`` for this one

    Raises
    ------
    ConfigurationError
        If the directory is not private, or has the kernel of another process.
    """
    part = settings.part
    ports = tuple(dict.fromkeys(listener.getsockname()[1] for listener in listeners))
    # Halves of a server meet where their settings say, whether or not the port is free.
    directory = directory_for(ports[0] if part is Part.BOTH else settings.ports[0])
    if part is not Part.GATEWAY:
        _refuse_second_kernel(directory)
    if settings.data is not None:
        DataDirectory(settings.data).make()
    # Its last user is gone, as the port is free.
    if part is Part.BOTH:
        RuntimeDirectory(directory).clear()
    RuntimeDirectory(directory).make()
    if settings.data is None:
        DataDirectory(RuntimeDirectory(directory).data).make()
    log_file = settings.log_file
    wants_file = settings.daemon or not settings.console_output
    if log_file is None and wants_file and part is Part.BOTH:
        log_file = default_log_file(ports[0])
    instance = Instance(
        directory=directory,
        supervisor=supervisor or identify(os.getpid()) or ProcessIdentity(os.getpid(), 0),
        host=settings.host,
        ports=ports or settings.ports,
        log_file=log_file,
        daemon=settings.daemon,
        authentication=not settings.no_authentication,
        ranks=settings.ranks,
        started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        desktop=settings.desktop is not None,
        log_format=settings.log.format,
        data=settings.data,
    )
    if part is not Part.BOTH:
        instance.remove(part)
    if part is Part.KERNEL:
        return instance
    if instance.authentication:
        write_private(instance.token_file, (settings.token or secrets.token_hex(24)).encode())
    instance.save()
    return instance


def _refuse_second_kernel(directory: Path) -> None:
    """Raise if a kernel uses the directory, such as that of a service whose gateway is away."""
    try:
        info = connection_file.read(RuntimeDirectory(directory).connection_file)
    except ConfigurationError:
        # A file of another version, or one that can't be read: its process can't be ours.
        return
    if info is None or not info.is_local:
        return
    # A kernel whose supervisor was killed ends soon.
    if not poll_until(lambda: not info.process.is_running(), ENDING_DEADLINE_S):
        raise ConfigurationError(
            f"there is a kernel in {directory} already, process {info.pid}; choose "
            "another server with -p PORT"
        )
