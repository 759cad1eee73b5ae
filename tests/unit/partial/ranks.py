"""Answers of several ranks, merged: rank 0's as it is, others after their way over the wire."""

from __future__ import annotations

from typing import Any

import numpy as np

from nestd.partial.answers import from_wire, to_wire
from nestd.partial.merging import merge
from protocol.wire import frames
from protocol.wire.messages import Action, Executed, Operation


def across(value: Any) -> Any:
    """What rank 0 receives of a rank that answers ``value``."""
    sent = frames.encode(Executed(1, 1, to_wire(value)))
    received = frames.decode([bytes(frame) for frame in sent])
    assert isinstance(received, Executed)
    return from_wire(received.value)


def merged(call: str, *values: Any) -> Any:
    """What becomes of the values that ranks 0, 1, … gave for ``call``."""
    answers = [
        Executed(1, rank, across(value) if rank else value) for rank, value in enumerate(values)
    ]
    return merge(Operation(Action.CALL_JSON, call), answers)


def numbers(*items: int) -> np.ndarray[Any, Any]:
    """Integers as an array, also none."""
    return np.array(items, np.int64)
