"""Authentication: who may call, by the token or, where there is none, by what a request shows.

Without a token anyone who reaches the server may call, but a page of another site must not make its
visitors call. Browsers mark most requests of such pages, not all: over plain HTTP to another host
they mark neither images nor links. So whatever has effects has to come in a form that no page can
send without asking the server before (a preflight, which is refused to foreign pages), or that no
page can send at all. docs/decisions/0025 has the reasons.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

from flask import Request
from werkzeug.datastructures import EnvironHeaders, Headers

from gateway.http.arguments import MSGPACK_TYPES
from gateway.http.cors import OriginPolicy
from gateway.http.delivery import wants_async
from gateway.http.replies import AS_JSON, accepted_form
from protocol.harmless_calls import HARMLESS

#: Endpoint of the route that all calls of PyNEST share, and that of scripts.
_CALL, _SCRIPT = "calls.api", "scripts.run_script"

#: Header that no page sends without asking before, whatever is in it.
OWN_HEADER = "NESTServerAuth"

#: What documented programs send that pages could send as well, but for the name in User-Agent,
#: which a page can't choose: program, method, content type.
_PROGRAMS = frozenset(
    [
        # The bash of NEST's documentation.
        ("curl", "GET", ""),
        ("curl", "POST", "application/x-www-form-urlencoded"),
        # nrp-core.
        ("restclient-cpp", "POST", "text/plain"),
    ]
)
#: Programs whose POST may have no body; so may that of a program without a name, as browsers always
#: have one.
_BODILESS = frozenset(["curl", "python-requests", ""])


@dataclass(frozen=True)
class BodyGate:
    """Gate before the bodies of requests: those that will be refused are not received."""

    token: str | None
    policy: OriginPolicy

    def admits(self, environ: dict[str, Any]) -> bool:
        """Return whether the body of a request is to be received."""
        headers = EnvironHeaders(environ)
        if self.token is None:
            return self.policy.refuses(headers) is None
        return shows_token(headers, self.token)


def shows_token(request: Headers, token: str) -> bool:
    """Return whether the headers of a request carry ``token``.

    The token may be in ``NESTServerAuth``, as NEST Desktop sends it, or in ``Authorization`` as
    bearer token. The comparison takes the same time wherever the difference is.
    """
    shown = request.get(OWN_HEADER, "")
    scheme, _, bearer = request.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        bearer = ""
    expected = token.encode()
    in_own_header = hmac.compare_digest(_encoded(shown), expected)
    in_bearer = hmac.compare_digest(_encoded(bearer.strip()), expected)
    return in_own_header or in_bearer


def _encoded(text: str) -> bytes:
    # Header text arrives as latin-1, whatever bytes were sent.
    return text.encode("latin-1", "replace")


def refuses_without_token(request: Request, policy: OriginPolicy) -> str | None:
    """Return why a request to a server without a token is refused; ``None`` if it is not."""
    reason = policy.refuses(request.headers)
    if reason is not None:
        return reason
    if _is_beyond_foreign_pages(request) or not _has_effects(request):
        return None
    return (
        f"any web page could send this {request.method}, and it may change something: without a "
        "token send it as POST with Content-Type: application/json or application/x-msgpack"
    )


def _has_effects(request: Request) -> bool:
    """Return whether a request may change anything; what is not known may."""
    is_harmless_call = (
        request.endpoint == _CALL
        and (request.view_args or {}).get("call") in HARMLESS
        # A job is kept, and so are objects of which the caller gets references.
        and not wants_async(request)
        and accepted_form(request) == AS_JSON
    )
    if request.method != "GET":
        return not is_harmless_call and request.method not in ("HEAD", "OPTIONS")
    if request.endpoint == _CALL:
        return not is_harmless_call and "inspect" not in request.args
    return request.endpoint == _SCRIPT


def _is_beyond_foreign_pages(request: Request) -> bool:
    """Return whether no page but those that may call could have sent a request.

    Browsers let a page send GET, HEAD and POST with the content type of a form or text, or none,
    without asking before, and let it change a few headers only, which User-Agent is not among.
    """
    headers, kind = request.headers, request.mimetype
    # The policy has accepted the origin, and has refused the other values of Sec-Fetch-Site.
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "").lower() == "same-origin":
        return True
    if OWN_HEADER in headers or request.method not in ("GET", "HEAD", "POST"):
        return True
    if is_json(kind) or kind in MSGPACK_TYPES:
        return True
    if request.query_string:
        # The documented calls have none; what has one may be a link.
        return False
    program = headers.get("User-Agent", "").partition("/")[0]
    is_empty = not request.content_length and "Transfer-Encoding" not in headers
    if request.method == "POST" and kind == "" and is_empty:
        return program in _BODILESS
    return (program, request.method, kind) in _PROGRAMS


def is_json(kind: str) -> bool:
    """Return whether a media type is one of JSON."""
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
