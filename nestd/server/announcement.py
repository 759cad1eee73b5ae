"""What a server says on the console when it is ready."""

from __future__ import annotations

import sys
from urllib.parse import urlencode

import click

from nestd.server.instance import Instance

#: Where NEST Desktop listens when it is started by ``nest-desktop start``.
_NEST_DESKTOP = "http://localhost:54286"


def announce(started: Instance, notes: list[str]) -> None:
    """Tell the user where the server is and how to get in, once."""
    for note in notes:
        click.echo(f"Note: {note}")
    click.echo(f"NEST Server is now running at {' and '.join(started.urls)}.")
    secret = started.token()
    if secret is None:
        click.echo(
            "WARNING: authentication is off. Everyone who reaches "
            f"{started.host} can use this server, and the account it runs under."
        )
    elif sys.stdout.isatty():
        query = urlencode({"nest_server_url": started.urls[0], "nest_server_access_token": secret})
        click.echo(f"  Access token  {secret}\n  NEST Desktop  {_NEST_DESKTOP}/?{query}#/nest")
    else:
        # This output may be a log, where a secret must not be.
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
