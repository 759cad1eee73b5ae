"""A Flask route that does nothing, under gunicorn with the settings of the gateway."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from flask import Flask, Response

from gateway.__main__ import GunicornServer
from gateway.settings import GatewaySettings, JobLimits
from protocol.runtime.data_directory import DataDirectory


class _Empty(GunicornServer):
    def load(self) -> Flask:
        app = Flask("empty", static_folder=None)
        app.add_url_rule("/", view_func=lambda: Response(b"{}", mimetype="application/json"))
        return app


def main() -> None:
    """Serve on the port that is the only argument."""
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
    sys.argv = sys.argv[:1]
    settings = GatewaySettings(
        connection_file=Path(),
        exit_file=Path(),
        data=DataDirectory(Path()),
        token=None,
        origins=(),
        body_limit_bytes=1 << 20,
        queue_limit=64,
        jobs=JobLimits(1, 1, 1.0),
        hangup_s=None,
        scripts_refused=None,
        host="127.0.0.1",
    )
    _Empty(settings, [f"fd://{listener.fileno()}"]).run()


if __name__ == "__main__":
    main()
