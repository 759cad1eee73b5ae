"""Where sockets are bound, what is remembered of answers, and who is missed among ranks."""

from __future__ import annotations

import pytest

from nestd.master.reply_cache import ReplyCache
from nestd.network.binding import Binding, binding_from, parse_binding
from nestd.ranks.heartbeat import MISSING, MISSING_AT_START, Heartbeats
from protocol.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("tcp://eth0:*", Binding("eth0", None)),
        ("tcp://*:6000", Binding("*", 6000)),
        ("tcp://10.0.0.1:1", Binding("10.0.0.1", 1)),
    ],
)
def test_bindings(text: str, binding: Binding) -> None:
    assert parse_binding(text) == binding
    assert binding.endpoint() == text


@pytest.mark.parametrize(
    "text", ["", "eth0", "ipc:///x", "tcp://eth0", "tcp://:1", "tcp://a b:1", "tcp://x:65535"]
)
def test_what_is_no_binding_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="tcp://INTERFACE:PORT"):
        parse_binding(text)


def test_events_are_on_the_next_port() -> None:
    assert parse_binding("tcp://eth0:6000").endpoint(1) == "tcp://eth0:6001"


def test_flag_wins_over_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert binding_from(None) is None
    monkeypatch.setenv("NEST_SERVER_BIND", "tcp://eth0:*")
    assert binding_from(None) == Binding("eth0")
    assert binding_from("tcp://eth1:5") == Binding("eth1", 5)


def test_latest_answers_are_kept_as_far_as_there_is_room() -> None:
    sent = ReplyCache(room_bytes=10)
    sent.keep("a", [b"12", b"34"])
    sent.keep("b", [b"5678"])
    sent.keep("c", [b"9012"])
    assert (sent.find("a"), sent.find("b"), sent.find("c")) == (None, [b"5678"], [b"9012"])
    sent.keep("large", [b"x" * 11])
    assert sent.find("large") is None
    # That they were executed is known all the same.
    assert all(name in sent for name in ("a", "b", "c", "large"))
    assert "d" not in sent


def test_no_more_answers_are_kept_than_commands_are_remembered() -> None:
    sent = ReplyCache(room_bytes=10, remembered=2)
    for name in "abc":
        sent.keep(name, [b"1234"])
    assert "a" not in sent
    assert (sent.find("a"), sent.find("b"), sent.find("c")) == (None, [b"1234"], [b"1234"])
    # Its room is that of others.
    sent.keep("d", [b"123456"])
    assert (sent.find("c"), sent.find("d")) == ([b"1234"], [b"123456"])


def test_rank_is_missed_after_some_heartbeats_and_later_at_the_start() -> None:
    heartbeats = Heartbeats(iter([1, 2]))
    assert [heartbeats.on_pause() for _ in range(MISSING_AT_START)] == [None] * MISSING_AT_START
    heartbeats = Heartbeats(iter([1, 2]))
    for _ in range(3):
        heartbeats.on_heartbeat(1)
        heartbeats.on_heartbeat(2)
        heartbeats.on_heartbeat(7)
        assert [heartbeats.on_pause() for _ in range(MISSING)] == [None] * MISSING
    heartbeats.on_heartbeat(1)
    assert heartbeats.on_pause() == 2
