"""Data directory: files that NEST writes for callers, by plain names, within a quota.

Every access goes through a descriptor of the directory and follows no link, so a name leads to a
regular file in the directory or to nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import (
    ArgumentError,
    DataDirectoryFull,
    Unavailable,
    UnknownFile,
)
from protocol.process.environment import Environment
from protocol.runtime.paths import RuntimeDirectory, make_private

#: The variables that name the directory and its quota.
DATA_VARIABLE = "NEST_SERVER_DATA"
QUOTA_VARIABLE = "NEST_SERVER_DATA_MIB"
_MIB = 2**20
DEFAULT_QUOTA_BYTES = 1024 * _MIB
#: Longest name, in bytes of UTF-8; file systems take 255.
NAME_LIMIT_BYTES = 200
#: Part of the room on the disk that the files may take, whatever the quota is.
_DISK_SHARE = 0.9


def check_file_name(name: str) -> None:
    """Check that ``name`` is a plain name of a file, which can't lead out of a directory.

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
    elif len(name.encode()) > NAME_LIMIT_BYTES:
        problem = f"is longer than {NAME_LIMIT_BYTES} bytes"
    else:
        return
    shown = ascii(name if len(name) <= 80 else f"{name[:80]}…")
    raise ArgumentError(f"the file name {shown} {problem}; give a plain name such as spikes.dat")


@dataclass(frozen=True)
class DataFile:
    """File in the data directory, as it was when it was looked at."""

    name: str
    size_bytes: int
    #: Time of the last change, in seconds since 1970.
    modified_s: float


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

    def check_room(self) -> None:
        """Check that the files take less than they may.

        Raises
        ------
        DataDirectoryFull
            If they do not.
        Unavailable
            If the directory is not there.
        """
        used = self.used_bytes()
        limit = self.limit_bytes(used)
        if used >= limit:
            raise DataDirectoryFull(
                f"the files in the data directory have {used / _MIB:.1f} MiB of the "
                f"{limit / _MIB:.1f} MiB that they may have: fetch and remove some (GET and "
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
        check_file_name(name)
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
        check_file_name(name)
        with self._opened() as directory:
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    raise _unknown(name)
                os.unlink(name, dir_fd=directory)
            except OSError as error:
                raise _unknown(name) from error

    def clear(self) -> None:
        """Remove all files that :meth:`files` lists.

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
        with self._opened() as directory, os.scandir(directory) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    # Removed meanwhile.
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield entry.name, status


def named_data_directory(
    environment: Environment, files: RuntimeDirectory | None = None
) -> Path | None:
    """Return the data directory that a variable names, resolved; ``None`` if none does.

    What is wrong with it is collected in ``environment``: nothing that NEST writes may lie among
    the files of a server, and callers can fetch and remove what lies in the data directory.

    Parameters
    ----------
    environment : that has the variable
    files : runtime directory; ``None`` for that of the user
    """
    named = environment.optional_text(DATA_VARIABLE)
    if named is None:
        return None
    path = Path(named).resolve()
    runtime = (files or RuntimeDirectory.of_user()).path.resolve()
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111  # never fails
    if path in (home, *home.parents):
        problem = "is or holds your home directory"
    elif path in (runtime, *runtime.parents) or runtime in path.parents:
        problem = "is, holds or lies in the directory of the servers' own files"
    else:
        return path
    environment.complain(
        f"{DATA_VARIABLE} names {path}, which {problem}: name one for these files alone"
    )
    return None


def quota_bytes(environment: Environment) -> int:
    """Return the quota of the data directory that a variable sets, or the default."""
    default = DEFAULT_QUOTA_BYTES // _MIB
    return environment.integer(QUOTA_VARIABLE, default, 1, 2**40) * _MIB


def data_directory_from(variables: Mapping[str, str], files: RuntimeDirectory) -> DataDirectory:
    """Return the data directory that variables name; without, that of the server at ``files``.

    Raises
    ------
    ConfigurationError
        If a variable has a wrong value.
    """
    environment = Environment(variables)
    path = named_data_directory(environment, files) or files.data
    quota = quota_bytes(environment)
    environment.check()
    return DataDirectory(path, quota)


def _is_plain(name: str) -> bool:
    try:
        check_file_name(name)
    except ArgumentError:
        return False
    return True


def _unknown(name: str) -> UnknownFile:
    return UnknownFile(f"there is no file {name:.80} in the data directory; GET /files lists them")
