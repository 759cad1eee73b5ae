"""Resource limits of a script's process (setrlimit(2)): memory, open files, processes, dumps."""

from __future__ import annotations

import mmap
import os
import resource
from pathlib import Path


def limit_resources(
    memory_bytes: int | None,
    open_files: int | None,
    processes: int | None,
    mapped_bytes: int | None = None,
) -> None:
    """Lower the limits of this process; only root can raise a limit again.

    Parameters
    ----------
    memory_bytes : address space beyond what is mapped now
    open_files : file descriptors
    processes : processes and threads of this user beyond those there are now; does not bind root
    mapped_bytes : address space that is mapped now, if it is known
    """
    if memory_bytes is not None:
        mapped_bytes = own_address_space() if mapped_bytes is None else mapped_bytes
        _lower(resource.RLIMIT_AS, mapped_bytes + memory_bytes)
    if open_files is not None:
        _lower(resource.RLIMIT_NOFILE, open_files)
    if processes is not None and os.geteuid() != 0:
        _lower(resource.RLIMIT_NPROC, _tasks_of_user() + processes)
    # A dump would put the script's memory into a file.
    _lower(resource.RLIMIT_CORE, 0)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))


def own_address_space() -> int:
    """Return the address space of this process in bytes (proc(5), ``statm``)."""
    return address_space(Path("/proc/self/statm").read_bytes())


def address_space(statm: bytes) -> int:
    """Return the address space of a process in bytes, read from the content of its ``statm``."""
    return int(statm.split(maxsplit=1)[0]) * mmap.PAGESIZE


def _tasks_of_user() -> int:
    """Count the processes and threads of this process's user."""
    tasks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                tasks += len(list((process / "task").iterdir()))
        except OSError:
            # The process has ended.
            continue
    return tasks
