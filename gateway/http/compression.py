"""Compressed bodies of large answers, for callers elsewhere who take them.

On one machine copying is quicker than compressing, and browsers and Python's ``requests`` say of
themselves that they take gzip: callers over loopback get a body as it is, unless they refuse that.
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
#: Of zlib, for the head and the end that gzip has.
_GZIP_FORMAT = 31


class Compressor(Protocol):
    """Compresses a body piece by piece."""

    def compress(self, piece: bytes, /) -> bytes:
        """What comes of the next piece, if anything does yet."""

    def flush(self) -> bytes:
        """The rest."""


#: The one that is better where both are as welcome first.
_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "zstd": lambda: zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj(),
    "gzip": lambda: zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT),
}


def compress(request: Request, reply: Response) -> None:
    """Have the body of ``reply``, which is made piece by piece, compressed if its caller wants."""
    reply.vary.add("Accept-Encoding")
    name = wanted(request)
    if name is None:
        return
    parts: Iterable[bytes] = reply.iter_encoded()
    reply.response = _compressed(parts, _COMPRESSORS[name]())
    reply.content_encoding = name
    del reply.headers["Content-Length"]


def wanted(request: Request) -> str | None:
    """The encoding in which ``request`` wants its answer; ``None`` for the answer as it is."""
    accepted = request.accept_encodings
    qualities = {name: _quality(accepted, name) for name in _COMPRESSORS}
    name = max(qualities, key=lambda one: qualities[one])
    if qualities[name] <= 0:
        return None
    identity = dict(accepted).get("identity")
    if identity == 0:
        return name
    if _is_here(request.remote_addr) or (identity or 0) > qualities[name]:
        return None
    return name


def _quality(accepted: Iterable[tuple[str, float]], name: str) -> float:
    """That a caller gives to an encoding, by its name or, if it does not say, by ``*``."""
    named = dict(accepted)
    return named.get(name, named.get("*", 0))


def _is_here(address: str | None) -> bool:
    """Whether a caller is on this machine, as far as can be seen."""
    try:
        # Over a Unix socket there is no address.
        return not address or ip_address(address).is_loopback
    except ValueError:
        return False


def _compressed(parts: Iterable[bytes], compressor: Compressor) -> Iterator[bytes]:
    for part in parts:
        done = compressor.compress(part)
        if done:
            yield done
    yield compressor.flush()
