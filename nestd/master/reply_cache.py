"""Answers that may have got lost with the link they were sent on, for who asks again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from protocol.wire.values import Buffer

#: Room for all that are kept; the oldest go first.
_ROOM_BYTES = 256 * 2**20
#: Commands of which it is remembered that they were answered.
_REMEMBERED = 100_000


class ReplyCache:
    """The latest answers, by the name under which their command was sent.

    Parameters
    ----------
    room_bytes : for all that are kept
    remembered : commands of which it is known that they were answered
    """

    def __init__(self, room_bytes: int = _ROOM_BYTES, remembered: int = _REMEMBERED) -> None:
        self._room_bytes = room_bytes
        self._remembered = remembered
        self._kept: OrderedDict[str, Sequence[Buffer]] = OrderedDict()
        self._kept_bytes = 0
        self._known: OrderedDict[str, None] = OrderedDict()

    def keep(self, delivery_id: str, answer: Sequence[Buffer]) -> None:
        """An answer was sent."""
        self._known[delivery_id] = None
        if len(self._known) > self._remembered:
            # Small answers would take many times their bytes, were all kept that find room.
            forgotten, _ = self._known.popitem(last=False)
            self._kept_bytes -= _size(self._kept.pop(forgotten, ()))
        size = _size(answer)
        if size > self._room_bytes:
            return
        self._kept[delivery_id] = answer
        self._kept_bytes += size
        while self._kept_bytes > self._room_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _size(oldest)

    def __contains__(self, delivery_id: str) -> bool:
        """Whether it was answered, as far as anybody remembers."""
        return delivery_id in self._known

    def find(self, delivery_id: str) -> Sequence[Buffer] | None:
        """The answer; ``None`` if it was too large to be kept."""
        return self._kept.get(delivery_id)


def _size(answer: Sequence[Buffer]) -> int:
    return sum(memoryview(part).nbytes for part in answer)
