"""Authentication of requests by the token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import EnvironHeaders, Headers

from gateway.http.cors import OriginPolicy


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
    shown = request.get("NESTServerAuth", "")
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
