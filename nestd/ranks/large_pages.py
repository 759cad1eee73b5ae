"""Keeps a network in large pages of memory, where the C library can.

NEST allocates connections and nodes in small pieces, and goes through all of them in each step.
In pages of 4 KiB each is asked of the system once, and again after each ResetKernel, and there
are more of them than the processor remembers the places of. ``docs/performance.md`` has what
pages of 2 MiB are worth.

glibc asks for large pages since 2.35, by a tunable that it reads when a program starts. See
https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping

VARIABLE = "GLIBC_TUNABLES"
#: Freed memory is given back from 32 MiB on, and pieces of 32 MiB and more are mapped alone. glibc
#: begins with 128 KiB for both, and each array would be a mapping of 2 MiB.
WANTED = (
    "glibc.malloc.hugetlb=1"
    ":glibc.malloc.trim_threshold=33554432"
    ":glibc.malloc.mmap_threshold=33554432"
)
#: Who sets one of these has decided about memory himself.
_DECIDED = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def variables(given: Mapping[str, str]) -> dict[str, str]:
    """What a program's environment needs beside ``given``, to begin with large pages; nothing where
    that is not wanted, or can't be had.
    """
    tunables = given.get(VARIABLE, "")
    has_decided = "glibc.malloc." in tunables or any(name in given for name in _DECIDED)
    if has_decided or not _is_glibc():
        return {}
    return {VARIABLE: f"{tunables}:{WANTED}" if tunables else WANTED}


def begin() -> None:
    """Go on with large pages: if need be, this process starts its program anew.

    To be called before anything else.
    """
    tunables = os.environ.get(VARIABLE, "")
    if tunables.endswith(WANTED):
        # It has them. Those that it starts are not to.
        own = tunables.removesuffix(WANTED).rstrip(":")
        if own:
            os.environ[VARIABLE] = own
        else:
            del os.environ[VARIABLE]
    elif wanted := variables(os.environ):
        # Where no program can be started, this one does as well.
        with contextlib.suppress(OSError):
            command = [sys.executable, *sys.orig_argv[1:]]
            os.execve(sys.executable, command, os.environ | wanted)  # noqa: S606


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False
