"""Events in order of time, sender and further columns, by whichever way they are sorted."""

from __future__ import annotations

import math
from typing import Any

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
def test_spikes_on_the_grid_keep_their_times_to_the_last_bit(spikes: list[tuple[int, int]]) -> None:
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


def test_columns_of_integers_stay_so_beside_ranks_without_events() -> None:
    here = {"times": np.array([2.0]), "senders": np.array([3]), "state": np.array([1])}
    nothing = {name: np.zeros(0) for name in here}
    for values in ([here, nothing], [nothing, here]):
        found = merge_events(values)
        assert {name: column.dtype.kind for name, column in found.items()} == {
            "times": "f",
            "senders": "i",
            "state": "i",
        }
    assert merge_events([nothing, nothing]).keys() == here.keys()


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([0.1, 0.2, 7.6, 7.6000000000000005, 7.6004, 1e12, 0.0, -1.0, math.nan]),
            st.integers(1, 4),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=30,
    ),
    times=st.sampled_from(["grid", "any", "steps"]),
    columns=st.integers(2, 3),
)
def test_events_are_in_the_order_of_all_their_columns(
    rows: list[tuple[float, int, int]], times: str, columns: int
) -> None:
    chosen = [row for row in rows if times == "any" or 0.0 < row[0] < 1e3]
    found: dict[str, Any] = {
        "times": np.array([row[0] for row in chosen]),
        "senders": np.array([row[1] for row in chosen], np.int64),
        "V_m": np.array([float(row[2]) for row in chosen]),
    }
    if times == "steps":
        found["times"] = np.rint(found["times"] * 10).astype(np.int64)
    if columns == 2:
        del found["V_m"]
    keys = [found["times"], found["senders"], *([found["V_m"]] if columns == 3 else [])]
    order = np.lexsort(keys[::-1])
    merged_events = merge_events([found])
    for name, column in merged_events.items():
        assert np.array_equal(column, found[name][order], equal_nan=True), name


def test_events_within_a_step_come_in_the_order_of_their_precise_times() -> None:
    one = {"times": [5, 5, 6], "senders": [1, 1, 1], "offsets": [0.75, 0.25, 0.5]}
    other = {"times": [5], "senders": [2], "offsets": [0.5]}
    parts = [{name: np.array(column) for name, column in part.items()} for part in (one, other)]
    found = merge_events(parts)
    assert found["offsets"].tolist() == [0.75, 0.5, 0.25, 0.5]
    assert found["senders"].tolist() == [1, 2, 1, 1]
