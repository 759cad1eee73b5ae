"""Watch on the processes of a kernel's ranks, which tells the rank that ended first and how."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
from pathlib import Path

from protocol.errors import ConfigurationError
from protocol.process.identity import ProcessIdentity, describe_exit, signal_process
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import write_private

log = logging.getLogger(__name__)


class RankWatch:
    """Ranks of the kernel that runs now.

    A launcher ends all ranks when one dies, so only a process that watched them (pidfd_open(2))
    knows afterwards which rank died first.

    Parameters
    ----------
    path : the connection file
    exit_file : where to write how the kernel ended
    """

    def __init__(self, path: Path, exit_file: Path) -> None:
        self._path = path
        self._exit_file = exit_file
        self._info: ConnectionInfo | None = None
        self._descriptors: dict[int, int] = {}
        self._first_dead: int | None = None

    @property
    def descriptors(self) -> list[int]:
        """File descriptors that become readable when a rank ends."""
        return list(self._descriptors)

    @property
    def info(self) -> ConnectionInfo | None:
        """Connection file of the kernel; ``None`` before the kernel has written one."""
        return self._info

    @property
    def has_kernel(self) -> bool:
        """Return whether the kernel has written its connection file."""
        return self._info is not None

    def probe(self) -> None:
        """Watch the ranks of a kernel that has just written its connection file, if one has."""
        if self._info is not None:
            return
        try:
            info = connection_file.read(self._path)
        except ConfigurationError:
            return
        if info is None:
            return
        self._info = info
        ended = []
        for rank, place in enumerate(info.processes):
            # Ranks on other hosts are out of sight; their launcher ends the job.
            if place.host != info.host:
                continue
            with contextlib.suppress(OSError):
                self._descriptors[os.pidfd_open(place.pid)] = rank
            # The pid may be that of another process by now.
            if not place.process.is_running():
                ended.append(rank)
        for descriptor, rank in list(self._descriptors.items()):
            if rank in ended:
                del self._descriptors[descriptor]
                os.close(descriptor)
        if ended:
            self._end_others(ended)

    def signal_master(self, sig: signal.Signals) -> bool:
        """Send ``sig`` to rank 0, and return whether rank 0 runs on this host."""
        info = self._info
        if info is None or not info.process.is_running():
            return False
        signal_process(info.process, sig)
        return True

    def note_ends(self, ready: set[int]) -> None:
        """Remember which of the ranks that have ended was first, and end the others.

        The others could wait for that rank inside NEST for ever, and launchers take their time.

        Parameters
        ----------
        ready : those of ``descriptors`` that are readable
        """
        if not ready or self._info is None:
            return
        ranks = sorted(self._descriptors.pop(descriptor) for descriptor in ready)
        for descriptor in ready:
            os.close(descriptor)
        self._end_others(ranks)

    def _end_others(self, ended: list[int]) -> None:
        if self._first_dead is not None or self._info is None:
            return
        # The order of several at once is unknown; with one rank there is nothing to name.
        self._first_dead = ended[0] if len(ended) == 1 and len(self._info.processes) > 1 else -1
        for descriptor, rank in self._descriptors.items():
            log.info("rank %s ends because rank %s has ended", rank, self._first_dead)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def conclude(self, child: ProcessIdentity, status: int) -> str:
        """Write down how the kernel's program ended, and remove the files that it left.

        Returns
        -------
        How the program ended, for a person.
        """
        self.note_ends(set(self._descriptors))
        several = self._info is not None and len(self._info.processes) > 1
        launcher_killed = several and status < 0
        if status > 128 and several:
            # A launcher's way to say that a rank ended by a signal.
            status = 128 - status
        how = describe_exit(status)
        if launcher_killed:
            # The launcher took its ranks along, one of which was the first.
            how = f"{how} of the launcher of its ranks"
        elif self._first_dead is not None and self._first_dead >= 0:
            how = f"{how} of rank {self._first_dead}"
        master = self._info.process if self._info is not None else child
        note = {"pid": master.pid, "start_ticks": master.start_ticks, "how": how}
        write_private(self._exit_file, json.dumps(note).encode())
        RuntimeDirectory.of(self._path).remove_kernel()
        self._info = None
        self._first_dead = None
        return how
