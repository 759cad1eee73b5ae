"""NEST Desktop under ``/desktop/``, served from its package, connected to this server.

``/desktop/start`` is where its link leads: a page of ours that leaves the address and the token
of this server in the browser's storage, where NEST Desktop looks for them, has it read its models
in a frame, and goes on.
"""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, current_app, request, send_from_directory

from gateway.openapi.decorate import FILE, HTML, described
from gateway.routes.pages import describes_files, guarded, page
from protocol.wire import json_form

#: Where NEST Desktop looks for its servers, until they are in the browser's storage.
_BACKENDS = "assets/workspaces/nest/config/backends.json"

#: It draws with generated code and styles. It may ask this machine, and for what its user can
#: import from GitHub and read about models; its fonts come with it, so not for those of Google.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob: http://localhost:* http://127.0.0.1:* "
    "https://api.github.com https://raw.githubusercontent.com; "
    "frame-src https://nest-simulator.readthedocs.io; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)

desktop = Blueprint("desktop", __name__, url_prefix="/desktop")


def _files() -> Path:
    found: Path = current_app.extensions["desktop"]
    return found


@desktop.get("/start")
@described("In a browser", reply={HTML: {}}, open_to_all=True)
def start() -> Response:
    """The page that connects NEST Desktop."""
    return page("desktop-start.html", frames="'self'")


@desktop.get("/")
@described("In a browser", reply={HTML: {}}, open_to_all=True)
def index() -> Response:
    """NEST Desktop."""
    return file("index.html")


@desktop.get(f"/{_BACKENDS}")
@described("In a browser", open_to_all=True)
def backends() -> Response:
    """Its servers, where the one of NEST is this one and not that on its usual port."""
    known = json.loads((_files() / _BACKENDS).read_bytes())
    known["nest"] = {"enabled": True, "url": request.host_url.rstrip("/")}
    return guarded(Response(json_form.dumps(known), mimetype="application/json"), _POLICY)


@desktop.get("/registerSW.js")
@described("In a browser", reply={FILE: {}}, open_to_all=True)
def service_worker() -> Response:
    """Nothing: what is kept for times without a server would outlive the next version of it."""
    return guarded(Response("", mimetype="text/javascript"), _POLICY)


@desktop.get("/<path:name>")
@describes_files
def file(name: str) -> Response:
    """A file of its package."""
    return guarded(send_from_directory(_files(), name), _POLICY)
