"""Options, exit codes and error reports that the commands of ``nest-server`` share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec

import click

from nestd.settings import EXIT_CONFIGURATION
from protocol.errors import ConfigurationError, NestdError, PortTaken, StartFailed
from protocol.logging import lines

EXIT_FAILURE = 1
EXIT_NOT_RUNNING = 3
EXIT_PORT_TAKEN = 4
EXIT_START_FAILED = 5

EXIT_CODES = """
Exit codes: 0 success, 1 failure, 2 wrong usage, 3 no such server is running, 4 the port is
taken, 5 kernel or gateway did not start, 78 wrong settings.
"""

P = ParamSpec("P")


def reporting(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap ``command`` so that errors end it with one sentence and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except PortTaken as error:
            fail(error, EXIT_PORT_TAKEN)
        except StartFailed as error:
            fail(error, EXIT_START_FAILED)
        except ConfigurationError as error:
            fail(error, EXIT_CONFIGURATION)

    return run


def fail(error: NestdError, code: int) -> NoReturn:
    """Print ``error`` and exit with ``code``."""
    click.echo(f"nest-server: {error}", err=True)
    sys.exit(code)


def start_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of ``start`` and ``restart`` to ``command``."""
    for option in reversed(
        [
            click.option("-d", "daemon", is_flag=True, help="Run in the background."),
            click.option(
                "-h", "host", metavar="HOST", help="Listen on HOST.  [default: 127.0.0.1]"
            ),
            click.option(
                "-p",
                "port",
                metavar="PORT",
                type=click.IntRange(1, 65_535),
                help="Listen on PORT only.  [default: 52425 and 5000, those that are free]",
            ),
            click.option(
                "-o",
                "console_output",
                is_flag=True,
                help="Show NEST's output on the console instead of logging it.",
            ),
            click.option(
                "-n", "ranks", metavar="RANKS", type=click.IntRange(1), help="MPI ranks of NEST."
            ),
            click.option("--desktop", is_flag=True, help="Serve NEST Desktop, too."),
            click.option(
                "--log-format",
                type=click.Choice(lines.FORMATS),
                help="Form of the lines of the log.  [default: text, which is key=value]",
            ),
            click.option(
                "-t", "timeout", metavar="SECONDS", type=int, help="Ignored: no run is killed."
            ),
            click.option(
                "-w", "workers", metavar="WORKERS", type=int, help="Ignored: there is one kernel."
            ),
            click.option("-P", "plugin", metavar="PLUGIN", help="Ignored: there is no uWSGI."),
        ]
    ):
        command = option(command)
    return command


port_option = click.option(
    "-p",
    "port",
    metavar="PORT",
    type=click.IntRange(1, 65_535),
    help="The server that listens on PORT.  [default: NEST_SERVER_PORT, or the only one]",
)


def note_ignored(timeout: int | None, workers: int | None, plugin: str | None) -> None:
    """Print notes about options that are accepted and have no effect."""
    if timeout is not None:
        click.echo("Note: -t is ignored; no run is killed for the time it takes.", err=True)
    if workers is not None:
        click.echo("Note: -w is ignored; there is one kernel.", err=True)
    if plugin is not None:
        click.echo("Note: -P is ignored; there is no uWSGI.", err=True)
