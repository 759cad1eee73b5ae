"""What the kernel is at, where a gateway sees it without asking.

While NEST computes, nestd can't answer. It leaves in a small file in memory, beside the connection
file, which command it is at, how far that is, and what waits. The file has a number that is odd
while it is being written, so that who reads it notices and reads again.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

import orjson

_HEAD = struct.Struct("<QI")
_SIZE_BYTES = 1 << 16
#: Names of waiting commands that have room.
LISTED = 512
_ATTEMPTS = 100


@dataclass(frozen=True)
class Status:
    """What nestd is at."""

    #: The command that is executed; empty if none is.
    id: str = ""
    #: Its PyNEST call, ``"batch"`` or ``"script"``.
    label: str = ""
    #: Since when, seconds since 1970.
    since_s: float = 0.0
    #: The call within a batch or a script.
    call: str = ""
    #: Of a simulation: biological time in ms where it began, is, and ends.
    from_ms: float | None = None
    at_ms: float | None = None
    until_ms: float | None = None
    #: When the simulation began and was there, seconds since 1970.
    began_s: float | None = None
    at_s: float | None = None
    #: Biological time in ms that calls which have ended have simulated since the kernel's start.
    simulated_ms: float = 0.0
    #: Whether it is being ended.
    ending: bool = False
    #: Whether nestd takes nothing new any more, and ends after what it is at.
    stopping: bool = False
    #: What waits, in its order.
    queue: list[str] = field(default_factory=list)


class StatusWriter:
    """Leaves the status.

    Parameters
    ----------
    path : of the file, which is made
    """

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "r+b") as file:
            file.truncate(_SIZE_BYTES)
            self._map = mmap.mmap(file.fileno(), _SIZE_BYTES)
        self._number = 0

    def write(self, status: Status) -> None:
        """Replace what it says."""
        said = orjson.dumps(status)
        _HEAD.pack_into(self._map, 0, self._number + 1, len(said))
        self._map[_HEAD.size : _HEAD.size + len(said)] = said
        self._number += 2
        _HEAD.pack_into(self._map, 0, self._number, len(said))


def read_number(path: Path) -> int:
    """The number of a status: another one means that something was said; 0 if nothing was."""
    try:
        with path.open("rb") as file:
            return int(_HEAD.unpack(file.read(_HEAD.size))[0])
    except (OSError, struct.error):
        return 0


def read_status(path: Path) -> Status:
    """What a kernel is at; nothing if it has said nothing."""
    for _ in range(_ATTEMPTS):
        try:
            data = path.read_bytes()
            after = path.read_bytes()[: _HEAD.size]
            number, length = _HEAD.unpack_from(data)
            if number % 2 == 0 and after == data[: _HEAD.size] and length:
                return Status(**orjson.loads(data[_HEAD.size : _HEAD.size + length]))
            if number == 0:
                return Status()
        except (OSError, ValueError, TypeError, struct.error):
            return Status()
    return Status()
