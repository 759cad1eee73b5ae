"""What the processes of a server hold: memory, open files, files of their directory."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.integration.servers import Server, marked_processes

_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
#: Generations of kernels and names of jobs in names of files.
_NAMES = re.compile(r"[0-9a-f]{8,}")


def rss_mib(pid: int) -> float:
    """Resident memory of a process; 0 of one that has ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MIB
    return 0.0


def role(pid: int) -> str:
    """What a process of a server is: the module that it runs, ``""`` if that can't be told."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"-m" in words:
            return words[words.index(b"-m") + 1].decode()
        return Path(words[0].decode()).name
    return ""


#: What is written when a kernel has ended.
_OF_ENDED = ("kernel-exit.json", "crash-report.json")


@dataclass(frozen=True)
class Held:
    """What is held at one moment, by the role of each process."""

    processes: Counter[str]
    memory_mib: Counter[str]
    open_files: Counter[str]
    #: Files of the server's directory, names of kernels replaced, but for those that come and go.
    files: Counter[str]


def held(server: Server) -> Held:
    """What a server's processes hold now."""
    found = Held(Counter(), Counter(), Counter(), Counter())
    for pid in marked_processes(server.runtime.mark, str(server.runtime.directory)):
        with contextlib.suppress(OSError):
            files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            name = role(pid)
            found.processes[name] += 1
            found.memory_mib[name] += rss_mib(pid)
            found.open_files[name] += files
    root = server.runtime.directory
    for path in root.rglob("*"):
        inside = path.relative_to(root)
        if path.is_file() or path.is_socket():
            # Why the last kernel has ended is there when one has.
            if ".log" in path.name or "jobs" in inside.parts or path.name in _OF_ENDED:
                continue
            found.files[_NAMES.sub("*", str(inside))] += 1
    return found


def differences(before: Held, now: Held, memory_mib: float, open_files: int) -> list[str]:
    """In what there is more or less than before.

    Parameters
    ----------
    before, now : to be compared
    memory_mib : how much more memory the processes of a role may have
    open_files : how many more files they may have open
    """
    found = []
    if now.processes != before.processes:
        found.append(f"processes: {dict(before.processes)} before, {dict(now.processes)} after")
    if now.files != before.files:
        more, fewer = dict(now.files - before.files), dict(before.files - now.files)
        found.append(f"files: {more} more, {fewer} fewer")
    for name in before.processes:
        grown = now.memory_mib[name] - before.memory_mib[name]
        if grown > memory_mib:
            found.append(f"memory of {name}: {before.memory_mib[name]:.1f} {grown:+.1f} MiB")
        opened = now.open_files[name] - before.open_files[name]
        if opened > open_files:
            found.append(f"open files of {name}: {before.open_files[name]} {opened:+d}")
    return found
