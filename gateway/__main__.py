"""``python -m gateway``: settings, application and HTTP server, in one process.

The gateway serves the listening sockets whose file descriptors ``NESTD_LISTEN_FDS`` names. Its
parent process has opened them, so a gateway that is restarted loses no connection. Without them the
gateway opens one itself.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from gateway.app import create_app
from gateway.http.request_log import new_request_id
from gateway.server.connection import BodyRule
from gateway.server.head import UnreadableRequest
from gateway.server.loop import HttpServer, ServerHooks
from gateway.server.reply import Application
from gateway.services import EXTENSION, Services
from gateway.settings import GatewaySettings, from_environment
from protocol.errors import NestdError
from protocol.logging import context, lines
from protocol.logging.forwarding import LogForwarder
from protocol.process.core_dumps import forbid_core_dumps
from protocol.process.identity import hide_memory
from protocol.process.ready_pipe import report_ready
from protocol.runtime.listening import listen

log = logging.getLogger(__name__)

#: Threads beyond those that can wait for the kernel: for requests that need no kernel, for streams
#: of events, and for large answers that callers take slowly.
SPARE_THREADS = 64
#: How long a stopping gateway waits for answers under way.
GRACE_S = 5
EXIT_CONFIGURATION = 78
#: Files of a gateway beside its callers' connections.
_OTHER_FILES = 256


def serve(settings: GatewaySettings, listeners: Sequence[socket.socket]) -> None:
    """Serve until a signal ends the gateway.

    SIGTERM and SIGINT leave some time for answers under way. SIGUSR2 leaves all time that they
    need: another gateway serves.
    """
    app = create_app(settings)
    services: Services = app.extensions[EXTENSION]
    lines = LogForwarder(services.events.publish_line, any_thread=True)
    for name in ("gateway", "protocol"):
        logging.getLogger(name).addHandler(lines)
    hooks = ServerHooks(report_ready, services.events.close, partial(_refused, services))
    rule = BodyRule(
        settings.body_limit_bytes, settings.connections.bytes_per_s, services.gate.admits
    )
    serve_application(app.wsgi_app, settings, listeners, rule, hooks)


def serve_application(
    application: Application,
    settings: GatewaySettings,
    listeners: Sequence[socket.socket],
    rule: BodyRule,
    hooks: ServerHooks,
) -> None:
    """Serve an application as the gateway is served, until a signal ends it."""
    limits = settings.connections
    room = _raise_file_limit(limits.count + _OTHER_FILES) - _OTHER_FILES
    if room < limits.count:
        log.warning("room for %d connections only: the limit of open files is low", room)
        limits = replace(limits, count=max(room, 16))
    threads = settings.queue_limit + SPARE_THREADS
    server = HttpServer(application, listeners, threads, rule, limits, hooks)
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: server.stop(GRACE_S))
    signal.signal(signal.SIGUSR2, lambda *_: server.stop(None))
    server.serve()


def _refused(services: Services, refusal: UnreadableRequest) -> str:
    """Count and log a request that was refused unread; return the id that its answer shows."""
    services.metrics.count_unreadable(refusal.status)
    # The header with the caller's own id was not read.
    origin = context.RequestContext(new_request_id())
    context.set_current_request(origin)
    lines.note(
        log,
        "a request can't be read",
        always=True,
        status=refusal.status,
        error=str(refusal)[:300],
    )
    return origin.request


def _raise_file_limit(wanted: int) -> int:
    """Raise the limit of open files to ``wanted``, as far as it goes; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return wanted if soft == resource.RLIM_INFINITY else soft


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
    try:
        listeners = (
            [socket.socket(fileno=int(fd)) for fd in inherited.split(",")]
            if inherited
            else listen(settings.host, settings.port)
        )
    except OSError as error:
        where = f"{settings.host}, port {settings.port}"
        print(f"the gateway can't listen on {where}: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)
    serve(settings, listeners)
    logging.shutdown()
    # Threads that wait for the kernel, or for callers, would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main(prog_name="python -m gateway")
