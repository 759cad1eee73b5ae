"""Log file of limited size, to which several processes may append.

A file that is full is put aside under its name and a number, ``nest.log.1`` being the newest; the
oldest is deleted. Each writer checks before each write whether the file was put aside meanwhile,
and then opens the new one. Writers that want to put the file aside take turns by a lock (flock(2))
on the file itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from protocol.errors import ConfigurationError


class LogFile:
    """Log file that is open for appending.

    Parameters
    ----------
    path : of the file
    size_bytes : at which it is put aside
    kept : number of older files that are kept
    """

    def __init__(self, path: Path, size_bytes: int, kept: int) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._kept = kept
        self._handle: int | None = None

    def write(self, data: bytes) -> None:
        """Append whole lines.

        Raises
        ------
        OSError
            If there is no room, or the file can't be opened. Nothing of ``data`` or a part of it is
            written then.
        """
        handle = self._open()
        size = os.fstat(handle).st_size
        if size and size + len(data) > self._size_bytes:
            handle = self._put_aside(handle)
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _open(self) -> int:
        if self._handle is not None and self._is_there(self._handle):
            return self._handle
        self.close()
        self._handle = open_log(self._path)
        return self._handle

    def _is_there(self, handle: int) -> bool:
        """Return whether the file under the name still is the open file."""
        try:
            named = self._path.lstat()
        except FileNotFoundError:
            return False
        opened = os.fstat(handle)
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    def _put_aside(self, handle: int) -> int:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            # Where files can't be renamed, the file goes on growing: no line is lost for that.
            with contextlib.suppress(OSError):
                # Another process may have been faster.
                if self._is_there(handle):
                    self._rename()
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
        return self._open()

    def _rename(self) -> None:
        for number in range(self._kept, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._older(number - 1).rename(self._older(number))
        if self._kept == 0:
            self._path.unlink(missing_ok=True)

    def _older(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def open_log(path: Path) -> int:
    """Open the log for appending, made private to its user if missing; return its descriptor.

    Raises
    ------
    OSError
        If the file can't be opened, or is a link.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def check_log(path: Path) -> None:
    """Raise if the log can't be written.

    Raises
    ------
    ConfigurationError
        Naming the reason, and what to do.
    """
    try:
        os.close(open_log(path))
    except OSError as error:
        raise ConfigurationError(
            f"can't write the log {path}: {error.strerror}; choose another file with "
            "NEST_SERVER_LOGFILE"
        ) from error
