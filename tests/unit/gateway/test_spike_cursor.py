"""Every reader of events gets what a recorder has recorded once, whenever others come and go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.events.spike_cursor import SpikeCursor


def spikes(after_ms: float | None, *times: float, recorder: int = 3, **more: Any) -> dict[str, Any]:
    return {
        "recorder": recorder,
        "after_ms": after_ms,
        "skipped": 0,
        "times": np.array(times),
        "senders": np.arange(len(times)),
        **more,
    }


def told(cursor: SpikeCursor, facts: dict[str, Any]) -> list[float] | None:
    """Times that the reader gets of an event."""
    found = cursor.unseen("spikes", facts)
    return None if found is None else list(found["times"])


def test_reader_who_comes_later_gets_the_beginning_first() -> None:
    cursor = SpikeCursor([3])
    assert cursor.watched(anew=True) == [3]
    assert told(cursor, spikes(2.0, 3.0)) is None
    assert told(cursor, spikes(None, 1.0, 2.0, 3.0)) == [1.0, 2.0, 3.0]
    assert cursor.watched(anew=True) == []
    assert told(cursor, spikes(3.0, 4.0)) == [4.0]


def test_reader_who_was_there_gets_nothing_twice() -> None:
    cursor = SpikeCursor([3])
    assert told(cursor, spikes(None, 1.0, 2.0)) == [1.0, 2.0]
    assert told(cursor, spikes(None, 1.0, 2.0)) is None
    found = cursor.unseen("spikes", spikes(None, 1.0, 2.0, 3.0, skipped=7))
    assert found is not None
    assert (list(found["times"]), list(found["senders"])) == ([3.0], [2])
    assert (found["after_ms"], found["skipped"]) == (2.0, 0)


def test_reader_who_comes_back_goes_on_where_it_was() -> None:
    cursor = SpikeCursor([3])
    cursor.resume()
    assert cursor.watched(anew=True) == []
    assert told(cursor, spikes(2.0, 3.0)) == [3.0]
    assert told(cursor, spikes(None, 1.0, 3.0, 4.0)) == [4.0]


@pytest.mark.parametrize(
    ("kind", "facts"), [("kernel", {}), ("spikes", {"recorder": 3, "reset": True})]
)
def test_time_begins_again_in_a_new_network(kind: str, facts: dict[str, Any]) -> None:
    cursor = SpikeCursor([3])
    assert told(cursor, spikes(None, 5.0)) == [5.0]
    assert cursor.unseen(kind, facts) is facts
    assert cursor.watched(anew=True) == [3]
    assert told(cursor, spikes(None, 1.0)) == [1.0]


def test_what_is_no_spikes_of_its_recorders_is_left_as_it_is() -> None:
    cursor = SpikeCursor([3])
    assert told(cursor, spikes(None, 1.0, recorder=4)) is None
    problem = {"recorder": 3, "problem": "records nothing"}
    assert cursor.unseen("spikes", problem) is problem
    line = {"text": "hello"}
    assert cursor.unseen("output", line) is line


def test_recorder_that_is_silent_has_no_other_sent_again() -> None:
    cursor = SpikeCursor([3, 4])
    assert (cursor.watched(anew=True), cursor.watched(anew=False)) == ([3, 4], [])
    assert told(cursor, spikes(None, 1.0)) == [1.0]
    assert (cursor.watched(anew=True), cursor.watched(anew=False)) == ([4], [3])
