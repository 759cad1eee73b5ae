"""Limit of the memory of a rank, with which NEST raises MemoryError and goes on.

It is ``RLIMIT_DATA``, private memory that can be written to: docs/decisions/0021 has what was
measured. NEST is bound by it while it makes something. Everything else may use a reserve beyond
that, so that a kernel which has no room left can be asked, and emptied.

Some of NEST's allocations end the process when they fail. So what is asked for is estimated before
it is begun, and refused if there is no room; all ranks refuse together.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import mmap
import os
import resource
from collections.abc import Callable
from pathlib import Path

from protocol.errors import KernelError

MIB = 2**20
#: Memory of a rank beyond its limit that NEST does not get.
RESERVE_BYTES = 256 * MIB
#: Least limit of a rank: Python, NEST and MPI take 150 MiB of it.
LEAST_BYTES = 512 * MIB
#: Part of the machine's memory that the kernels of a user share, unless set otherwise.
_SHARE = 0.75
#: Estimates below it are not compared with the room there is.
_SMALL_BYTES = 32 * MIB
_UNLIMITED = resource.RLIM_INFINITY


def give_back_memory() -> None:
    """Give memory that is free within this process back to the system, if the C library can."""
    # Collecting empties Python's free lists too: their few objects lie all over what is free.
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def default_bytes(machine_bytes: int, kernels: int) -> int:
    """Return the memory of each of ``kernels`` kernels of a user on one machine."""
    return int(machine_bytes * _SHARE) // max(kernels, 1)


def machine_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process could have: the machine's, or less in a container.

    Parameters
    ----------
    root : below which ``proc`` and ``sys`` are
    """
    found = [os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE]
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        place = top / path.lstrip("/")
        # In a container the path may be that outside.
        for directory in (place, *place.parents):
            text = _read(directory / name).strip()
            if text.isdigit():
                found.append(int(text))
            if directory == top:
                break
    return min(found)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


class MemoryLimit:
    """Limit of the memory of this process, which has none until one is set."""

    def __init__(self) -> None:
        self._bytes = _UNLIMITED
        self._hard = _UNLIMITED
        self._agree: Callable[[bool], bool] = bool

    def set(self, limit_bytes: int, agree: Callable[[bool], bool] = bool) -> None:
        """Set the limit, which can't be raised again.

        Parameters
        ----------
        limit_bytes : of this process
        agree : returns whether all ranks say yes; called by all or by none
        """
        self._bytes = max(limit_bytes, LEAST_BYTES)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        self._hard = self._bytes + RESERVE_BYTES
        if hard != _UNLIMITED:
            self._hard = min(hard, self._hard)
            self._bytes = min(self._bytes, self._hard)
        self._agree = agree
        self.release()

    def enforce(self, part_of_reserve: float = 0.0) -> None:
        """Have allocations fail at the limit, or that part of the reserve beyond it."""
        if self._bytes == _UNLIMITED:
            return
        most = self._bytes + int((self._hard - self._bytes) * part_of_reserve)
        resource.setrlimit(resource.RLIMIT_DATA, (most, self._hard))

    def release(self) -> None:
        """Let allocations have the reserve as well."""
        if self._bytes == _UNLIMITED:
            return
        resource.setrlimit(resource.RLIMIT_DATA, (self._hard, self._hard))

    def check(self, needed_bytes: float) -> None:
        """Raise MemoryError unless there is room for so much on all ranks.

        Parameters
        ----------
        needed_bytes : at least, equal on all ranks
        """
        if needed_bytes < _SMALL_BYTES or self._bytes == _UNLIMITED:
            return
        if not self._agree(needed_bytes <= self._bytes - _used_bytes()):
            raise MemoryError(f"it takes at least {needed_bytes / MIB:.0f} MiB more")

    def refusal(self, call: str, error: MemoryError) -> KernelError:
        """Return the error for the caller of what has raised ``error``."""
        return KernelError(
            f"MemoryError in {call}: {self.explain(error)}",
            error_name="MemoryError",
            call=call,
            module="builtins",
        )

    def explain(self, error: MemoryError) -> str:
        """Return what to tell the caller of what has raised ``error``."""
        why = str(error)
        if self._bytes == _UNLIMITED:
            return why or "there is no memory left"
        text = f"this kernel has {self._bytes / MIB:.0f} MiB of memory a rank"
        text += " (NEST_SERVER_MEMORY_MIB)"
        if why.startswith("it takes"):
            return f"{text}, and {why}"
        return f"{text}, and this needs more; ResetKernel frees what was made of it"


def _used_bytes() -> int:
    """Return how much private memory of this process is in use."""
    pages = int(Path("/proc/self/statm").read_bytes().split()[5])
    return pages * mmap.PAGESIZE - _free_bytes()


class _MallInfo(ctypes.Structure):
    """Result of mallinfo2(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _free_bytes() -> int:
    """Return how much of it was freed, and waits to be allocated again."""
    function = _mallinfo()
    return 0 if function is None else int(function().fordblks)


@functools.cache
def _mallinfo() -> Callable[[], _MallInfo] | None:
    try:
        function = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return None
    function.restype = _MallInfo
    return function


#: The limit of this process.
limit = MemoryLimit()
