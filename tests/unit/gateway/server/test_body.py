"""Bodies as they come: whole however they are cut, or broken off."""

from __future__ import annotations

import random

import pytest

from gateway.server.body import BodyOfChunks, BodyOfLength, Reception

PARTIAL, WHOLE, BROKEN = Reception


def feed_all(body: BodyOfChunks | BodyOfLength, pieces: list[bytes]) -> tuple[Reception, bytes]:
    """Feed pieces as they come; how far the body is then, and what is left."""
    received, reception = bytearray(), PARTIAL
    for piece in pieces:
        received += piece
        while reception is PARTIAL:
            before = len(received)
            reception = body.feed(received)
            if len(received) == before:
                break
    return reception, bytes(received)


def cut(data: bytes, seed: int) -> list[bytes]:
    places = sorted(random.Random(seed).choices(range(len(data)), k=seed))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


CHUNKED = [
    (b"2\r\n10\r\n3\r\nabc\r\n0\r\n\r\nGET", b"10abc", b"GET"),
    (b"A;name=value\r\n0123456789\r\n000\r\nTrailer: 1\r\n\r\n", b"0123456789", b""),
    (b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n", b"x" * 2000, b""),
    (b"0\r\n\r\n\r\n", b"", b"\r\n"),
]


@pytest.mark.parametrize(("data", "expected", "left"), CHUNKED)
def test_chunks_are_one_body_however_they_are_cut(
    data: bytes, expected: bytes, left: bytes
) -> None:
    for seed in range(20):
        body = BodyOfChunks(10_000)
        assert feed_all(body, cut(data, seed)) == (WHOLE, left)
        assert bytes(body.data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"zz\r\n",
        b"-2\r\n10\r\n",
        b"+2\r\n10\r\n",
        b"0x2\r\n10\r\n",
        b"2 \r\n10\r\n",
        b" 2\r\n10\r\n",
        b"2_0\r\n10\r\n",
        b"\r\n2\r\n10\r\n",
        b"2\r\n10X\r\n",
        b"2\r\n10\n0\r\n\r\n",
        b"2;\x00\r\n10\r\n",
        b"f" * 16 + b"\r\n",
        b"1;" + b"a" * 300,
        b"0\r\n" + b"A: b\r\n" * 2000,
        b"0\r\n" + b"A" * 9000,
        b"0\r\nA: b\n\nGET / HTTP/1.1\r\n\r\n",
        b"0\r\nA: b\r\r\n\r\n",
        b"65\r\n" + b"x" * 101,
    ],
)
def test_what_is_no_chunk_breaks_the_body_off(data: bytes) -> None:
    assert feed_all(BodyOfChunks(100), [data])[0] is BROKEN


def test_body_over_the_limit_breaks_off_beyond_it() -> None:
    body = BodyOfChunks(100)
    assert feed_all(body, [b"c8\r\n" + b"x" * 200])[0] is BROKEN
    assert len(body.data) == 101


def test_many_small_chunks_are_taken_in_turns() -> None:
    received = bytearray(b"1\r\nx\r\n" * 10_000)
    BodyOfChunks(100_000).feed(received)
    assert len(received) > 50_000


def test_body_of_a_length_leaves_what_follows() -> None:
    for seed in range(20):
        body = BodyOfLength(1000)
        assert feed_all(body, cut(b"x" * 1000 + b"GET", seed)) == (WHOLE, b"GET")
        assert bytes(body.data) == b"x" * 1000
    assert feed_all(BodyOfLength(4), [b"123"])[0] is PARTIAL
