"""Activity of the ranks: a small file in which each rank notes the operation that it executes.

While NEST computes, a rank can't answer; but before and after an operation it can write where other
processes read. Ranks of one host share the file; ranks of other hosts write nothing.

Each rank has a row of three little-endian numbers of 8 bytes: operations begun, the time the last
one began (seconds since 1970, float), operations ended.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from protocol.runtime.private_files import open_regular

_ROW = struct.Struct("<QdQ")
#: Most ranks whose rows are read.
_MOST_RANKS = 2**20
#: Later times are none: calendars end before.
_LATEST_S = 2.0**37


def make_rank_activity(path: Path, ranks: int) -> None:
    """Make a file in which no rank has begun an operation, private to its user."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(bytes(_ROW.size * ranks))


class RankActivityWriter:
    """Writer of one rank's row.

    Parameters
    ----------
    path : of the file
    rank : whose row
    """

    def __init__(self, path: Path, rank: int) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._at = rank * _ROW.size
        self._count = 0

    def begin(self) -> None:
        """Note that this rank begins an operation."""
        self._count += 1
        _ROW.pack_into(self._map, self._at, self._count, time.time(), self._count - 1)

    def end(self) -> None:
        """Note that this rank has ended the operation."""
        struct.pack_into("<Q", self._map, self._at + 16, self._count)


@dataclass(frozen=True)
class RankActivity:
    """Row of one rank: operations begun and ended."""

    begun: int
    #: Seconds since 1970.
    began_s: float
    ended: int


def read_rank_activity(path: Path) -> list[RankActivity]:
    """Return the rows of all ranks, in their order; none if there is no file."""
    try:
        with open_regular(path) as file:
            data = file.read(_ROW.size * _MOST_RANKS)
    except OSError:
        return []
    whole = len(data) - len(data) % _ROW.size
    return [
        # Code in the kernel may have written any bytes, such as those of NaN.
        RankActivity(begun, began_s if 0 <= began_s < _LATEST_S else 0.0, ended)
        for begun, began_s, ended in _ROW.iter_unpack(data[:whole])
    ]
