"""Large pages of memory for networks, where the C library has them.

NEST allocates connections and nodes in small pieces, and goes through all of them in each step.
With pages of 4 KiB, the system is asked for each page once, and again after each ResetKernel, and
there are more pages than the processor caches addresses of. ``docs/performance.md`` shows the
effect of pages of 2 MiB.

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
#: Variables whose user has decided about memory.
_DECIDED = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which a program begins with large pages.

    The result is empty where the user of ``environment`` has decided otherwise, and without glibc.
    """
    tunables = environment.get(VARIABLE, "")
    has_decided = "glibc.malloc." in tunables or any(name in environment for name in _DECIDED)
    if has_decided or not _is_glibc():
        return {}
    return {VARIABLE: f"{tunables}:{WANTED}" if tunables else WANTED}


def begin() -> None:
    """Start this process's program anew with large pages, unless it has them.

    This is to be called before anything else.
    """
    tunables = os.environ.get(VARIABLE, "")
    if tunables.endswith(WANTED):
        # This process has large pages; programs that it starts are not to have them.
        own = tunables.removesuffix(WANTED).rstrip(":")
        if own:
            os.environ[VARIABLE] = own
        else:
            del os.environ[VARIABLE]
    elif wanted := variables(os.environ):
        # Where no program can be started, this one continues with small pages.
        with contextlib.suppress(OSError):
            command = [sys.executable, *sys.orig_argv[1:]]
            os.execve(sys.executable, command, os.environ | wanted)  # noqa: S606


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False
