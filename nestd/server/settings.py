"""Settings of a server: flag over environment over default."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from nestd.confinement.memory import LEAST_BYTES, MIB
from nestd.scripts import settings as scripts
from nestd.server.desktop_files import desktop_files
from nestd.settings import (
    DEFAULT_DRAIN_S,
    DEFAULT_QUEUE_LIMIT,
    DRAIN_VARIABLE,
    MEMORY_VARIABLE,
    NATIVE_VARIABLE,
)
from protocol.errors import ConfigurationError
from protocol.logging.lines import LogSettings, log_settings
from protocol.process.environment import Environment
from protocol.runtime.data_settings import named_data_directory, quota_bytes
from protocol.security.local_token import problem_of_token

DEFAULT_HOST = "127.0.0.1"
#: The port of NEST Server 3.10 and NEST Desktop, and that of the older documentation.
DEFAULT_PORTS = (52425, 5000)


class Part(enum.Enum):
    """Part of a server that a supervisor runs: all, or a half, so that each half is a service."""

    BOTH = "both"
    KERNEL = "kernel"
    GATEWAY = "gateway"


@dataclass(frozen=True)
class ServerSettings:
    """Settings of one server, built once in ``nestd/server/cli.py``."""

    #: Name or address to listen on.
    host: str = DEFAULT_HOST
    #: Ports to listen on; of several, those that are taken are left out.
    ports: tuple[int, ...] = DEFAULT_PORTS
    #: Run in the background.
    daemon: bool = False
    #: Show NEST's output on the console instead of writing it to the log.
    console_output: bool = False
    #: Where to write the log; ``None`` for a file in the runtime directory.
    log_file: Path | None = None
    #: The token to ask for; ``None`` makes a new one.
    token: str | None = None
    #: Ask for no token.
    no_authentication: bool = False
    #: MPI ranks of the kernel.
    ranks: int = 1
    #: Requests that may wait for the kernel at once.
    queue_limit: int = DEFAULT_QUEUE_LIMIT
    #: How long what runs may take after SIGTERM; ``None`` without a limit.
    drain_s: float | None = DEFAULT_DRAIN_S
    #: Files of NEST Desktop to serve too; ``None`` for none.
    desktop: Path | None = None
    #: Where NEST writes files for callers; ``None`` for a directory among the server's own.
    data: Path | None = None
    #: How to log.
    log: LogSettings = field(default_factory=LogSettings)
    #: What of the server is run here.
    part: Part = Part.BOTH

    def to_json(self) -> str:
        """Return the settings as JSON, with the token, so for the background process alone."""
        paths = {"log_file": self.log_file, "desktop": self.desktop, "data": self.data}
        texts = {name: str(path) if path else None for name, path in paths.items()}
        return json.dumps(asdict(self) | texts | {"part": self.part.value})

    @staticmethod
    def from_json(text: str) -> ServerSettings:
        """Return the settings that :meth:`to_json` wrote."""
        fields = json.loads(text)
        fields["ports"] = tuple(fields["ports"])
        fields["part"] = Part(fields["part"])
        for name in ("log_file", "desktop", "data"):
            fields[name] = Path(fields[name]) if fields[name] else None
        fields["log"] = LogSettings(**fields["log"])
        return ServerSettings(**fields)


@dataclass(frozen=True)
class Flags:
    """Flags of the command line; ``None`` and ``False`` where a flag is not set."""

    host: str | None = None
    port: int | None = None
    daemon: bool = False
    console_output: bool = False
    ranks: int | None = None
    desktop: bool = False
    log_format: str | None = None


def build(flags: Flags, variables: Mapping[str, str]) -> ServerSettings:
    """Build settings from flags and environment.

    Raises
    ------
    ConfigurationError
        Naming everything that is wrong.
    """
    environment = Environment(variables)
    port = flags.port
    if port is None:
        port = environment.integer("NEST_SERVER_PORT", 0, 1, 65_535) or None
    log_file = environment.optional_text("NEST_SERVER_LOGFILE")
    desktop: Path | None = None
    if flags.desktop or environment.flag("NEST_SERVER_DESKTOP"):
        try:
            desktop = desktop_files()
        except ConfigurationError as error:
            environment.complain(error.message)
    log = LogSettings()
    try:
        log = log_settings(variables)
    except ConfigurationError as error:
        environment.complain(error.message)
    if flags.log_format is not None:
        log = replace(log, format=flags.log_format)
    settings = ServerSettings(
        host=flags.host or environment.text("NEST_SERVER_HOST", DEFAULT_HOST),
        ports=DEFAULT_PORTS if port is None else (port,),
        daemon=flags.daemon or environment.flag("NEST_SERVER_DAEMON"),
        console_output=flags.console_output or environment.flag("NEST_SERVER_STDOUT"),
        log_file=Path(log_file).absolute() if log_file else None,
        token=_token(environment),
        no_authentication=environment.flag("NEST_SERVER_DISABLE_AUTH"),
        ranks=flags.ranks or environment.integer("NEST_SERVER_RANKS", 1, 1, 2**20),
        queue_limit=environment.integer("NEST_SERVER_QUEUE_LIMIT", DEFAULT_QUEUE_LIMIT, 1, 4096),
        drain_s=environment.seconds_or_off(DRAIN_VARIABLE, DEFAULT_DRAIN_S),
        desktop=desktop,
        data=named_data_directory(environment),
        log=log,
    )
    # Accepted for clients' scripts; there is one kernel, and no time after which it is killed.
    environment.integer("NEST_SERVER_TIMEOUT", 30, 0, 10**9)
    environment.integer("NEST_SERVER_WORKERS", 1, 1, 10**6)
    # Read by the gateway and by nestd themselves; a wrong value is better reported here.
    environment.integer("NEST_SERVER_BODY_LIMIT_MIB", 64, 1, 65_536)
    environment.integer("NEST_SERVER_PARTS_MIB", 1024, 1, 8192)
    quota_bytes(environment)
    environment.integer(MEMORY_VARIABLE, 0, LEAST_BYTES // MIB, 2**24)
    environment.choice(NATIVE_VARIABLE, ("on", "off"), "on")
    try:
        # For nestd, which reads them itself; likewise.
        scripts.from_environment(variables)
    except ConfigurationError as error:
        environment.complain(error.message)
    if settings.token is not None and not settings.no_authentication:
        given = environment.optional_text("NEST_SERVER_ACCESS_TOKEN") is not None
        problem = problem_of_token(settings.token)
        if problem is not None:
            name = "NEST_SERVER_ACCESS_TOKEN" if given else "NEST_SERVER_TOKEN_FILE"
            environment.complain(f"{name} {problem}")
    environment.check()
    return settings


def _token(environment: Environment) -> str | None:
    """Return the token of the environment, or of the file that the environment names."""
    token = environment.optional_text("NEST_SERVER_ACCESS_TOKEN")
    path = environment.optional_text("NEST_SERVER_TOKEN_FILE")
    if token is not None or path is None:
        return token
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        environment.complain(f"NEST_SERVER_TOKEN_FILE can't be read: {error}")
        return None
    if not token:
        environment.complain(f"NEST_SERVER_TOKEN_FILE names {path}, which is empty")
    return token or None
