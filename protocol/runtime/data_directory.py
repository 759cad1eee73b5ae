"""Data directory: files that NEST writes for callers, by plain names, within a quota.

Every access goes through a descriptor of the directory and follows no link, so a name leads to a
regular file in the directory or to nothing.
"""

from __future__ import annotations

import datetime
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from protocol.errors import (
    ArgumentError,
    DataDirectoryFull,
    Refused,
    Unavailable,
    UnknownFile,
)
from protocol.runtime.paths import make_private

#: The variables that name the directory and its quota.
DATA_VARIABLE = "NEST_SERVER_DATA"
QUOTA_VARIABLE = "NEST_SERVER_DATA_MIB"
MIB = 2**20
DEFAULT_QUOTA_BYTES = 1024 * MIB
#: Longest name that callers give a file, or a part of one, in bytes of UTF-8.
NAME_LIMIT_BYTES = 200
#: Longest name of a file: NEST joins several parts, and file systems take so much.
FILE_LIMIT_BYTES = 255
#: Part of the room on the disk that the files may take, whatever the quota is.
_DISK_SHARE = 0.9


#: Types of what NEST writes, by the ends of names. Nothing else is shown by a browser: a page, an
#: image with scripts or a script would be one of the server.
_TYPES = {
    ".csv": "text/csv",
    ".dat": "text/plain",
    ".json": "application/json",
    ".txt": "text/plain",
}
_OTHER_TYPE = "application/octet-stream"


def check_file_name(name: str, limit_bytes: int = NAME_LIMIT_BYTES) -> None:
    """Check that ``name`` is a plain name of a file, which can't lead out of a directory.

    Parameters
    ----------
    name : of a file, or a part of one
    limit_bytes : most bytes of UTF-8; ``FILE_LIMIT_BYTES`` for a file that is there

    Raises
    ------
    ArgumentError
        If it is empty or too long, begins with a dot, or has a slash or unprintable characters.
    """
    if not name:
        problem = "is empty"
    elif "/" in name:
        problem = "has a slash"
    elif name.startswith("."):
        problem = "begins with a dot"
    elif not name.isprintable():
        problem = "has characters that can't be printed"
    elif len(name.encode()) > limit_bytes:
        problem = f"is longer than {limit_bytes} bytes"
    else:
        return
    shown = ascii(name if len(name) <= 80 else f"{name[:80]}…")
    raise ArgumentError(f"the file name {shown} {problem}; give a plain name such as spikes.dat")


def media_type(name: str) -> str:
    """Return the media type of a file by the end of its name."""
    return _TYPES.get(PurePath(name).suffix.lower(), _OTHER_TYPE)


@dataclass(frozen=True)
class DataFile:
    """File in the data directory, as it was when it was looked at."""

    name: str
    size_bytes: int
    #: Time of the last change, in seconds since 1970.
    modified_s: float

    def to_value(self) -> dict[str, Any]:
        """Return what callers learn of the file."""
        modified = datetime.datetime.fromtimestamp(self.modified_s, datetime.timezone.utc)
        return {
            "name": self.name,
            "size": self.size_bytes,
            "modified": modified.isoformat(timespec="milliseconds"),
            "type": media_type(self.name),
        }


@dataclass(frozen=True)
class DataDirectory:
    """Directory with the files that NEST writes for callers."""

    path: Path
    #: Bytes that the files may take; one call may write a little more until it is stopped.
    quota_bytes: int = DEFAULT_QUOTA_BYTES

    def make(self) -> DataDirectory:
        """Make the directory private, or check the one that exists; return it.

        Raises
        ------
        ConfigurationError
            If it can't be used, see :func:`protocol.runtime.paths.make_private`.
        """
        make_private(self.path, setting=DATA_VARIABLE)
        return self

    def files(self) -> list[DataFile]:
        """List the files, in the order of their names.

        Raises
        ------
        Unavailable
            If the directory is not there.
        """
        found = [
            DataFile(name, status.st_size, status.st_mtime)
            for name, status in self._regular_files()
            if _is_plain(name)
        ]
        return sorted(found, key=lambda file: file.name)

    def used_bytes(self) -> int:
        """Return how many bytes the files have, also those with other than plain names.

        Raises
        ------
        Unavailable
            If the directory is not there.
        """
        return sum(status.st_size for _, status in self._regular_files())

    def limit_bytes(self, used_bytes: int) -> int:
        """Return how many bytes the files may take: the quota, or less on a disk that is fuller.

        Parameters
        ----------
        used_bytes : that they take now
        """
        with self._opened() as directory:
            disk = os.fstatvfs(directory)
        room = used_bytes + disk.f_bavail * disk.f_frsize
        return min(self.quota_bytes, int(room * _DISK_SHARE))

    def check_room(self, more_bytes: int = 1) -> None:
        """Check that the files may take more, and that NEST writes to no other place.

        Parameters
        ----------
        more_bytes : that are to be written, as far as that is known

        Raises
        ------
        DataDirectoryFull
            If they do not.
        Refused
            If there is a link, a pipe or the like: NEST follows links, and waits for readers.
        Unavailable
            If the directory is not there.
        """
        used = 0
        for name, status in self._entries():
            if stat.S_ISREG(status.st_mode):
                used += status.st_size
            elif not stat.S_ISDIR(status.st_mode):
                raise Refused(
                    f"in the data directory {name!a:.100} is no file but leads elsewhere, and "
                    "NEST might write to it: the operator of the server has to remove it"
                )
        limit = self.limit_bytes(used)
        if used + more_bytes > limit:
            raise DataDirectoryFull(
                f"the files in the data directory have {used / MIB:.1f} MiB of the "
                f"{limit / MIB:.1f} MiB that they may have: fetch and remove some (GET and "
                f"DELETE /files/<name>), or record to memory; {QUOTA_VARIABLE} sets another limit"
            )

    def open_file(self, name: str) -> int:
        """Open a file for reading, and return its descriptor.

        Raises
        ------
        ArgumentError
            If ``name`` is no plain name.
        UnknownFile
            If there is no regular file of this name.
        Unavailable
            If the directory is not there.
        """
        check_file_name(name, FILE_LIMIT_BYTES)
        # A pipe without a writer would keep the caller waiting.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._opened() as directory:
            try:
                descriptor = os.open(name, flags, dir_fd=directory)
            except OSError as error:
                raise _unknown(name) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _unknown(name)
        return descriptor

    def write_file(self, name: str, content: bytes) -> None:
        """Write a file, in place of what it has been before.

        Raises
        ------
        ArgumentError
            If ``name`` is no plain name, names something else than a regular file, or can't be
            written.
        Unavailable
            If the directory is not there.
        """
        check_file_name(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._opened() as directory:
            try:
                descriptor = os.open(name, flags, 0o600, dir_fd=directory)
                with os.fdopen(descriptor, "wb") as file:
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        raise OSError(errno.EINVAL, "it is no regular file")
                    file.truncate(0)
                    file.write(content)
            except OSError as error:
                raise ArgumentError(f"can't write the file {name}: {error.strerror}") from error

    def remove_file(self, name: str) -> None:
        """Remove a file; one that NEST has open takes room until NEST closes it.

        Raises
        ------
        ArgumentError
            If ``name`` is no plain name.
        UnknownFile
            If there is no regular file of this name.
        Unavailable
            If the directory is not there.
        """
        check_file_name(name, FILE_LIMIT_BYTES)
        with self._opened() as directory:
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    raise _unknown(name)
                os.unlink(name, dir_fd=directory)
            except OSError as error:
                raise _unknown(name) from error

    def clear(self) -> list[str]:
        """Remove all files that :meth:`files` lists, and return their names.

        Raises
        ------
        Unavailable
            If the directory is not there.
        """
        names = [file.name for file in self.files()]
        with self._opened() as directory:
            for name in names:
                try:
                    os.unlink(name, dir_fd=directory)
                except FileNotFoundError:
                    # Removed by somebody else meanwhile.
                    continue
        return names

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the directory itself, no link to it."""
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            directory = os.open(self.path, flags)
        except OSError as error:
            raise Unavailable(
                f"the data directory can't be read here ({error.strerror}): the kernel has not "
                "made it yet, or lies on another host that shares no file system with this one"
            ) from error
        try:
            yield directory
        finally:
            os.close(directory)

    def _regular_files(self) -> Iterator[tuple[str, os.stat_result]]:
        for name, status in self._entries():
            if stat.S_ISREG(status.st_mode):
                yield name, status

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        with self._opened() as directory, os.scandir(directory) as entries:
            for entry in entries:
                try:
                    yield entry.name, entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    # Removed meanwhile.
                    continue


def _is_plain(name: str) -> bool:
    try:
        check_file_name(name, FILE_LIMIT_BYTES)
    except ArgumentError:
        return False
    return True


def _unknown(name: str) -> UnknownFile:
    return UnknownFile(f"there is no file {name:.80} in the data directory; GET /files lists them")
