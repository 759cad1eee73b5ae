"""Banner that the console shows when a server is ready, and line that it shows at the end."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlencode

import click

from nestd.server.instance import Instance

#: Where NEST Desktop listens when it is started by ``nest-desktop start``.
_NEST_DESKTOP = "http://127.0.0.1:54286"


def print_banner(started: Instance, notes: list[str]) -> None:
    """Print where the server is and how to get in."""
    for note in notes:
        click.echo(f"Note: {note}")
    click.echo(f"NEST Server is now running at {' and '.join(started.urls)}.")
    # This output may be a log, where a secret must not be.
    shown = started.token() if _on_a_terminal() else None
    if not started.authentication:
        click.echo(
            "WARNING: authentication is off. Everyone who reaches "
            f"{started.host} can use this server, and the account it runs under."
        )
    # Browsers keep to themselves what is behind "#".
    fragment = f"#{urlencode({'token': shown})}" if shown else ""
    click.echo(f"  Page          {started.urls[0]}/{fragment}")
    if started.desktop:
        click.echo(f"  NEST Desktop  {started.urls[0]}/desktop/start{fragment}")
    elif shown or not started.authentication:
        query = {"nest_server_url": started.urls[0]}
        query |= {"nest_server_access_token": shown} if shown else {}
        click.echo(f"  NEST Desktop  {_NEST_DESKTOP}/#/nest?{urlencode(query)}")
    if shown:
        click.echo(f"  Access token  {shown}")
    elif started.authentication:
        click.echo(
            f"  Access token  in {started.token_file}; nest-server token -p {started.ports[0]} "
            "prints it"
        )
    click.echo(f"  Log           {started.log_file or 'on this console'}")
    if started.daemon:
        click.echo(f"  Stop          nest-server stop -p {started.ports[0]}")
    else:
        click.echo("Press Ctrl-C to stop.")
    sys.stdout.flush()


def _on_a_terminal() -> bool:
    """Return whether this output is a terminal that only its user reads.

    Open MPI gives ranks a terminal of its own and writes what they print wherever it is told to.
    """
    return sys.stdout.isatty() and "OMPI_COMM_WORLD_SIZE" not in os.environ


def print_end() -> None:
    """Print that nothing of the server is left running."""
    # A terminal has shown ^C in front.
    click.echo("\nNEST Server has stopped." if sys.stdout.isatty() else "NEST Server has stopped.")
