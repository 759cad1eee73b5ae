"""Bodies in parts have bounded room, and go when nobody wants them."""

from __future__ import annotations

import pytest

from gateway.http.parts import BodyParts
from protocol.errors import MalformedRequest, RequestTooLarge, Unavailable


class Clock:
    """Clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(clock: Clock) -> BodyParts:
    return BodyParts(10, clock)


def test_body_is_its_parts_in_their_order(parts: BodyParts) -> None:
    for at, part in ((0, b"abc"), (3, b"d"), (4, memoryview(b"ef"))):
        parts.add("me", "b", 6, at, part)
    assert bytes(parts.take("me", "b")) == b"abcdef"
    with pytest.raises(MalformedRequest, match="make the call again"):
        parts.take("me", "b")


@pytest.mark.parametrize(
    ("size", "at", "part"), [(6, 4, b"x"), (6, 2, b"x"), (7, 3, b"x"), (6, 3, b"four")]
)
def test_part_that_does_not_fit_is_refused(
    parts: BodyParts, size: int, at: int, part: bytes
) -> None:
    parts.add("me", "b", 6, 0, b"abc")
    with pytest.raises(MalformedRequest):
        parts.add("me", "b", size, at, part)
    parts.add("me", "b", 6, 3, b"def")
    assert bytes(parts.take("me", "b")) == b"abcdef"


def test_body_of_another_client_or_one_with_a_gap_is_not_there(parts: BodyParts) -> None:
    parts.add("me", "b", 2, 0, b"a")
    for client, id in (("you", "b"), ("me", "c"), ("me", "b")):
        with pytest.raises(MalformedRequest):
            parts.take(client, id)
    with pytest.raises(MalformedRequest):
        parts.add("me", "new", 2, 1, b"b")


def test_room_is_for_all_and_comes_back(parts: BodyParts, clock: Clock) -> None:
    with pytest.raises(RequestTooLarge, match="NEST_SERVER_PARTS_MIB"):
        parts.add("me", "b", 11, 0, b"a")
    parts.add("me", "b", 8, 0, b"12345678")
    with pytest.raises(Unavailable) as caught:
        parts.add("you", "b", 3, 0, b"a")
    assert caught.value.retry_after_s
    # It counts until the request that has it is answered.
    body = parts.take("me", "b")
    with pytest.raises(Unavailable):
        parts.add("you", "b", 3, 0, b"a")
    parts.give_back(len(body))
    parts.add("you", "b", 10, 0, b"a")
    parts.drop("me")
    with pytest.raises(Unavailable):
        parts.add("me", "b", 1, 0, b"a")
    parts.drop("you")
    parts.add("me", "b", 10, 0, b"a")
    # Begun anew it is another body.
    parts.add("me", "b", 9, 0, b"a")
    clock.now_s = 59.0
    with pytest.raises(Unavailable):
        parts.add("you", "b", 10, 0, b"a")
    clock.now_s = 61.0
    parts.add("you", "b", 10, 0, b"a")
