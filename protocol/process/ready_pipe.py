"""Pipe on which a program reports that it serves: one byte to the process that has started it.

The end of the pipe without a byte means that the program ended before.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from protocol.process.polling import poll_until

#: Names the file descriptor, where there is one.
READY_VARIABLE = "NESTD_READY_FD"
#: Names that on which a program reports its end to the process that clears up behind it.
ENDING_VARIABLE = "NESTD_ENDING_FD"
#: What is written to it.
ENDING = b"2"
_CLEARED_S = 0.7


def report_ready() -> None:
    """Report to the process that has started this one that it serves, if there is a pipe."""
    descriptor = os.environ.get(READY_VARIABLE, "")
    if descriptor.isdecimal():
        # Reported before, or nobody listens any more.
        with contextlib.suppress(OSError):
            os.write(int(descriptor), b"1")
            os.close(int(descriptor))


def report_end(files: list[Path]) -> None:
    """Report that this program ends, if somebody clears up behind it, and wait a moment for that.

    Launchers and containers end all that is left with the program.

    Parameters
    ----------
    files : that are gone when all is cleared up
    """
    descriptor = os.environ.get(ENDING_VARIABLE, "")
    if descriptor.isdecimal():
        with contextlib.suppress(OSError):
            os.write(int(descriptor), ENDING)
            poll_until(lambda: not any(file.exists() for file in files), _CLEARED_S)
