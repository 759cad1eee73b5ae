"""Pipe on which a program reports that it serves: one byte to the process that has started it.

The end of the pipe without a byte means that the program ended before.
"""

from __future__ import annotations

import contextlib
import os

#: Names the file descriptor, where there is one.
READY_VARIABLE = "NESTD_READY_FD"


def report_ready() -> None:
    """Report to the process that has started this one that it serves, if there is a pipe."""
    descriptor = os.environ.get(READY_VARIABLE, "")
    if descriptor.isdecimal():
        # Reported before, or nobody listens any more.
        with contextlib.suppress(OSError):
            os.write(int(descriptor), b"1")
            os.close(int(descriptor))
