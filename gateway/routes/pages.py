"""What a browser sees: the page at ``/``, and the files it is made of.

They are the same for everyone and have no secret and nothing of the kernel in them. What the
page shows it asks for, as every client does: JSON, with the token.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory

from gateway.openapi.decorate import FILE, described

#: The page and what it consists of.
FILES = Path(__file__).parents[1] / "static"

#: The page runs what comes with it, talks to its own server, and is in no frame of others.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

files = Blueprint("files", __name__, url_prefix="/static")


def wants_page() -> bool:
    """Whether the request is a browser's for something to show.

    Browsers name ``text/html`` and like it better than JSON. Who takes anything, as ``curl``
    does, is a program.
    """
    accepted = request.accept_mimetypes
    named = max((quality for kind, quality in accepted if kind == "text/html"), default=0)
    return request.method == "GET" and named > accepted.quality("application/json")


def page(name: str = "index.html", frames: str = "'none'") -> Response:
    """One of the pages, with the rules that a browser has to keep on it.

    Parameters
    ----------
    name : of its file
    frames : what may be in a frame of the page, in terms of a Content-Security-Policy
    """
    return guarded(send_from_directory(FILES, name), f"{_POLICY}; frame-src {frames}")


#: What is said of a route that gives any of several files.
describes_files = described(
    "In a browser",
    reply={FILE: {}},
    path={"name": "of a file"},
    errors=(404,),
    open_to_all=True,
)


@files.get("/<path:name>")
@describes_files
def file(name: str) -> Response:
    """What the pages are made of."""
    return guarded(send_from_directory(FILES, name), _POLICY)


def guarded(reply: Response, policy: str) -> Response:
    """``reply`` under a Content-Security-Policy, and telling nobody where it was linked from."""
    reply.headers["Content-Security-Policy"] = policy
    reply.headers["Referrer-Policy"] = "no-referrer"
    reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return reply
