"""A Flask route that does nothing, served as the gateway is."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from flask import Flask, Response

from gateway.__main__ import serve_application
from gateway.server.connection import BodyRule
from gateway.server.loop import ServerHooks
from gateway.settings import GatewaySettings, JobLimits
from protocol.runtime.data_directory import DataDirectory


def main() -> None:
    """Serve on the port that is the only argument."""
    app = Flask("empty", static_folder=None)
    app.add_url_rule("/", view_func=lambda: Response(b"{}", mimetype="application/json"))
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
    settings = GatewaySettings(
        connection_file=Path(),
        exit_file=Path(),
        data=DataDirectory(Path()),
        token=None,
        origins=(),
        body_limit_bytes=1 << 20,
        parts_bytes=1 << 20,
        queue_limit=64,
        jobs=JobLimits(1, 1, 1.0),
        hangup_s=None,
        scripts_refused=None,
        host="127.0.0.1",
    )
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rule = BodyRule(settings.body_limit_bytes, 1024, lambda environ: True)
    hooks = ServerHooks(lambda: None, lambda: None, lambda refusal: "")
    serve_application(app.wsgi_app, settings, [listener], rule, hooks)


if __name__ == "__main__":
    main()
