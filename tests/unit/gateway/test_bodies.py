"""Bodies of requests, from this project's HTTP server and from others."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from gateway.http.bodies import body_of, large_body_of
from gateway.server.body import ReceivedBody
from protocol.errors import MalformedRequest, RequestTooLarge

BODY = os.urandom(3_000_000)


def request(length: int | None, source: Any) -> Request:
    """One whose body is said to be so long."""
    environ = EnvironBuilder(method="POST").get_environ()
    environ |= {"wsgi.input": source, "wsgi.input_terminated": True}
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    found = Request(environ)
    found.max_content_length = 4_000_000
    return found


@pytest.mark.parametrize("source", [io.BytesIO, lambda data: ReceivedBody(data, True)])
def test_it_is_read_from_whatever_it_is_in(source: Any) -> None:
    assert bytes(large_body_of(request(len(BODY), source(BODY)))) == BODY
    assert body_of(request(len(BODY), source(BODY))) == BODY
    assert body_of(request(None, source(BODY))) == BODY


def test_one_that_was_received_is_not_copied() -> None:
    source = ReceivedBody(bytearray(BODY), True)
    assert large_body_of(request(len(BODY), source)) is source.data


@pytest.mark.parametrize("come", [0, 1, 1_500_000, len(BODY) - 1])
@pytest.mark.parametrize("read", [body_of, large_body_of])
def test_one_that_is_cut_off_is_refused(read: Any, come: int) -> None:
    for length in (len(BODY), None):
        with pytest.raises(MalformedRequest, match="ended before"):
            read(request(length, ReceivedBody(BODY[:come], False)))
    with pytest.raises(MalformedRequest, match="ended before"):
        read(request(len(BODY), io.BytesIO(BODY[:come])))


def test_one_over_the_limit_is_refused() -> None:
    for length, source in ((5_000_000, b""), (None, bytes(4_000_001))):
        with pytest.raises(RequestTooLarge, match=r"larger than .*NEST_SERVER_BODY_LIMIT_MIB"):
            body_of(request(length, ReceivedBody(source, False)))
