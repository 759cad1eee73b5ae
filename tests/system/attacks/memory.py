"""Memory and processor time of a server: what it takes, what it may, and bodies that want more."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from tests.integration.servers import DEADLINE_S
from tests.system.attacks.targets import Target

MIB = 1 << 20
#: Memory of all processes of a server that is told to use at most 2048 MiB for its kernel.
MEMORY_MIB = 3300
#: Processor time after which what is refused is refused. The time on the wall also counts what
#: other tests take.
REFUSED_S = 15.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class MemoryWatch:
    """Ends the kernel of a server that takes more than it may, before the machine suffers."""

    def __init__(self, target: Target, limit_mib: int = MEMORY_MIB) -> None:
        self._target, self._limit_mib = target, limit_mib
        #: Most that was seen, in MiB.
        self.most_mib = 0

    @contextmanager
    def watching(self) -> Iterator[MemoryWatch]:
        over = Event()
        self._look()
        thread = Thread(target=self._watch, args=(over,))
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join(DEADLINE_S)

    def _watch(self, over: Event) -> None:
        while not over.wait(0.1):
            sizes = self._look()
            if sum(sizes.values()) > self._limit_mib:
                with suppress(ProcessLookupError):
                    os.kill(max(sizes, key=lambda pid: sizes[pid]), 9)

    def _look(self) -> dict[int, int]:
        sizes = {pid: own_memory_mib(pid) for pid in self._target.account.processes()}
        self.most_mib = max(self.most_mib, sum(sizes.values()))
        return sizes


def own_memory_mib(pid: int) -> int:
    """Return the memory that a process does not share with others."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(lines.get("RssAnon", "0 kB").split()[0]) >> 10


def processor_s(target: Target) -> float:
    """Return the processor time that the processes of a server have taken."""
    return sum(_ticks(pid) for pid in target.account.processes()) / _TICKS_PER_S


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def packed_lists(count: int) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + b"\x90" * count
