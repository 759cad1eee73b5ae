"""Addresses of the documentation: ``/openapi.json`` for programs, ``/api-docs/`` for people."""

from __future__ import annotations

import mimetypes
from importlib import resources

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotFound

from gateway.http.replies import GENERATION_HEADER
from gateway.openapi.decorate import JSON, described
from gateway.openapi.document import document
from gateway.services import services
from protocol.version import SERVER_VERSION
from protocol.wire import json_form

documentation = Blueprint("documentation", __name__)

#: Package and path of the page and of each file that it loads. Swagger UI comes with its package.
_FILES = {
    "": ("gateway", "static/api-docs.html"),
    "api-docs.css": ("gateway", "static/api-docs.css"),
    "api-docs.js": ("gateway", "static/api-docs.js"),
    "favicon-32x32.png": ("flask_swagger_ui", "dist/favicon-32x32.png"),
    "swagger-ui-bundle.js": ("flask_swagger_ui", "dist/swagger-ui-bundle.js"),
    "swagger-ui.css": ("flask_swagger_ui", "dist/swagger-ui.css"),
}

#: The page runs its own scripts only, and talks to this server only.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


@documentation.get("/openapi.json")
@described("Server", reply={JSON: {"type": "object"}}, errors=(503,))
def openapi() -> Response:
    """Send this document: every address, every call of PyNEST, what they take and answer.

    The kernel is asked once, so the document is there also during a run, unless it is the first
    request for it.
    """
    generation, interface = services().kernel.interface()
    made: tuple[str, bytes] | None = current_app.extensions.get("openapi")
    if made is None or made[0] != generation:
        content = json_form.dumps(document(current_app, interface, SERVER_VERSION))
        made = current_app.extensions["openapi"] = (generation, content)
    reply = Response(made[1], mimetype=JSON)
    reply.headers[GENERATION_HEADER] = generation
    return reply


@documentation.get("/api-docs/")
@described("Server", reply={"text/html": {}}, open_to_all=True)
def page() -> Response:
    """Send a page that shows this document in a browser.

    The page has only files that anyone may see. Its script asks for the token, or takes it from
    `#token=…` in the address, which browsers do not send.
    """
    return _file("")


@documentation.get("/api-docs/<name>")
@described(
    "Server",
    reply={"text/css": {}, "text/javascript": {}, "image/png": {}},
    path={"name": "the file"},
    errors=(404,),
    open_to_all=True,
)
def file(name: str) -> Response:
    """Send a file of the page that shows this document."""
    return _file(name)


def _file(name: str) -> Response:
    if name not in _FILES:
        raise NotFound
    package, path = _FILES[name]
    kind = mimetypes.guess_type(path)[0]
    reply = Response(resources.files(package).joinpath(path).read_bytes(), mimetype=kind)
    reply.headers["Content-Security-Policy"] = _POLICY
    reply.headers["Referrer-Policy"] = "no-referrer"
    # Browsers keep the file, but ask again: the next version has other files.
    reply.headers["Cache-Control"] = "no-cache"
    reply.add_etag()
    reply.make_conditional(request)
    return reply
