"""Processes below a process, as the system lists them (proc(5), ``children``)."""

from __future__ import annotations

import io
import os
import signal


def kill(pid: int) -> None:
    """Kill a process, unless it has ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def open_children(pid: int) -> int | None:
    """Open the list of a process's children, which the system makes anew for each reading."""
    try:
        return os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
    except OSError:
        return None


def _children(pid: int) -> list[int]:
    descriptor = open_children(pid)
    if descriptor is None:
        return []
    with io.FileIO(descriptor) as file:
        try:
            return [int(child) for child in file.readall().split()]
        except OSError:
            return []


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's children, of their children, and so on."""
    seen: list[int] = []
    unseen = _children(pid)
    while unseen:
        seen += unseen
        unseen = [child for parent in unseen for child in _children(parent)]
    return seen
