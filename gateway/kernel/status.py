"""Kernel status: the present kernel as its files show it, without asking it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from protocol.channel.present_kernel import PresentKernel
from protocol.errors import KernelUnavailable, Unavailable
from protocol.runtime.rank_activity import read_rank_activity
from protocol.runtime.rejected_connections import RejectedConnections
from protocol.runtime.status_file import Status, read_status

#: What to do about a kernel that can't work on jobs.
WITHOUT_JOBS = "calls without a job go on; DELETE /kernel starts a new kernel, without the network"


class KernelStatus(PresentKernel):
    """Files of the kernel that the connection file names at the moment.

    Safe for any number of threads.

    Parameters
    ----------
    path : the connection file
    """

    def read(self) -> Status:
        """Return the kernel's status, read from its status file; an empty one without a kernel."""
        info = self.info()
        if info is None:
            return Status()
        return read_status(self.files.status(info.generation))

    def awaited_ranks(self) -> list[dict[str, Any]]:
        """Return the ranks that have not finished the running operation.

        Each with the time since when, and whether its process is stopped.
        """
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
                "stopped": process.is_local and process.process.is_stopped(),
            }
            for rank, (mark, process) in enumerate(zip(marks, info.processes, strict=False))
            # Ranks of other hosts than the first one's leave no marks.
            if mark.ended < current and process.host == info.host
        ]

    def rejected_connections(self) -> RejectedConnections:
        """Return the counts of connections over the network that the kernel has refused."""
        info = self.info()
        if info is None:
            return RejectedConnections()
        return RejectedConnections.read(self.files.rejected_connections(info.generation))

    def refuse_if_stopping(self) -> Status:
        """Return the kernel's status, unless the kernel takes no new commands.

        Raises
        ------
        KernelUnavailable
            If the kernel ends after the present command.
        """
        status = self.read()
        if status.stopping:
            raise KernelUnavailable("the server stops and takes nothing new", retry_after_s=5)
        return status

    def refuse_job(self) -> None:
        """Raise if the kernel takes no new jobs.

        Raises
        ------
        KernelUnavailable
            If the kernel ends after the present command.
        Unavailable
            If it goes on without jobs.
        """
        problem = self.refuse_if_stopping().jobs_problem
        if problem:
            raise Unavailable(f"{problem}; {WITHOUT_JOBS}")
