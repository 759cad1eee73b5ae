"""Names that stay for the next message."""

from __future__ import annotations

import pytest

from protocol.errors import ProtocolError
from protocol.wire import interned_keys
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import check_containers


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interned_keys, "_kept", set())


def places(name: str) -> int:
    """At how many places in memory a key has been that comes in message after message."""
    packed = Packer().pack({name: 1})
    found, others = set(), []
    for number in range(100):
        (key,) = Unpacker().unpack(packed)
        found.add(id(key))
        del key
        # Takes the memory of the key, if that is free.
        others.append(f"{number:0{len(name)}}")
    return len(found)


def test_name_is_kept_for_the_next_message_unless_it_is_long() -> None:
    assert places("a name that is nowhere else") == 1
    assert places("a name that is nowhere else either, " * 3) > 1


def test_only_so_many_names_are_kept() -> None:
    check_containers([{f"one of many {number}": 1} for number in range(10_000)], 4)
    check_containers({f"another of many {number}": 1 for number in range(10_000)}, 4)
    late = "one that came after many"
    Unpacker().unpack(Packer().pack({late: 1}))
    assert late not in interned_keys._kept
    assert len(interned_keys._kept) == interned_keys._MOST


def test_keys_are_looked_at_also_beside_those_that_are_known() -> None:
    check_containers({"known": 1}, 4)
    with pytest.raises(ProtocolError, match="a key that is no text"):
        check_containers({"known": 1, 2: 3}, 4)
