"""Redirection of what this process, and NEST in it, prints to a log instead of the console."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from nestd.logs.writer_process import LogProcess
from protocol.logging.lines import LogSettings


@contextlib.contextmanager
def output_to(
    path: Path | None, settings: LogSettings, rank: int, secret_file: Path | None = None
) -> Iterator[TextIO]:
    """Send what this process, NEST in it and its children print to a log; yields the console.

    Several ranks may have the same file: lines are appended as a whole.

    Parameters
    ----------
    path : of the log; ``None`` for the console
    settings : of logging
    rank : of this process
    secret_file : file whose content must not be in the log, and which this process does not read

    Raises
    ------
    ConfigurationError
        If the log can't be written.
    """
    if path is None:
        yield sys.stdout
        return
    writer = LogProcess(path.absolute(), settings, {"nestd": rank}, secret_file, is_shut_in=True)
    out, err = os.dup(1), os.dup(2)
    for descriptor in (1, 2):
        os.dup2(writer.writing["nestd"].fileno(), descriptor)
    # The process writes the rest by itself; launchers give a rank a second to end.
    writer.leave()
    try:
        with os.fdopen(os.dup(out), "w") as console:
            yield console
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for kept, descriptor in ((out, 1), (err, 2)):
            os.dup2(kept, descriptor)
            os.close(kept)
