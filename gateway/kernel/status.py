"""The kernel as its files show it: what it is, what it is at, and whom it waits for."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from protocol.errors import ConfigurationError, KernelUnavailable
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.rank_activity import read_rank_activity
from protocol.runtime.rejected_connections import RejectedConnections
from protocol.runtime.status_file import Status, read_status


class KernelStatus:
    """Looks at the kernel that the connection file names at the moment, without asking it.

    Safe for any number of threads.

    Parameters
    ----------
    path : the connection file
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], ConnectionInfo] | None = None
        #: How many kernels this has seen.
        self.kernels = 0

    @property
    def files(self) -> RuntimeDirectory:
        """Directory of connection file, status and jobs."""
        return RuntimeDirectory.of(self._path)

    def info(self) -> ConnectionInfo | None:
        """What the connection file says now; ``None`` while there is no kernel.

        Raises
        ------
        KernelUnavailable
            If the file is there but can't be used.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KernelUnavailable(f"can't look at {self._path}: {error.strerror}") from error
        version = (found.st_mtime_ns, found.st_ino)
        read = self._read
        if read is not None and read[0] == version:
            return read[1]
        try:
            info = connection_file.read(self._path)
        except ConfigurationError as error:
            raise KernelUnavailable(error.message) from error
        if info is not None:
            with self._lock:
                read = self._read
                if read is None or read[1].generation != info.generation:
                    self.kernels += 1
                self._read = (version, info)
        return info

    def needed_info(self) -> ConnectionInfo:
        """What the connection file says now.

        Raises
        ------
        KernelUnavailable
            If there is no kernel.
        """
        info = self.info()
        if info is None:
            raise KernelUnavailable(
                "there is no kernel at the moment; it is starting, or restarting after a fault",
                retry_after_s=1,
            )
        return info

    def status(self) -> Status:
        """What the kernel is at, as it said last; nothing if there is none."""
        info = self.info()
        if info is None:
            return Status()
        return read_status(self.files.status(info.generation))

    def awaited(self) -> list[dict[str, Any]]:
        """The ranks whose part of the running operation is awaited, since when, and whether
        their process is stopped; empty when nothing runs."""
        info = self.info()
        if info is None:
            return []
        marks = read_rank_activity(self.files.rank_activity(info.generation))
        current = max((mark.begun for mark in marks), default=0)
        # A rank may be stopped before it has begun what the others are at.
        began_s = min((mark.began_s for mark in marks if mark.begun == current), default=0.0)
        since = datetime.fromtimestamp(began_s, timezone.utc).isoformat(timespec="seconds")
        return [
            {
                "rank": rank,
                "since": since,
                "stopped": found.is_local and found.process.is_stopped(),
            }
            for rank, (mark, found) in enumerate(zip(marks, info.processes, strict=False))
            # Ranks of other hosts than the first one's leave no marks.
            if mark.ended < current and found.host == info.host
        ]

    def refusals(self) -> RejectedConnections:
        """Connections over the network that the kernel has refused."""
        info = self.info()
        if info is None:
            return RejectedConnections()
        return RejectedConnections.read(self.files.rejected_connections(info.generation))

    def refuse_if_stopping(self) -> None:
        """Raise if the kernel takes nothing new any more.

        Raises
        ------
        KernelUnavailable
            If it ends after what it is at.
        """
        if self.status().stopping:
            raise KernelUnavailable("the server stops and takes nothing new", retry_after_s=5)
