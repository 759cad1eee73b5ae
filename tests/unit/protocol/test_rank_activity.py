"""File in which ranks note the operations that they execute."""

from __future__ import annotations

import stat
import struct
import time
from pathlib import Path

import pytest

from protocol.runtime.rank_activity import (
    RankActivity,
    RankActivityWriter,
    make_rank_activity,
    read_rank_activity,
)


def test_new_file_is_private_and_says_that_nothing_was_begun(tmp_path: Path) -> None:
    path = tmp_path / "activity"
    make_rank_activity(path, 3)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_rank_activity(path) == [RankActivity(0, 0.0, 0)] * 3


def test_ranks_write_their_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "activity"
    make_rank_activity(path, 3)
    writers = [RankActivityWriter(path, rank) for rank in range(3)]
    before = time.time()
    for writer in writers:
        writer.begin()
    writers[0].end()
    writers[2].end()
    writers[2].begin()
    marks = read_rank_activity(path)
    assert [(mark.begun, mark.ended) for mark in marks] == [(1, 1), (1, 0), (2, 1)]
    assert all(before <= mark.began_s <= time.time() for mark in marks)


def test_file_that_is_missing_or_cut_says_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "activity"
    assert read_rank_activity(path) == []
    make_rank_activity(path, 2)
    RankActivityWriter(path, 0).begin()
    path.write_bytes(path.read_bytes()[:-1])
    assert [mark.begun for mark in read_rank_activity(path)] == [1]
    path.write_bytes(b"")
    assert read_rank_activity(path) == []


def test_rank_without_a_line_is_an_error_and_not_a_longer_file(tmp_path: Path) -> None:
    path = tmp_path / "activity"
    make_rank_activity(path, 2)
    with pytest.raises(Exception, match="buffer"):
        RankActivityWriter(path, 2).begin()
    assert len(read_rank_activity(path)) == 2


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), -1.0, 1e300])
def test_time_that_is_none_is_left_out(tmp_path: Path, time_s: float) -> None:
    """Code in the kernel may have written it, and the gateway shows it as a date."""
    (tmp_path / "activity").write_bytes(struct.pack("<QdQ", 2, time_s, 1))
    (row,) = read_rank_activity(tmp_path / "activity")
    assert row == RankActivity(2, 0.0, 1)
