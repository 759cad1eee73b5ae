"""Signs of life of a kernel, read from outside: while NEST computes, no Python of it can answer.

A kernel writes to its status file between two slices of a simulation, when it takes up a command,
and from time to time when it has nothing to do. A command that has no slices, such as ``Connect``,
can take hours in which nothing is written; then the kernel lives if one of its ranks uses a
processor. A kernel that is stopped, or waits for what never comes, does neither.
"""

from __future__ import annotations

from pathlib import Path

from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.status_file import read_number, read_status


class Liveness:
    """Signs of life of a kernel, compared with those of the last probe.

    Parameters
    ----------
    directory : of the status file
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writes: tuple[str, int] | None = None
        self._ticks: tuple[str, int] | None = None

    def probe(self, info: ConnectionInfo) -> bool:
        """Return whether the kernel has given a sign of life since the last probe."""
        path = RuntimeDirectory(self._directory).status(info.generation)
        writes = (info.generation, read_number(path))
        ticks = (info.generation, _processor_ticks(info))
        has_written, has_computed = writes != self._writes, ticks != self._ticks
        self._writes, self._ticks = writes, ticks
        if has_written:
            return True
        status = read_status(path)
        # Between slices the kernel would have written where it is.
        return has_computed and status.id != "" and status.at_ms is None


def _processor_ticks(info: ConnectionInfo) -> int:
    """Return the processor time that the ranks of this host have used (proc(5)), in ticks."""
    total = 0
    for rank in info.processes:
        if rank.host != info.host or not rank.process.is_running():
            continue
        try:
            stat = Path(f"/proc/{rank.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total
