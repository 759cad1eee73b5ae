"""Addresses of the documentation: ``/openapi.json`` for programs, ``/api-docs/`` for people."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from flask import Blueprint, Response, current_app, send_from_directory
from werkzeug.exceptions import NotFound

from gateway.http.replies import GENERATION_HEADER
from gateway.openapi.decorate import JSON, described
from gateway.openapi.document import document
from gateway.routes.pages import POLICY, STATIC, guarded
from gateway.services import services
from protocol.version import SERVER_VERSION
from protocol.wire import json_form

documentation = Blueprint("documentation", __name__)

_SWAGGER_UI = Path(str(resources.files("flask_swagger_ui"))) / "dist"
#: Directory of the page and of each file that it loads. Swagger UI comes with its package.
_DIRECTORIES = {
    "api-docs.html": STATIC,
    "api-docs.css": STATIC,
    "api-docs.js": STATIC,
    "favicon-32x32.png": _SWAGGER_UI,
    "swagger-ui-bundle.js": _SWAGGER_UI,
    "swagger-ui.css": _SWAGGER_UI,
}


@documentation.get("/openapi.json")
@described("Server", reply={JSON: {"type": "object"}}, errors=(503,))
def openapi() -> Response:
    """Send this document: every address, every call of PyNEST, what they take and answer.

    It is there also during a run: a kernel describes its interface at its start.
    """
    interface = services().kernel.interface()
    generation = interface.generation
    made: tuple[str, bytes] | None = current_app.extensions.get("openapi")
    if made is None or made[0] != generation:
        content = json_form.dumps(document(current_app, interface.api, SERVER_VERSION))
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
    return file("api-docs.html")


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
    if name not in _DIRECTORIES:
        raise NotFound
    return guarded(send_from_directory(_DIRECTORIES[name], name), POLICY)
