"""How a program tells the one that has started it that it serves: a byte on a pipe.

The end of the pipe without a byte means that the program ended before.
"""

from __future__ import annotations

import contextlib
import os

#: Names the file descriptor, where there is one.
READY_VARIABLE = "NESTD_READY_FD"


def say_ready() -> None:
    """Tell whoever has started this process that it serves, if they want to know."""
    descriptor = os.environ.get(READY_VARIABLE, "")
    if descriptor.isdecimal():
        # It was said before, or nobody listens any more.
        with contextlib.suppress(OSError):
            os.write(int(descriptor), b"1")
            os.close(int(descriptor))
