"""Pages for browsers: the page at ``/``, and its files under ``/static/``.

The files are the same for everyone, without secrets and without anything of the kernel. The page
asks for what it shows as every client does: JSON, with the token.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory

from gateway.openapi.decorate import FILE, described

#: Directory of the page and its files.
STATIC = Path(__file__).parents[1] / "static"

#: The page runs its own scripts, talks to its own server, and is in no frame of other pages.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

files = Blueprint("files", __name__, url_prefix="/static")


def wants_page() -> bool:
    """Return whether a browser asks for a page.

    Browsers name ``text/html`` and prefer it to JSON. A client that takes anything, such as
    ``curl``, is a program.
    """
    accepted = request.accept_mimetypes
    html_quality = max((quality for kind, quality in accepted if kind == "text/html"), default=0)
    return request.method == "GET" and html_quality > accepted.quality("application/json")


def page(name: str = "index.html", frames: str = "'none'") -> Response:
    """Return one of the pages, with a policy for browsers.

    Parameters
    ----------
    name : of its file
    frames : what may be in a frame of the page, in terms of a Content-Security-Policy
    """
    return guarded(send_from_directory(STATIC, name), f"{POLICY}; frame-src {frames}")


#: Description of a route that sends any of several files.
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
    """Send a file of the page."""
    return guarded(send_from_directory(STATIC, name), POLICY)


def guarded(reply: Response, policy: str) -> Response:
    """Return ``reply`` with a Content-Security-Policy, and without referrers for other sites."""
    reply.headers["Content-Security-Policy"] = policy
    reply.headers["Referrer-Policy"] = "no-referrer"
    reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return reply
