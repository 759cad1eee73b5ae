"""``python -m gateway``: the application under gunicorn, one process, many threads.

The gateway serves the listening sockets whose file descriptors ``NESTD_LISTEN_FDS`` names. Its
parent process has opened them, so a gateway that is restarted loses no connection. Without them the
gateway opens one itself.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication

from gateway.app import create_app
from gateway.http.server import GunicornArbiter, GunicornLogger, GunicornWorker
from gateway.services import EXTENSION
from gateway.settings import GatewaySettings, from_environment
from protocol.errors import NestdError
from protocol.logging import lines
from protocol.logging.forwarding import LogForwarder
from protocol.process.core_dumps import forbid_core_dumps
from protocol.process.identity import hide_memory

#: Threads beyond those that can wait for the kernel: for requests that need no kernel, and for
#: clients that send slowly. Threads are made when they are needed.
SPARE_THREADS = 64
#: How long a stopping gateway waits for answers under way.
GRACE_S = 5
EXIT_CONFIGURATION = 78


class GunicornServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's application object for the gateway.

    Parameters
    ----------
    settings : of the gateway
    listeners : addresses to listen on, as gunicorn writes them
    """

    def __init__(self, settings: GatewaySettings, listeners: list[str]) -> None:
        self._settings = settings
        self._listeners = listeners
        super().__init__()

    def load_config(self) -> None:
        """Configure gunicorn."""
        threads = self._settings.queue_limit + SPARE_THREADS
        config: dict[str, Any] = {
            "bind": self._listeners,
            "worker_class": GunicornWorker,
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
            # Gunicorn's console is at a fixed path, where a second server would collide.
            "control_socket_disable": True,
        }
        for name, value in config.items():
            # Settings that this version of gunicorn does not have are not needed either.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until a signal ends the server."""
        GunicornArbiter(self).run()

    def load(self) -> Flask:
        """Make the application, in the worker process."""
        app = create_app(self._settings)
        publish_line = app.extensions[EXTENSION].events.publish_line
        logging.getLogger("gateway").addHandler(LogForwarder(publish_line, any_thread=True))
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
    """Serve HTTP for the kernel that a connection file names, whether it runs already or not.

    The kernel may be on another host, and another kernel may replace it at any time. The gateway
    reads those of the variables NEST_SERVER_* that are about callers, limits, jobs and the log. The
    access token is in the file token beside the connection file, which is made if it is missing.
    nest-server start starts a gateway by itself.

    Exits with 78 if the settings are wrong.
    """
    hide_memory()
    options = {
        "NESTD_CONNECTION_FILE": connection_file and str(Path(connection_file).absolute()),
        "NEST_SERVER_HOST": host,
        "NEST_SERVER_PORT": port and str(port),
        "NEST_SERVER_LOG_FORMAT": log_format,
    }
    variables = dict(os.environ) | {name: value for name, value in options.items() if value}
    inherited = variables.get("NESTD_LISTEN_FDS", "")
    try:
        settings = from_environment(variables, is_alone=not inherited)
    except NestdError as error:
        print(f"the gateway can't start: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)
    forbid_core_dumps()
    lines.set_up("gateway", settings.log, secret=settings.token)
    listeners = [f"fd://{fd}" for fd in inherited.split(",")]
    if not inherited:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        listeners = [f"{host}:{settings.port}"]
    sys.argv = sys.argv[:1]
    GunicornServer(settings, listeners).run()


if __name__ == "__main__":
    main(prog_name="python -m gateway")
