"""Kernels that tests tell of without having one."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import Any

from protocol.process.identity import identify
from protocol.runtime.connection_file import ConnectionInfo

#: One rank in a process that does not matter.
KERNEL = ConnectionInfo(
    command_endpoint="ipc:///run/kernel.sock",
    events_endpoint="ipc:///run/events.sock",
    public_key=None,
    host="here",
    pid=12,
    start_ticks=34,
    ranks=1,
    generation="0a1b2c3d",
    nest="3.10.0",
    mpi=False,
    started="2026-01-02T03:04:05+00:00",
    scripts="restricted",
    processes=(),
)


def kernel_in(pid: int | None = None, **facts: Any) -> ConnectionInfo:
    """A kernel in a process of this host: the one with ``pid``, or this one."""
    found = identify(os.getpid() if pid is None else pid)
    assert found is not None
    return replace(
        KERNEL, host=socket.gethostname(), pid=found.pid, start_ticks=found.start_ticks, **facts
    )
