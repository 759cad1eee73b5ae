"""Rank 0 at the data directory: lists files for scripts, writes them, and looks at their room."""

from __future__ import annotations

import logging
import time

from nestd.master.events import FileWritten
from nestd.master.instructions import WriteFile
from protocol.errors import DataDirectoryFull, NestdError, Refused, Unavailable
from protocol.runtime.data_directory import DataDirectory
from protocol.wire.messages import Command, Failure, Result

log = logging.getLogger(__name__)

#: How many times longer than a look the time to the next one is. The more files there are, the
#: longer a look takes.
_REST = 100


def list_files(command: Command, directory: DataDirectory, generation: str) -> Result | Failure:
    """Return the answer to a script that asks which files there are."""
    try:
        files = [file.to_value() for file in directory.files()]
    except Unavailable as error:
        return Failure(command.id, generation, error)
    return Result(command.id, generation, files)


class DataRoom:
    """Room in a data directory.

    Parameters
    ----------
    directory : in which NEST writes
    """

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory
        self._next_look_s = 0.0

    def problem(self) -> DataDirectoryFull | Refused | None:
        """Return why nothing more may be written; ``None`` if more may be, or may have been.

        After a look that has found room the next ones are spared for a while.
        """
        began_s = time.monotonic()
        if began_s < self._next_look_s:
            return None
        try:
            self._directory.check_room()
        except (DataDirectoryFull, Refused) as problem:
            return problem
        except Unavailable as gone:
            # NEST's own error says that it can't write.
            log.warning("%s", gone)
        ended_s = time.monotonic()
        self._next_look_s = ended_s + _REST * (ended_s - began_s)
        return None


def write_file(step: WriteFile, directory: DataDirectory) -> FileWritten:
    """Write a text into a file, and return the event that tells whether that failed."""
    content = step.text.encode()
    try:
        directory.check_room(len(content))
        directory.write_file(step.name, content)
    except NestdError as error:
        return FileWritten(error)
    return FileWritten()
