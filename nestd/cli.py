"""The command ``nestd``: the daemon alone, for jobs that bring their own gateway."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from nestd.confinement.kernel import import_numpy
from nestd.extensions import extensions_from
from nestd.logs.redirect import output_to
from nestd.network.binding import binding_from
from nestd.ranks import large_pages, mpi, secrets
from nestd.scripts import settings
from nestd.settings import (
    DEFAULT_QUEUE_LIMIT,
    EXIT_CONFIGURATION,
    NestdSettings,
    drain_from,
    lease_from,
    memory_from,
    native_from,
)
from protocol.errors import NestdError
from protocol.logging import lines
from protocol.process.ready_pipe import report_end, report_ready
from protocol.runtime.data_directory import DATA_VARIABLE
from protocol.runtime.data_settings import data_directory_from
from protocol.runtime.paths import RuntimeDirectory


@click.command(context_settings={"help_option_names": ["--help"]})
@click.option(
    "--connection-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the connection file.  [default: connection.json in the runtime directory]",
)
@click.option(
    "--data",
    metavar="DIRECTORY",
    help="Where NEST writes files for callers.  [default: NEST_SERVER_DATA, or data beside the "
    "connection file]",
)
@click.option(
    "--queue-limit",
    type=click.IntRange(1, 100_000),
    default=DEFAULT_QUEUE_LIMIT,
    show_default=True,
    help="Commands that may wait before further ones are refused.",
)
@click.option(
    "--bind",
    metavar="tcp://INTERFACE:PORT",
    help="Take commands from gateways of other hosts, encrypted and from known ones only; PORT is "
    "for commands, the next one for events, * means any.  [default: NEST_SERVER_BIND, or a socket "
    "beside the connection file]",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the log, and what NEST prints, there, each rank by itself.  [default: stderr]",
)
@click.option(
    "--log-format",
    type=click.Choice(lines.FORMATS),
    help="Form of the lines of the log.  [default: text, which is key=value]",
)
def main(
    connection_file: Path | None,
    data: str | None,
    queue_limit: int,
    bind: str | None,
    log_file: Path | None,
    log_format: str | None,
) -> None:
    """Run a NEST kernel that takes commands over ZeroMQ.

    The variables NEST_SERVER_MODULES, NEST_SERVER_DISABLE_RESTRICTION and NEST_SERVER_EXEC_* say
    what scripts may do, NEST_SERVER_MEMORY_MIB how much memory the kernel has on a machine,
    NEST_SERVER_LOG_* how to log.

    SIGTERM and Ctrl-C stop it at the next slice of a simulation. After SIGUSR1 it takes nothing
    new, gives what runs NEST_SERVER_DRAIN seconds, and stops then.

    Exits with 0 when it was told to stop and 78 when it can't start.
    """
    try:
        mpi.check_launcher()
        logging = lines.log_settings(os.environ)
        if log_format is not None:
            logging = replace(logging, format=log_format)
        lines.set_up("nestd", logging).rank = mpi.launched_rank()
        path = connection_file or RuntimeDirectory.of_user().connection_file
        variables = dict(os.environ) | ({DATA_VARIABLE: data} if data is not None else {})
        files = data_directory_from(variables, RuntimeDirectory.of(path.absolute()))
        import_numpy()
        from nestd import startup

        scripts = settings.from_environment(os.environ)
        drain_s = drain_from(os.environ)
        native = native_from(os.environ)
        with contextlib.ExitStack() as stack:
            server = RuntimeDirectory.of(path.absolute())
            # Whoever starts nestd has made the token before, if callers need one.
            secret = server.token_file if server.token_file.exists() else None
            stack.enter_context(output_to(log_file, logging, mpi.launched_rank(), secret))
            wanted = NestdSettings(
                path.absolute(),
                files.path,
                queue_limit,
                scripts,
                drain_s,
                binding_from(bind),
                native,
                files.quota_bytes,
                extensions_from(os.environ),
                memory_from(os.environ),
                lease_from(os.environ),
            )

            def ready() -> None:
                report_ready()
                # Before all else that ends then: launchers give a rank a second.
                stack.callback(report_end, [server.instance_file, server.token_file])

            startup.run(wanted, ready, stack)
    except NestdError as error:
        print(f"nestd can't start: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)


def program() -> None:
    """Run the command ``nestd``, with large pages where the system has them."""
    secrets.begin_without()
    large_pages.begin()
    main()


if __name__ == "__main__":
    program()
