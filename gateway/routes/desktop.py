"""Addresses of NEST Desktop, ``/desktop/``, served from its package and connected to this server.

The link to NEST Desktop leads to ``/desktop/start``. This page of ours leaves the address and the
token of this server in the browser's storage, where NEST Desktop looks for them, lets it read its
models in a frame, and continues to it. A tab that is opened at NEST Desktop itself is led there
first, as it has no token yet.
"""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory

from gateway.openapi.decorate import FILE, HTML, described
from gateway.routes.pages import describes_files, guarded, page
from gateway.services import services
from protocol.wire import json_form

#: Where NEST Desktop looks for its servers, until they are in the browser's storage.
_BACKENDS = "assets/workspaces/nest/config/backends.json"

#: Leads a tab without a token to ``/desktop/start``.
_TAB_SCRIPT = '<script src="../static/desktop-tab.js"></script>'

#: NEST Desktop draws with generated code and styles. It may ask this server, GitHub for imports,
#: and the documentation of models; its fonts come with it, so it may not ask Google for them. It
#: sends the token to whatever server a link names, such as another user's on another port.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob: https://api.github.com https://raw.githubusercontent.com; "
    "frame-src https://nest-simulator.readthedocs.io; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)

desktop = Blueprint("desktop", __name__, url_prefix="/desktop")


def _files() -> Path:
    path = services().settings.desktop
    assert path is not None, "the blueprint is registered with files only"
    return path


@desktop.get("/start")
@described("In a browser", reply={HTML: {}}, open_to_all=True)
def start() -> Response:
    """Send the page that connects NEST Desktop."""
    return page("desktop-start.html", frames="'self'")


@desktop.get("/")
@described("In a browser", reply={HTML: {}}, open_to_all=True)
def index() -> Response:
    """Send the page of NEST Desktop."""
    text = (_files() / "index.html").read_text(encoding="utf-8")
    text = text.replace("<head>", f"<head>{_TAB_SCRIPT}", 1)
    return guarded(Response(text, mimetype="text/html"), _POLICY)


@desktop.get(f"/{_BACKENDS}")
@described("In a browser", open_to_all=True)
def backends() -> Response:
    """Send NEST Desktop's list of servers, with this server for NEST."""
    known = json.loads((_files() / _BACKENDS).read_bytes())
    known["nest"] = {"enabled": True, "url": request.host_url.rstrip("/")}
    return guarded(Response(json_form.dumps(known), mimetype="application/json"), _POLICY)


@desktop.get("/registerSW.js")
@described("In a browser", reply={FILE: {}}, open_to_all=True)
def service_worker() -> Response:
    """Send an empty service worker: files kept offline would outlive the next version."""
    return guarded(Response("", mimetype="text/javascript"), _POLICY)


@desktop.get("/<path:name>")
@describes_files
def file(name: str) -> Response:
    """Send a file of NEST Desktop's package."""
    return guarded(send_from_directory(_files(), name), _POLICY)
