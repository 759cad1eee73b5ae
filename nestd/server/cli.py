"""Command ``nest-server``."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from typing import Any

import click

from nestd.server import background, instance, settings, status_report
from nestd.server.banner import print_banner, print_end
from nestd.server.cli_options import (
    EXIT_CODES,
    EXIT_FAILURE,
    EXIT_NOT_RUNNING,
    fail,
    note_ignored,
    port_option,
    reporting,
    start_options,
)
from nestd.server.desktop_files import desktop_files
from nestd.server.instance import Instance
from nestd.server.settings import Flags, ServerSettings
from nestd.server.supervisor.state import REPLACE_GATEWAY
from nestd.server.supervisor.supervisor import Supervisor
from protocol.errors import ConfigurationError, NestdError, StartFailed
from protocol.process.environment import Environment
from protocol.process.identity import hide_memory
from protocol.process.polling import poll_until

#: How long the supervisor may take to stop its children and itself.
STOP_DEADLINE_S = 15.0
#: How long a gateway may take to serve.
REPLACE_DEADLINE_S = 60.0


@click.group(context_settings={"help_option_names": ["--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="nestd", prog_name="nest-server")
def main() -> None:
    """Put a running NEST simulator behind HTTP.

    \b
    nest-server start        start in the foreground, stop with Ctrl-C
    nest-server start -d     start in the background

    The variables NEST_SERVER_* of NEST Server are honoured; flags win over them.
    """
    # They may have the token in them.
    hide_memory()


@main.command(epilog=EXIT_CODES)
@start_options
@reporting
def start(timeout: int | None, workers: int | None, plugin: str | None, **flags: Any) -> None:
    """Start a server and say when it answers."""
    note_ignored(timeout, workers, plugin)
    _start(settings.build(Flags(**flags), os.environ))


@main.command(epilog=EXIT_CODES)
@port_option
@click.option("-n", "ranks", type=click.IntRange(1), help="MPI ranks of NEST.  [default: 1]")
@reporting
def kernel(port: int | None, ranks: int | None) -> None:
    """Run the kernel of a server alone, for a service manager.

    The gateway with the same port finds it. SIGTERM gives what runs NEST_SERVER_DRAIN seconds.
    """
    _serve_part(Flags(port=port, ranks=ranks), settings.Part.KERNEL)


@main.command(epilog=EXIT_CODES)
@port_option
@click.option("-h", "host", metavar="HOST", help="Listen on HOST.  [default: 127.0.0.1]")
@click.option("--desktop", is_flag=True, help="Serve NEST Desktop, too.")
@reporting
def gateway(port: int | None, host: str | None, desktop: bool) -> None:
    """Run the gateway of a server alone, for a service manager.

    The gateway serves the kernel with the same port, whenever there is one. SIGUSR2 has another
    gateway take its place, which loses no request.
    """
    _serve_part(Flags(port=port, host=host, desktop=desktop), settings.Part.GATEWAY)


def _serve_part(flags: Flags, part: settings.Part) -> None:
    wanted = settings.build(flags, os.environ)
    os.environ.pop("NEST_SERVER_ACCESS_TOKEN", None)
    Supervisor(replace(wanted, part=part, daemon=False), lambda *_: None).run()


@main.command(epilog=EXIT_CODES)
@port_option
@click.option(
    "--drain",
    is_flag=True,
    help="Let what runs end before, for at most NEST_SERVER_DRAIN seconds of the server.",
)
@reporting
def stop(port: int | None, drain: bool) -> None:
    """Stop a server and its kernel; the network is lost.

    A simulation ends at its next slice. With --drain it goes on to its end, as far as the server
    gives it time; nothing new is taken meanwhile, and what waits is turned away.
    """
    found = _the_only(port)
    if drain:
        os.kill(found.supervisor.pid, signal.SIGUSR1)
        # The server ends in its own time; Ctrl-C leaves it to that.
        while not poll_until(lambda: not found.is_running(), STOP_DEADLINE_S):
            click.echo("nest-server: waiting for what runs; a second stop ends it.", err=True)
    else:
        _stop(found)
    click.echo(f"NEST Server at {found.urls[0]} has stopped.")


@main.command(epilog=EXIT_CODES)
@start_options
@click.option(
    "--gateway",
    "gateway_only",
    is_flag=True,
    help="Replace the gateway alone: no request and no network is lost.",
)
@reporting
def restart(
    timeout: int | None,
    workers: int | None,
    plugin: str | None,
    gateway_only: bool,
    **flags: Any,
) -> None:
    """Stop a server and start it again, with its token and settings.

    Without a running server, one is only started.
    """
    if gateway_only:
        _replace_gateway(_the_only(flags["port"]))
        return
    note_ignored(timeout, workers, plugin)
    wanted = settings.build(Flags(**flags), os.environ)
    port = flags["port"] or _port_from_environment()
    candidates = instance.find(port)
    if len(candidates) > 1:
        fail(ConfigurationError(_which(candidates)), EXIT_FAILURE)
    if candidates:
        found = candidates[0]
        wanted = replace(
            wanted,
            host=flags["host"] or found.host,
            ports=found.ports,
            ranks=flags["ranks"] or found.ranks,
            desktop=wanted.desktop or (desktop_files() if found.desktop else None),
            daemon=wanted.daemon or found.daemon,
            log_file=wanted.log_file or found.log_file,
            data=wanted.data or found.data,
            log=replace(wanted.log, format=_log_format(flags["log_format"]) or found.log_format),
            token=wanted.token or found.token(),
            no_authentication=wanted.no_authentication or not found.authentication,
        )
        _stop(found)
    _start(wanted)


@main.command(epilog=EXIT_CODES)
@port_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reporting
def status(port: int | None, as_json: bool) -> None:
    """Show the servers of this user that run."""
    found = instance.find(port)
    described = [status_report.describe(server) for server in found]
    if as_json:
        click.echo(json.dumps(described, indent=1))
    elif not found:
        click.echo("No NEST Server is running." if port is None else _nothing_on(port))
    for server in [] if as_json else described:
        click.echo(status_report.lines(server))
    if not found:
        sys.exit(EXIT_NOT_RUNNING)


@main.command(epilog=EXIT_CODES)
@port_option
@click.option("-l", "lines", type=click.IntRange(0), default=50, help="Lines to begin with.")
@click.option("--no-follow", is_flag=True, help="Print what there is and end.")
@reporting
def log(port: int | None, lines: int, no_follow: bool) -> None:
    """Print a server's log and go on as it grows, until Ctrl-C."""
    port = port or _port_from_environment()
    running = instance.find(port)
    if running:
        path = _the_only(port).log_file
    else:
        # The log of a server that ended, perhaps at its start, says why.
        path = instance.default_log_file(port or settings.DEFAULT_PORTS[0])
    if path is None or not path.exists():
        fail(NestdError(f"there is no log{f' at {path}' if path else ''}"), EXIT_NOT_RUNNING)
    follow = [] if no_follow else ["-F"]
    # The parent may have Ctrl-C ignored, and tail would inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp("tail", ["tail", "-n", str(lines), *follow, str(path)])  # noqa: S606, S607


@main.command(epilog=EXIT_CODES)
@click.option("-h", "host", metavar="HOST", help="The address to listen on.")
@click.option("-p", "port", metavar="PORT", type=click.IntRange(1, 65_535), help="The port.")
@click.option("-n", "ranks", type=click.IntRange(1), help="MPI ranks of NEST.")
@click.option("-t", "threads", type=click.IntRange(1), default=1, help="Threads of each rank.")
@reporting
def doctor(host: str | None, port: int | None, ranks: int | None, threads: int) -> None:
    """Check what a server needs here, and print what to do where something is wrong.

    Ends with 1 if a server as described would not work.
    """
    # Imports NumPy, for which no other command has to wait.
    from nestd.server.doctor.checks import Level, WantedServer, check, report

    wanted = settings.build(Flags(host=host, port=port, ranks=ranks), os.environ)
    findings = check(WantedServer(wanted.host, wanted.ports, wanted.ranks, threads))
    click.echo(report(findings))
    if any(finding.level is Level.PROBLEM for finding in findings):
        sys.exit(EXIT_FAILURE)


@main.command(epilog=EXIT_CODES)
@port_option
@reporting
def token(port: int | None) -> None:
    """Print a server's access token, for scripts: $(nest-server token)."""
    found = _the_only(port).token()
    if found is None:
        fail(NestdError("this server asks for no token"), EXIT_FAILURE)
    click.echo(found)


def _start(wanted: ServerSettings) -> None:
    if wanted.daemon:
        directory, notes = background.start(wanted)
        started = next(
            (server for server in instance.running() if server.directory == directory), None
        )
        if started is None:
            raise StartFailed("the server ended right after it was ready; see its log")
        print_banner(started, notes)
    else:
        os.environ.pop("NEST_SERVER_ACCESS_TOKEN", None)
        click.echo("Starting NEST Server …")
        Supervisor(wanted, print_banner, print_end).run()


def _stop(found: Instance) -> None:
    """Stop the supervisor, which stops its children; kill it if it does not stop."""
    os.kill(found.supervisor.pid, signal.SIGINT)
    if poll_until(lambda: not found.is_running(), STOP_DEADLINE_S):
        return
    click.echo("nest-server: the server does not stop by itself and is killed.", err=True)
    os.kill(found.supervisor.pid, signal.SIGKILL)
    poll_until(lambda: not found.is_running(), STOP_DEADLINE_S)
    found.remove()


def _replace_gateway(found: Instance) -> None:
    """Have another gateway take the place of the one that serves, and wait until it does."""
    if found.gateway is None:
        reason = "its gateway can't be replaced: it belongs to the MPI job, or is just starting"
        fail(NestdError(reason), EXIT_FAILURE)
    os.kill(found.supervisor.pid, REPLACE_GATEWAY)

    def is_replaced() -> bool:
        servers = instance.find(found.ports[0])
        return any(server.gateway != found.gateway for server in servers)

    if not poll_until(is_replaced, REPLACE_DEADLINE_S):
        reason = "the new gateway does not serve, and the old one goes on; nest-server log says why"
        fail(NestdError(reason), EXIT_FAILURE)
    click.echo(f"NEST Server at {found.urls[0]} has a new gateway.")


def _the_only(port: int | None) -> Instance:
    """Return the server on ``port``, or the only server there is."""
    port = port or _port_from_environment()
    found = instance.find(port)
    if not found:
        fail(NestdError(_nothing_on(port)), EXIT_NOT_RUNNING)
    if len(found) > 1:
        fail(NestdError(_which(found)), EXIT_FAILURE)
    return found[0]


def _nothing_on(port: int | None) -> str:
    return f"No NEST Server of yours is running{f' on port {port}' if port else ''}."


def _which(found: list[Instance]) -> str:
    ports = ", ".join(str(server.ports[0]) for server in found)
    return f"there are servers on ports {ports}; choose one with -p PORT"


def _port_from_environment() -> int | None:
    environment = Environment(os.environ)
    port = environment.integer("NEST_SERVER_PORT", 0, 1, 65_535)
    environment.check()
    return port or None


def _log_format(flag: str | None) -> str | None:
    """Return the form of the log's lines by flag or environment; ``None`` if neither is set."""
    return flag or Environment(os.environ).optional_text("NEST_SERVER_LOG_FORMAT")


if __name__ == "__main__":
    main()
