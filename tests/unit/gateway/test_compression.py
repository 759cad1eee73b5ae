"""Who gets a large answer compressed, and that it is the same answer then."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from flask import Request, Response
from werkzeug.test import EnvironBuilder

from gateway.http.compression import compress, wanted_encoding

ELSEWHERE, HERE = "192.0.2.7", "127.0.0.1"


def asked(accept: str | None, address: str = ELSEWHERE) -> Request:
    headers = {} if accept is None else {"Accept-Encoding": accept}
    builder = EnvironBuilder(headers=headers, environ_base={"REMOTE_ADDR": address})
    return Request(builder.get_environ())


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (None, None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, zstd;q=0.5", "gzip"),
        ("zstd;q=0, gzip;q=0.1", "gzip"),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("gzip;q=0.5, identity", None),
    ],
)
def test_a_caller_elsewhere_gets_what_he_likes_best(accept: str | None, name: str | None) -> None:
    assert wanted_encoding(asked(accept)) == name


@pytest.mark.parametrize("address", [HERE, "::1", "127.8.8.8", ""])
def test_a_caller_on_this_machine_has_to_refuse_what_is_quicker(address: str) -> None:
    assert wanted_encoding(asked("gzip, deflate, br, zstd", address)) is None
    assert wanted_encoding(asked("zstd, identity;q=0", address)) == "zstd"


@pytest.mark.parametrize("name", ["zstd", "gzip"])
def test_what_is_compressed_is_the_answer(name: str) -> None:
    parts = [bytes([number]) * 10_000 for number in range(20)]
    reply = Response(iter(parts))
    reply.content_length = 200_000
    compress(asked(name), reply)
    body = reply.get_data()
    assert (reply.content_encoding, reply.headers["Vary"]) == (name, "Accept-Encoding")
    assert len(body) < 20_000
    opened = (
        gzip.decompress(body)
        if name == "gzip"
        else zstandard.ZstdDecompressor().decompressobj().decompress(body)
    )
    assert opened == b"".join(parts)
