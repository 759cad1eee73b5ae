"""``python -m gateway``: the application under gunicorn, one process, many threads.

It serves the listening sockets whose file descriptors ``NESTD_LISTEN_FDS`` names. Whoever
starts it has opened them, so a gateway that is restarted loses no connection.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, NoReturn

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from gateway.app import create_app
from gateway.settings import GatewaySettings, from_environment
from gateway.worker import RETIREMENT_S
from protocol.errors import NestdError

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
            "bind": [f"fd://{fd}" for fd in self._listeners],
            "worker_class": "gateway.worker.Worker",
            "workers": 1,
            "threads": threads,
            "worker_connections": 1000 + threads,
            "keepalive": 75,
            # A wait for the kernel may take days; the worker is not hung meanwhile.
            "timeout": 0,
            "graceful_timeout": GRACE_S,
            "limit_request_line": 8190,
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
        return create_app(self._settings)


def main() -> None:
    """Serve until a signal ends it; exits with 78 if the settings are wrong."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s gateway[%(process)d] %(levelname)s %(message)s",
    )
    try:
        settings = from_environment(os.environ)
    except NestdError as error:
        print(f"the gateway can't start: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)
    listeners = os.environ.get("NESTD_LISTEN_FDS", "").split(",")
    if listeners == [""]:
        print(
            "the gateway can't start: NESTD_LISTEN_FDS is not set; start it by nest-server",
            file=sys.stderr,
        )
        sys.exit(EXIT_CONFIGURATION)
    sys.argv = sys.argv[:1]
    _Server(settings, listeners).run()


if __name__ == "__main__":
    main()
