"""New events of a recorder: each is read once, and rank by rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial.slices import NewEvents
from tests.unit.partial.ranks import merged
from tests.unit.strategies import same


class Recordings:
    """Has spikes of one thread, the later ones behind."""

    def __init__(self, spikes: list[tuple[float, int]]) -> None:
        self.times = np.array([time for time, _ in spikes])
        self.senders = np.array([sender for _, sender in spikes], np.int64)

    def beyond(self, node: Any, told: list[int]) -> tuple[dict[str, Any], list[int]]:
        start = told[0] if told else 0
        columns = {"senders": self.senders[start:], "times": self.times[start:]}
        return columns, [len(self.times)]


spikes = st.lists(st.tuples(st.integers(1, 50).map(float), st.integers(1, 6)), max_size=20)


@given(earlier=spikes, later=spikes, ranks=st.integers(1, 5))
def test_events_are_new_and_in_order_however_the_senders_are_spread(
    earlier: list[tuple[float, int]], later: list[tuple[float, int]], ranks: int
) -> None:
    counts: list[list[int]] = []
    for until in (earlier, earlier + later):
        parts = []
        for rank in range(ranks):
            own = Recordings([spike for spike in until if spike[1] % ranks == rank])
            parts.append(NewEvents.collect(own, "node", counts, rank))
        found = merged("GetStatus", *parts)
        counts = found["told"]
        new = sorted(until if until is earlier else later)
        assert same(found["events"]["times"], np.array([time for time, _ in new], float))
        assert found["events"]["senders"].tolist() == [sender for _, sender in new]
