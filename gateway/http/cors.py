"""Origins of web pages that may call: CORS headers for requests that ask, refusal of the others.

Origins are compared whole, by scheme, host and port; a prefix is not enough.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

_LOOPBACK_NAMES = frozenset(["localhost", "127.0.0.1", "::1"])
_DEFAULT_PORTS = {"http": 80, "https": 443}

#: ``Host`` as browsers and programs write it: no user, no trailing dot, no zone, a port in digits.
_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)

#: Scheme, host and port of an origin.
WebOrigin = tuple[str, str, int | None]


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is a name or address that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_origin(text: str) -> WebOrigin | None:
    """Parse an origin; return ``None`` for text that is no origin, such as ``null``."""
    try:
        parts = urlsplit(text)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or parts.path or parts.query or parts.fragment:
        return None
    if "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port


def parse_allowed(text: str) -> WebOrigin | None:
    """Parse an allowed origin, whose port may be ``*``; return ``None`` for other text."""
    return parse_origin(text[:-2] if text.endswith(":*") else text.rstrip("/"))


class OriginPolicy:
    """Policy of origins whose pages may call.

    Parameters
    ----------
    allowed : origins as ``scheme://host:port``; port ``*`` means any, and ``*`` alone
        every origin
    host : name or address this server listens on
    """

    def __init__(self, allowed: tuple[str, ...], host: str) -> None:
        self._any = "*" in allowed
        self._exact: set[WebOrigin] = set()
        self._any_port: set[tuple[str, str]] = set()
        for text in allowed:
            origin = None if text == "*" else parse_allowed(text)
            if origin is None:
                continue
            if text.endswith(":*"):
                self._any_port.add(origin[:2])
            else:
                self._exact.add(origin)
        own = [host, socket.gethostname()]
        # Browsers send names in lower case, whatever the case of the machine's own.
        self._own_names = _LOOPBACK_NAMES | {name.lower() for name in own}

    def allows(self, text: str) -> bool:
        """Return whether pages of the origin ``text`` may call."""
        if self._any:
            return True
        origin = parse_origin(text)
        return origin is not None and (origin in self._exact or origin[:2] in self._any_port)

    def add_headers(self, request: Headers, reply: Headers) -> None:
        """Add the headers with which a browser shows the reply to a page that may call."""
        reply.add("Vary", "Origin")
        origin = request.get("Origin")
        if origin is None or not self.allows(origin):
            return
        reply["Access-Control-Allow-Origin"] = origin
        exposed = "NEST-Kernel-Generation, Retry-After, X-Request-ID, Content-Disposition, "
        exposed += "Content-Range, ETag, NEST-Warnings"
        reply["Access-Control-Expose-Headers"] = exposed

    def add_preflight_headers(self, request: Headers, reply: Headers) -> None:
        """Add the headers that answer a preflight: all methods, and the headers asked for."""
        origin = request.get("Origin")
        if origin is None or not self.allows(origin):
            return
        reply["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
        headers = request.get("Access-Control-Request-Headers")
        if headers:
            reply["Access-Control-Allow-Headers"] = headers
        if request.get("Access-Control-Request-Private-Network") == "true":
            reply["Access-Control-Allow-Private-Network"] = "true"
        reply["Access-Control-Max-Age"] = "600"

    def refuses(self, request: Headers) -> str | None:
        """Return why a request without a token is refused; ``None`` if it is not.

        Browsers send requests of foreign pages that need no preflight (forms, images)
        without asking, but mark them; and a foreign name that resolves to this machine
        (DNS rebinding) shows in the Host header.
        """
        host = request.get("Host", "")
        if not self._is_own_host(host):
            return f"this server is not known as {host:.80}"
        origin = request.get("Origin")
        if origin is not None:
            if self.allows(origin) or _is_same_origin(origin, host):
                return None
            return f"pages of {origin:.80} may not call this server"
        # Another port of the same host is the same site, and may be another user's.
        if request.get("Sec-Fetch-Site", "").lower() in ("cross-site", "same-site"):
            return "a page of another site may not call this server without a token"
        return None

    def _is_own_host(self, host: str) -> bool:
        name = _name_of(host)
        if name is None:
            return False
        if self._any or name in self._own_names:
            return True
        try:
            ipaddress.ip_address(name)
            return True
        except ValueError:
            hosts = {origin[1] for origin in self._exact} | {host for _, host in self._any_port}
            return name in hosts


def _name_of(host: str) -> str | None:
    """Return the name or address in a ``Host`` header; ``None`` of anything but a plain one.

    Stricter than URLs are: what readers take apart in different ways is no host of this server.
    """
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 1) > 65_535:
        return None
    if match["v6"] is not None:
        try:
            return str(ipaddress.IPv6Address(match["v6"]))
        except ValueError:
            return None
    name: str = match["name"].lower()
    return name


def _is_same_origin(origin: str, host: str) -> bool:
    parsed = parse_origin(origin)
    own = parse_origin(f"{parsed[0]}://{host}") if parsed else None
    return parsed is not None and parsed == own
