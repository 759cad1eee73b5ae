"""Spikes in order of time and sender, by whichever way they are sorted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial.ordering import merge_events

#: NEST's tics; times that it gives are so many thousandths of a millisecond.
tics = st.integers(0, 2**40)
#: Spikes off the grid, and simulations in tics of another length.
elsewhere = st.floats(0.0, 1e6)


def ordered(times: list[float], senders: list[int], dtype: type = float) -> None:
    """Merge spikes of three ranks and compare with sorting them as pairs."""
    times_, senders_ = np.array(times, dtype), np.array(senders, np.int64)
    parts = [{"senders": senders_[rank::3], "times": times_[rank::3]} for rank in range(3)]
    found = merge_events(parts)
    assert list(found) == ["senders", "times"]
    assert (found["times"].dtype, found["senders"].dtype) == (np.dtype(dtype), np.int64)
    expected = sorted(zip(times_.tolist(), senders, strict=True))
    pairs = list(zip(found["times"].tolist(), found["senders"].tolist(), strict=True))
    assert pairs == expected


@given(spikes=st.lists(st.tuples(tics, st.integers(1, 2**20)), min_size=1))
def test_spikes_on_the_grid_keep_their_times_to_the_last_bit(
    spikes: list[tuple[int, int]],
) -> None:
    ordered([0.001 * time for time, _ in spikes], [sender for _, sender in spikes])


@given(spikes=st.lists(st.tuples(tics, st.integers(1, 2**40)), min_size=1))
def test_times_in_steps_stay_whole_numbers(spikes: list[tuple[int, int]]) -> None:
    ordered([time for time, _ in spikes], [sender for _, sender in spikes], np.int64)


@given(spikes=st.lists(st.tuples(elsewhere | tics.map(float), st.integers(1, 9)), min_size=1))
def test_spikes_off_the_grid_keep_theirs(spikes: list[tuple[float, int]]) -> None:
    ordered([time for time, _ in spikes], [sender for _, sender in spikes])


@pytest.mark.parametrize("senders", [[3, 1, 2], [1, 2, 3]])
def test_order_that_is_there_is_left(senders: list[int]) -> None:
    ordered([1.0, 2.0, 3.0], senders)


def test_arguments_are_left_as_they_are() -> None:
    times, senders = np.array([2.0, 1.0]), np.array([1, 1])
    merge_events([{"times": times, "senders": senders}])
    assert times.tolist() == [2.0, 1.0]
