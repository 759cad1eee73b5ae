"""Watches the processes of a kernel's ranks, to say which ended first and how."""

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
    """The ranks of the kernel that runs now.

    A launcher ends all ranks when one dies, so afterwards it takes somebody who watched to know
    which one it was (pidfd_open(2)).

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
        """What the kernel has said of itself; ``None`` before it has."""
        return self._info

    @property
    def has_kernel(self) -> bool:
        """Whether the kernel has said where its ranks are."""
        return self._info is not None

    def look(self) -> None:
        """Begin to watch the ranks of a kernel that has just come up."""
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
        for rank, found in enumerate(info.processes):
            # Ranks on other hosts are out of sight; their launcher ends the job.
            if found.host != info.host:
                continue
            with contextlib.suppress(OSError):
                self._descriptors[os.pidfd_open(found.pid)] = rank
            # The pid may be that of another process by now.
            if not found.process.is_running():
                ended.append(rank)
        for descriptor, rank in list(self._descriptors.items()):
            if rank in ended:
                del self._descriptors[descriptor]
                os.close(descriptor)
        if ended:
            self._end_others(ended)

    def signal_master(self, sig: signal.Signals) -> bool:
        """Send ``sig`` to rank 0; whether there is one here."""
        info = self._info
        if info is None or not info.process.is_running():
            return False
        signal_process(info.process, sig)
        return True

    def note_ends(self, ready: set[int]) -> None:
        """Some ranks have ended: remember which was first, and end the others.

        They could wait for it inside NEST for ever, and launchers take their time.
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
        # Of several at once nobody can tell; with one rank there is nothing to tell.
        self._first_dead = ended[0] if len(ended) == 1 and len(self._info.processes) > 1 else -1
        for descriptor, rank in self._descriptors.items():
            log.info("rank %s ends because rank %s has ended", rank, self._first_dead)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def conclude(self, child: ProcessIdentity, status: int) -> str:
        """The kernel's program has ended: leave a note of how, clear away what it left.

        Returns
        -------
        How it ended, for a person.
        """
        self.note_ends(set(self._descriptors))
        several = self._info is not None and len(self._info.processes) > 1
        launcher_killed = several and status < 0
        if status > 128 and several:
            # A launcher's way to say that a rank ended by a signal.
            status = 128 - status
        how = describe_exit(status)
        if launcher_killed:
            # It took its ranks along, of whom one was the first.
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
