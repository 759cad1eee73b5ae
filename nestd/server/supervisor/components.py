"""Kernel and gateway of a server as children: their commands and environments."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from typing import IO

from nestd.ranks import large_pages
from nestd.server.instance import Instance
from nestd.server.launch.launcher import kernel_command
from nestd.server.settings import ServerSettings
from nestd.server.supervisor.child_process import Child
from nestd.settings import DRAIN_VARIABLE
from protocol.process.identity import python_command
from protocol.runtime.data_directory import DATA_VARIABLE

#: How long a gateway may take to finish when the whole server stops.
GATEWAY_GRACE_S = 8.0


def kernel_child(instance: Instance, settings: ServerSettings, output: IO[bytes] | None) -> Child:
    """Return the kernel of a server, not yet started.

    Parameters
    ----------
    output : pipe of the log; ``None`` where the kernel prints to the supervisor's console
    """
    # In the background there is no console to show anything on.
    is_on_console = settings.console_output and not instance.daemon
    arguments = ["--connection-file", str(instance.connection_file)]
    arguments += ["--queue-limit", str(settings.queue_limit)]
    if settings.data is not None:
        arguments += ["--data", str(settings.data)]
    if output is not None and not is_on_console and settings.ranks > 1:
        # A launcher mixes what the ranks print, and does not say which did.
        arguments += ["--log-file", str(instance.log_file)]
    return Child(
        kernel_command(settings.ranks, arguments),
        {
            # How long what runs may take is measured by the supervisor.
            DRAIN_VARIABLE: "off",
            **large_pages.variables(os.environ),
            **_log_variables(settings),
        },
        None if is_on_console else output,
    )


def gateway_child(
    instance: Instance,
    settings: ServerSettings,
    listeners: Sequence[socket.socket],
    output: IO[bytes] | None,
    parent_death: signal.Signals = signal.SIGKILL,
) -> Child:
    """Return a gateway of a server, not yet started.

    Each gateway inherits the sockets on which callers arrive. So while a gateway is replaced both
    serve for a moment: the new one says that it serves, and then the old one is told to take
    nothing new, finish what it has, and end.

    Parameters
    ----------
    output : pipe of the log; ``None`` where the gateway prints to this process' console
    parent_death : the signal that the gateway gets when its parent dies
    """
    fds = tuple(listener.fileno() for listener in listeners)
    return Child(
        python_command("gateway"),
        {
            "NESTD_INSTANCE_DIR": str(instance.directory),
            "NESTD_LISTEN_FDS": ",".join(map(str, fds)),
            "NEST_SERVER_HOST": instance.host,
            "NEST_SERVER_QUEUE_LIMIT": str(settings.queue_limit),
            "NEST_SERVER_DISABLE_AUTH": "0" if instance.authentication else "1",
            "NESTD_DESKTOP_DIR": str(settings.desktop or ""),
            DATA_VARIABLE: str(settings.data or ""),
            **_log_variables(settings),
        },
        output,
        fds,
        parent_death,
        says_ready=True,
    )


def _log_variables(settings: ServerSettings) -> dict[str, str]:
    """Return the variables that tell a child how to log."""
    return {
        "NEST_SERVER_LOG_FORMAT": settings.log.format,
        "NEST_SERVER_LOG_LEVEL": settings.log.level,
    }
