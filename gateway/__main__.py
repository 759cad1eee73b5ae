"""``python -m gateway``: the application under gunicorn, one process, many threads.

It serves the listening sockets whose file descriptors ``NESTD_LISTEN_FDS`` names. Whoever
starts it has opened them, so a gateway that is restarted loses no connection. Without them it opens
one itself.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from gateway.app import create_app
from gateway.http.request_log import GunicornLogger
from gateway.http.server import RETIREMENT_S
from gateway.settings import GatewaySettings, from_environment
from protocol.errors import NestdError
from protocol.logging import lines
from protocol.logging.forwarding import LogForwarder

#: Threads beyond those that can wait for the kernel: they answer what needs no kernel, and
#: read from clients that send slowly. They are made when they are needed.
SPARE_THREADS = 64
#: How long a stopping gateway waits for answers under way.
GRACE_S = 5
EXIT_CONFIGURATION = 78


class _Master(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's master, which can also be replaced."""

    def handle_usr2(self) -> NoReturn:
        """Another gateway serves: take nothing new, and end when everything is answered."""
        self.log.info("replaced by another gateway, ends with the last answer")
        self.cfg.set("graceful_timeout", RETIREMENT_S)
        raise StopIteration


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, settings: GatewaySettings, listeners: list[str]) -> None:
        self._settings = settings
        self._listeners = listeners
        super().__init__()

    def load_config(self) -> None:
        threads = self._settings.queue_limit + SPARE_THREADS
        wanted: dict[str, Any] = {
            "bind": self._listeners,
            "worker_class": "gateway.http.server.GunicornWorker",
            "workers": 1,
            "threads": threads,
            "worker_connections": 1000 + threads,
            "keepalive": 75,
            # A wait for the kernel may take days; the worker is not hung meanwhile.
            "timeout": 0,
            "graceful_timeout": GRACE_S,
            "limit_request_line": 8190,
            "logger_class": GunicornLogger,
            "proc_name": "nest-gateway",
            # Its own console at a fixed path, which a second server would collide with.
            "control_socket_disable": True,
        }
        for name, value in wanted.items():
            # Settings that this version of gunicorn does not have are not needed either.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def run(self) -> None:
        _Master(self).run()

    def load(self) -> Flask:
        app = create_app(self._settings)
        tell_line = app.extensions["events"].tell_line
        logging.getLogger("gateway").addHandler(LogForwarder(tell_line, any_thread=True))
        return app


@click.command(context_settings={"help_option_names": ["--help"]})
@click.option(
    "--connection-file",
    metavar="FILE",
    help="That nestd writes.  [default: connection.json in the runtime directory]",
)
@click.option("-h", "--host", metavar="HOST", help="Listen on HOST.  [default: 127.0.0.1]")
@click.option(
    "-p", "--port", type=click.IntRange(1, 65_535), help="Listen on PORT.  [default: 52425]"
)
@click.option(
    "--log-format", type=click.Choice(lines.FORMATS), help="Form of the log.  [default: text]"
)
def main(
    connection_file: str | None, host: str | None, port: int | None, log_format: str | None
) -> None:
    """Serve HTTP for the kernel that a connection file names, be it there already or not.

    It may be on another host, and be replaced by another kernel at any time. Of the variables
    NEST_SERVER_* those are honoured that are about callers, limits, jobs and the log. The access
    token is in the file token beside the connection file, which is made if it is missing.
    nest-server start starts a gateway by itself.

    Exits with 78 if the settings are wrong.
    """
    said = {
        "NESTD_CONNECTION_FILE": connection_file and str(Path(connection_file).absolute()),
        "NEST_SERVER_HOST": host,
        "NEST_SERVER_PORT": port and str(port),
        "NEST_SERVER_LOG_FORMAT": log_format,
    }
    variables = dict(os.environ) | {name: value for name, value in said.items() if value}
    inherited = variables.get("NESTD_LISTEN_FDS", "")
    try:
        settings = from_environment(variables, is_alone=not inherited)
    except NestdError as error:
        print(f"the gateway can't start: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)
    lines.set_up("gateway", settings.log, secret=settings.token)
    listeners = [f"fd://{fd}" for fd in inherited.split(",")]
    if not inherited:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        listeners = [f"{host}:{settings.port}"]
    sys.argv = sys.argv[:1]
    _Server(settings, listeners).run()


if __name__ == "__main__":
    main(prog_name="python -m gateway")
