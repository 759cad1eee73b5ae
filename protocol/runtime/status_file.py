"""Status file: what the kernel executes, where a gateway reads it without asking.

While NEST computes, nestd can't answer. So it notes in a small mapped file which command it
executes, how far that is, and which commands wait. The file has a number that is odd while it is
being written, so that readers notice and read again.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from protocol.runtime.private_files import open_regular

_HEAD = struct.Struct("<QI")
_SIZE_BYTES = 1 << 16
_ROOM_BYTES = _SIZE_BYTES - _HEAD.size
#: Characters of texts in a status that would be too long; each has up to 6 bytes.
_SHORT = 200
#: Number of waiting commands whose names have room.
LISTED = 512
_ATTEMPTS = 100


@dataclass(frozen=True)
class Status:
    """Status of a kernel."""

    #: The command that is executed; empty if none is.
    id: str = ""
    #: Its PyNEST call, ``"batch"`` or ``"script"``.
    label: str = ""
    #: Since when, seconds since 1970.
    since_s: float = 0.0
    #: The call within a batch or a script.
    call: str = ""
    #: Biological time in ms where a simulation began, is, and ends.
    from_ms: float | None = None
    at_ms: float | None = None
    until_ms: float | None = None
    #: When the simulation began and when it was at ``at_ms``, seconds since 1970.
    began_s: float | None = None
    at_s: float | None = None
    #: Biological time in ms that calls which have ended have simulated since the kernel's start.
    simulated_ms: float = 0.0
    #: Whether the command is being ended.
    ending: bool = False
    #: Whether nestd accepts no new command, and ends after the one that it executes.
    stopping: bool = False
    #: Ids of the commands that wait, in their order.
    queue: list[str] = field(default_factory=list)
    #: Of those whose clients have sent them without a gateway, their PyNEST calls.
    direct: dict[str, str] = field(default_factory=dict)
    #: Why the kernel can't work on jobs, if it can't.
    jobs_problem: str = ""


class StatusWriter:
    """Writer of the status file.

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
        """Replace the status in the file."""
        encoded = orjson.dumps(status)
        if len(encoded) > _ROOM_BYTES:
            # Ids and labels that are too long for it are not worth the end of this process.
            shorter = {name: getattr(status, name)[:_SHORT] for name in ("id", "label", "call")}
            encoded = orjson.dumps(replace(status, queue=[], direct={}, **shorter))
        _HEAD.pack_into(self._map, 0, self._number + 1, len(encoded))
        self._map[_HEAD.size : _HEAD.size + len(encoded)] = encoded
        self._number += 2
        _HEAD.pack_into(self._map, 0, self._number, len(encoded))


def read_number(path: Path) -> int:
    """Return the number of the status, which changes whenever one is written; 0 before."""
    try:
        with open_regular(path) as file:
            return int(_HEAD.unpack(file.read(_HEAD.size))[0])
    except (OSError, struct.error):
        return 0


def read_status(path: Path) -> Status:
    """Return the kernel's status; that of an idle kernel if none can be read."""
    for _ in range(_ATTEMPTS):
        try:
            with open_regular(path) as file:
                data = file.read(_SIZE_BYTES)
                file.seek(0)
                after = file.read(_HEAD.size)
            number, length = _HEAD.unpack_from(data)
            if number % 2 == 0 and after == data[: _HEAD.size] and length:
                return Status(**orjson.loads(data[_HEAD.size : _HEAD.size + length]))
            if number == 0:
                return Status()
        except (OSError, ValueError, TypeError, struct.error):
            return Status()
    return Status()
