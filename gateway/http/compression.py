"""Compression of large replies, for callers on other machines that accept it.

On one machine copying is quicker than compressing, and browsers and Python's ``requests`` accept
gzip by default: callers over loopback get a body as it is, unless they refuse that.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Protocol

import zstandard
from flask import Request, Response

#: The quickest levels: a network waits for the compressor otherwise.
_ZSTD_LEVEL = 1
_GZIP_LEVEL = 1
#: Flag of zlib for the head and the end that gzip has.
_GZIP_FORMAT = 31


class Compressor(Protocol):
    """Compressor of a body, piece by piece."""

    def compress(self, piece: bytes, /) -> bytes:
        """Compress the next piece; return what is ready of it."""

    def flush(self) -> bytes:
        """Return the rest."""


#: The better one first, for callers that accept both alike.
_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "zstd": lambda: zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj(),
    "gzip": lambda: zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT),
}


def compress(request: Request, reply: Response) -> None:
    """Compress the body of ``reply``, which is made piece by piece, if its caller accepts that."""
    reply.vary.add("Accept-Encoding")
    name = wanted_encoding(request)
    if name is None:
        return
    parts: Iterable[bytes] = reply.iter_encoded()
    reply.response = _compressed(parts, _COMPRESSORS[name]())
    reply.content_encoding = name
    del reply.headers["Content-Length"]


def wanted_encoding(request: Request) -> str | None:
    """Return the encoding in which ``request`` wants its reply; ``None`` for the reply as it is."""
    accepted = request.accept_encodings
    qualities = {name: _quality(accepted, name) for name in _COMPRESSORS}
    name = max(qualities, key=lambda encoding: qualities[encoding])
    if qualities[name] <= 0:
        return None
    identity = dict(accepted).get("identity")
    if identity == 0:
        return name
    if _is_local(request.remote_addr) or (identity or 0) > qualities[name]:
        return None
    return name


def _quality(accepted: Iterable[tuple[str, float]], name: str) -> float:
    """Return the quality that a caller gives to an encoding, by its name or else by ``*``."""
    named = dict(accepted)
    return named.get(name, named.get("*", 0))


def _is_local(address: str | None) -> bool:
    """Return whether a caller is on this machine, as far as can be seen."""
    try:
        # There is no address over a Unix socket.
        return not address or ip_address(address).is_loopback
    except ValueError:
        return False


def _compressed(parts: Iterable[bytes], compressor: Compressor) -> Iterator[bytes]:
    for part in parts:
        done = compressor.compress(part)
        if done:
            yield done
    yield compressor.flush()
