"""The command ``nestd``: the daemon alone, for jobs that bring their own gateway."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from nestd.runner import settings
from nestd.settings import DEFAULT_QUEUE_LIMIT, NestdSettings, drain_from
from protocol.errors import NestdError
from protocol.private_files import runtime_directory

#: Exit code for settings or an environment with which nestd can't start.
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h


@click.command(context_settings={"help_option_names": ["--help"]})
@click.option(
    "--connection-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the connection file.  [default: connection.json in the runtime directory]",
)
@click.option(
    "--queue-limit",
    type=click.IntRange(1, 100_000),
    default=DEFAULT_QUEUE_LIMIT,
    show_default=True,
    help="Commands that may wait before further ones are refused.",
)
def main(connection_file: Path | None, queue_limit: int) -> None:
    """Run a NEST kernel that takes commands over ZeroMQ.

    The variables NEST_SERVER_MODULES, NEST_SERVER_DISABLE_RESTRICTION and NEST_SERVER_EXEC_* say
    what scripts may do.

    SIGTERM and Ctrl-C stop it at the next slice of a simulation. After SIGUSR1 it takes nothing
    new, gives what runs NEST_SERVER_DRAIN seconds, and stops then.

    Exits with 0 when it was told to stop and 78 when it can't start.
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s nestd[%(process)d] %(levelname)s %(message)s",
    )
    try:
        path = connection_file or runtime_directory() / "connection.json"
        from nestd import daemon

        scripts = settings.from_environment(os.environ)
        drain_s = drain_from(os.environ)
        daemon.run(NestdSettings(path.absolute(), queue_limit, scripts, drain_s))
    except NestdError as error:
        print(f"nestd can't start: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)


if __name__ == "__main__":
    main()
