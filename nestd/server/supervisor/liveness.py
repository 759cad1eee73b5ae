"""Whether a kernel lives, seen from outside: while NEST computes, nobody can ask it.

A kernel lives if it says something in its status file: between two slices of a simulation, when it
takes up a command, and from time to time when it has nothing to do. A command that has no slices,
such as ``Connect``, can take hours in which nothing is said; then it lives if one of its ranks uses
a processor. One that is stopped, or waits for what never comes, does neither.
"""

from __future__ import annotations

from pathlib import Path

from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.status_file import read_number, read_status


class Liveness:
    """The signs of life of a kernel.

    Parameters
    ----------
    directory : with its status file
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number: tuple[str, int] | None = None
        self._used: tuple[str, int] | None = None

    def beats(self, info: ConnectionInfo) -> bool:
        """Whether the kernel has given a sign of life since the last look."""
        path = RuntimeDirectory(self._directory).status(info.generation)
        number = (info.generation, read_number(path))
        used = (info.generation, _ticks(info))
        has_said, has_worked = number != self._number, used != self._used
        self._number, self._used = number, used
        if has_said:
            return True
        status = read_status(path)
        # Between slices it would have said where it is.
        return has_worked and status.id != "" and status.at_ms is None


def _ticks(info: ConnectionInfo) -> int:
    """Processor time that the ranks of this host have used (proc(5)), in ticks."""
    total = 0
    for found in info.processes:
        if found.host != info.host or not found.process.is_running():
            continue
        try:
            stat = Path(f"/proc/{found.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total
