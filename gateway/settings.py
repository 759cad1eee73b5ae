"""Settings of a gateway, read from its environment."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.http.cors import is_loopback, parse_allowed
from gateway.server.limits import ConnectionLimits
from protocol.errors import ConfigurationError
from protocol.logging.lines import LogSettings, log_settings
from protocol.process.environment import Environment
from protocol.process.lease import LEASE_S, read_lease_s
from protocol.runtime.data_directory import DataDirectory
from protocol.runtime.data_settings import named_data_directory, quota_bytes
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import write_private
from protocol.security.local_token import problem_of_token

MIB = 2**20

DEFAULT_PORT = 52425
DEFAULT_ORIGINS = "http://localhost:*,http://127.0.0.1:*"


@dataclass(frozen=True)
class JobLimits:
    """Limits of jobs that have ended and are kept; the oldest are removed first."""

    #: Number of jobs.
    count: int
    #: Room that the jobs may take on disk.
    size_bytes: int
    #: Time since the end of a job.
    age_s: float


@dataclass(frozen=True)
class GatewaySettings:
    """Settings of one gateway, built once from its environment."""

    #: File in which nestd writes how to reach the kernel.
    connection_file: Path
    #: File in which the supervisor, if there is one, writes how a kernel ended.
    exit_file: Path
    #: Files that NEST has written for callers.
    data: DataDirectory
    #: Secret that requests have to show; ``None`` turns authentication off.
    token: str | None
    #: Origins whose pages may call, as ``scheme://host:port``; port ``*`` means any.
    origins: tuple[str, ...]
    #: Largest body of a request.
    body_limit_bytes: int
    parts_bytes: int
    #: Requests that may wait for the kernel at once; one more gets 503.
    queue_limit: int
    #: Limits of jobs that have ended and are kept.
    jobs: JobLimits
    #: Seconds for which a request goes on after its caller has hung up; ``None`` without a limit.
    hangup_s: float | None
    #: Why scripts are refused; ``None`` if they are not.
    scripts_refused: str | None
    #: Names and addresses under which this server may be called with authentication off.
    host: str
    #: Port of a gateway that opens one itself.
    port: int = DEFAULT_PORT
    #: Files of NEST Desktop to serve; ``None`` for none.
    desktop: Path | None = None
    #: Seconds for which the network to the kernel may be cut before callers are told; ``None``
    #: without a limit.
    link_s: float | None = 60.0
    #: Seconds for which the kernel keeps objects of clients of which nothing is heard.
    lease_s: float = LEASE_S
    #: Limits of connections, and of callers who send slowly.
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    #: How to log.
    log: LogSettings = field(default_factory=LogSettings)


def from_environment(variables: Mapping[str, str], is_alone: bool = False) -> GatewaySettings:
    """Build the settings from environment variables.

    Parameters
    ----------
    variables : the environment
    is_alone : whether no parent process has made a token and opened a port

    Raises
    ------
    ConfigurationError
        Naming every variable with a wrong value.
    """
    environment = Environment(variables)
    directory = environment.optional_text("NESTD_INSTANCE_DIR")
    files = RuntimeDirectory(Path(directory)) if directory else RuntimeDirectory.of_user()
    connection_file = environment.optional_text("NESTD_CONNECTION_FILE")
    if connection_file is not None and is_alone:
        files = RuntimeDirectory.of(Path(connection_file)).make()
    near = RuntimeDirectory.of(Path(connection_file)) if connection_file else files
    desktop = environment.optional_text("NESTD_DESKTOP_DIR")
    host = environment.text("NEST_SERVER_HOST", "127.0.0.1")
    token = (
        None
        if environment.flag("NEST_SERVER_DISABLE_AUTH")
        else _token(environment, files.token_file, is_alone)
    )
    settings = GatewaySettings(
        connection_file=Path(connection_file or files.connection_file),
        exit_file=files.exit_file,
        data=DataDirectory(
            named_data_directory(environment, near) or near.data, quota_bytes(environment)
        ),
        token=token,
        origins=environment.items("NEST_SERVER_CORS_ORIGINS", DEFAULT_ORIGINS),
        body_limit_bytes=environment.integer("NEST_SERVER_BODY_LIMIT_MIB", 64, 1, 65_536) * MIB,
        parts_bytes=environment.integer("NEST_SERVER_PARTS_MIB", 1024, 1, 8192) * MIB,
        queue_limit=environment.integer("NEST_SERVER_QUEUE_LIMIT", 64, 1, 4096),
        jobs=JobLimits(
            count=environment.integer("NEST_SERVER_JOBS_KEPT", 100, 1, 100_000),
            size_bytes=environment.integer("NEST_SERVER_JOBS_MIB", 1024, 1, 1_000_000) * MIB,
            age_s=environment.integer("NEST_SERVER_JOBS_HOURS", 24, 1, 100_000) * 3600.0,
        ),
        hangup_s=environment.seconds_or_off("NEST_SERVER_HANGUP", 10.0),
        scripts_refused=_scripts_refused(environment, token is not None, host),
        host=host,
        port=environment.integer("NEST_SERVER_PORT", DEFAULT_PORT, 1, 65_535),
        desktop=Path(desktop) if desktop else None,
        link_s=environment.seconds_or_off("NEST_SERVER_LINK", 60.0),
        lease_s=read_lease_s(environment),
        connections=ConnectionLimits(
            count=environment.integer("NEST_SERVER_CONNECTIONS", 4096, 16, 100_000),
            per_peer=environment.integer("NEST_SERVER_CONNECTIONS_PER_PEER", 512, 8, 100_000),
            head_s=environment.integer("NEST_SERVER_HEAD_TIMEOUT", 20, 1, 3600),
            bytes_per_s=environment.integer("NEST_SERVER_RATE_KIB", 16, 1, 1 << 20) * 1024,
        ),
        log=log_settings(variables),
    )
    for origin in settings.origins:
        if origin != "*" and parse_allowed(origin) is None:
            environment.complain(
                f"NEST_SERVER_CORS_ORIGINS has {origin!r}, which is no origin such as "
                "https://example.org, http://localhost:* or *"
            )
    environment.check()
    return settings


def _scripts_refused(environment: Environment, has_token: bool, host: str) -> str | None:
    """Return why ``/exec`` is off, if it is: turned off, or open to anyone from elsewhere."""
    name = "NEST_SERVER_ENABLE_EXEC_CALL"
    if environment.optional_text(name) is not None:
        return None if environment.flag(name) else f"scripts are turned off here ({name})"
    if has_token or is_loopback(host):
        return None
    return (
        "scripts are off as this server asks for no token and listens on more than this machine; "
        f"{name}=1 turns them on for everyone who reaches it"
    )


def _token(environment: Environment, path: Path, is_alone: bool) -> str:
    token = environment.optional_text("NEST_SERVER_ACCESS_TOKEN")
    if token:
        return _checked(token, "NEST_SERVER_ACCESS_TOKEN")
    token_file = environment.optional_text("NEST_SERVER_TOKEN_FILE")
    if token_file is not None:
        # A supervisor has read the variable, and keeps the token in its own file.
        path = Path(token_file)
    elif is_alone and not path.exists():
        write_private(path, secrets.token_hex(24).encode())
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"there is no access token: set NEST_SERVER_ACCESS_TOKEN or write one to {path}"
        ) from error
    if not token:
        raise ConfigurationError(f"the access token in {path} is empty")
    return _checked(token, str(path))


def _checked(token: str, origin: str) -> str:
    problem = problem_of_token(token)
    if problem is not None:
        raise ConfigurationError(f"{origin} {problem}")
    return token
