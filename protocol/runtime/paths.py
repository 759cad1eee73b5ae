"""Runtime directory: names, makes, checks and removes every file that a server keeps.

Each user has one directory, and in it each server has one of its own. Files with secrets, sockets
and jobs are private by their own mode, so a directory that a user has made keeps the mode that it
has (docs/decisions/0016); but nobody else may be able to put a file into it.

What processes that run NEST write or connect to is in a directory of its own within. They can be
shut into it: nothing else of the server's is needed by them (docs/decisions/0022).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ConfigurationError

_SERVER = "server-"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
#: Files that only a kernel which ends by itself removes.
_KERNEL_FILES = (
    *("calls-*", "events-*", "ranks-*"),
    *("rank-activity-*.bin", "status-*.bin", "interface-*.bin"),
)


@dataclass(frozen=True)
class RuntimeDirectory:
    """Directory of one server, or of one kernel without a supervisor."""

    path: Path
    #: Name of the connection file, which ``nestd --connection-file`` may choose.
    connection_name: str = "connection.json"

    @classmethod
    def of_user(cls) -> RuntimeDirectory:
        """Return the user's private directory for running servers, made if it is missing.

        ``$NESTD_RUNTIME_DIR``, or ``$XDG_RUNTIME_DIR/nestd``, or ``nestd-<uid>`` in the
        directory for temporary files.

        Raises
        ------
        ConfigurationError
            If the directory can't be used, see :func:`make_private`.
        """
        named = os.environ.get("NESTD_RUNTIME_DIR")
        session = os.environ.get("XDG_RUNTIME_DIR")
        if named:
            path = Path(named)
        elif session and os.access(session, os.W_OK):
            path = Path(session) / "nestd"
        else:
            path = Path(tempfile.gettempdir()) / f"nestd-{os.getuid()}"
        return cls(path).make()

    @classmethod
    def of(cls, connection_file: Path) -> RuntimeDirectory:
        """Return the directory that holds ``connection_file``."""
        return cls(connection_file.parent, connection_file.name)

    def make(self) -> RuntimeDirectory:
        """Make the directory, or check the one that exists; return it.

        Raises
        ------
        ConfigurationError
            If it can't be used, see :func:`make_private`.
        """
        make_private(self.path)
        return self

    # In the user's directory.

    def server(self, port: int) -> RuntimeDirectory:
        """Return the directory of the server whose first port is ``port``."""
        return RuntimeDirectory(self.path / f"{_SERVER}{port}")

    def servers(self) -> Iterator[RuntimeDirectory]:
        """Yield the directories of all servers, also of those that have ended."""
        return map(RuntimeDirectory, self.path.glob(f"{_SERVER}*"))

    def server_log(self, port: int) -> Path:
        """Return the log of the server whose first port is ``port``; it outlives the server."""
        return self.path / f"nest-server-{port}.log"

    def zap_requests_socket(self, generation: str) -> Path:
        """Return the socket on which the ZAP authenticator is asked whom to let in."""
        return self.kernel_directory / f"zap-{generation}"

    def failed_handshakes_socket(self, generation: str) -> Path:
        """Return the socket on which the ZAP authenticator hears of failed handshakes."""
        return self.kernel_directory / f"handshakes-{generation}"

    # Of a server.

    @property
    def of_all_servers(self) -> Path:
        """Return the directory of all the user's servers that this one is in, or else its own."""
        return self.path.parent if self.path.name.startswith(_SERVER) else self.path

    @property
    def instance_file(self) -> Path:
        """Return the file with ports, address and supervisor of the server."""
        return self.path / "state.json"

    @property
    def token_file(self) -> Path:
        """Return the file with the access token of the server."""
        return self.path / "token"

    @property
    def jobs(self) -> Path:
        """Return the spool directory, with a directory for each job."""
        return self.path / "jobs"

    @property
    def keys(self) -> Path:
        """Return the directory of the keys for ``tcp://``."""
        return self.path / "keys"

    # Of its kernels.

    @property
    def connection_file(self) -> Path:
        """Return the connection file of the kernel that runs."""
        return self.path / self.connection_name

    @property
    def exit_file(self) -> Path:
        """Return the file that says how the last kernel ended, written by its supervisor."""
        return self.path / "kernel-exit.json"

    def rejected_connections(self, generation: str) -> Path:
        """Return the file that counts rejected connections, written by the ZAP authenticator."""
        return self.path / f"rejected-{generation}.json"

    # Of processes that run NEST, and all that they write or connect to.

    @property
    def kernel_directory(self) -> Path:
        """Return the directory of what processes that run NEST write or connect to."""
        return self.path / "kernel"

    @property
    def data(self) -> Path:
        """Return the directory that files of users are kept in, unless another is named."""
        return self.path / "data"

    @property
    def crash_report(self) -> Path:
        """Return the file that says why a kernel ended itself, written by one of its ranks."""
        return self.kernel_directory / "crash-report.json"

    # Names of sockets are short: their paths have little room.

    def commands_socket(self, generation: str) -> Path:
        """Return the socket that takes commands."""
        return self.kernel_directory / f"calls-{generation}"

    def events_socket(self, generation: str) -> Path:
        """Return the socket that publishes events."""
        return self.kernel_directory / f"events-{generation}"

    def ranks_socket(self, generation: str) -> Path:
        """Return the socket over which rank 0 talks with the other ranks."""
        return self.kernel_directory / f"ranks-{generation}"

    def status(self, generation: str) -> Path:
        """Return the status file."""
        return self.kernel_directory / f"status-{generation}.bin"

    def rank_activity(self, generation: str) -> Path:
        """Return the file of the ranks' activity."""
        return self.kernel_directory / f"rank-activity-{generation}.bin"

    def interface(self, generation: str) -> Path:
        """Return the file in which the kernel describes its PyNEST."""
        return self.kernel_directory / f"interface-{generation}.bin"

    def make_kernel_directory(self) -> None:
        """Make the directory of processes that run NEST, or check the one that exists.

        Raises
        ------
        ConfigurationError
            If it can't be used, see :func:`make_private`.
        """
        make_private(self.kernel_directory)

    # What is removed.

    def clear(self) -> None:
        """Remove everything in the directory, if it is one and no link to one."""
        if not self.path.is_dir() or self.path.is_symlink():
            return
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                _remove_tree(path)
            else:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the directory with everything in it."""
        _remove_tree(self.path)

    def remove_kernel(self) -> None:
        """Remove what a killed kernel has left, but for what says how it ended."""
        self.connection_file.unlink(missing_ok=True)
        for pattern in _KERNEL_FILES:
            for path in self.kernel_directory.glob(pattern):
                discard(path)
        self.remove_kernel_directory()

    def remove_kernel_files(self, generation: str) -> None:
        """Remove the files of one kernel, but for what says how it ended."""
        for path in (
            self.commands_socket(generation),
            self.events_socket(generation),
            self.ranks_socket(generation),
            self.status(generation),
            self.rank_activity(generation),
            self.interface(generation),
        ):
            discard(path)
        self.remove_kernel_directory()

    def remove_kernel_directory(self) -> None:
        """Remove the directory of processes that run NEST, unless something is in it."""
        with contextlib.suppress(OSError):
            self.kernel_directory.rmdir()

    def remove_crash_report(self) -> None:
        """Remove what a kernel said of its end."""
        discard(self.crash_report)

    def remove_reports(self) -> None:
        """Remove what says how the last kernel ended."""
        self.remove_crash_report()
        self.exit_file.unlink(missing_ok=True)
        self.remove_kernel_directory()

    def remove_instance(self) -> None:
        """Remove the instance file and the token: no server is found any more."""
        self.instance_file.unlink(missing_ok=True)
        self.token_file.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Remove what is in the directory of processes that run NEST, whatever it is.

    Code that has taken over a kernel may leave a directory in place of a file, which must not be
    the end of those who clear up after it.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError:
        _remove_tree(path)


def _remove_tree(path: Path) -> None:
    # Directories may be nested deeper than Python recurses.
    with contextlib.suppress(RecursionError):
        shutil.rmtree(path, ignore_errors=True)


def make_private(
    path: Path, closed: bool = False, setting: str = "NESTD_RUNTIME_DIR or --connection-file"
) -> Path:
    """Make the directory ``path`` with mode 0700, or check the one that exists; return ``path``.

    Parameters
    ----------
    path : of the directory
    closed : whether others may not even look into it
    setting : that names another directory

    Raises
    ------
    ConfigurationError
        If it is no directory, belongs to another user, can be written by others or not by this
        process, or can't be made.
    """
    try:
        missing = [path for path in (path, *path.parents) if not os.path.lexists(path)]
        for parent_first in reversed(missing):
            parent_first.mkdir(mode=0o700, exist_ok=True)
        problem = directory_problem(path.lstat(), path.stat(), os.getuid())
        if problem is None and closed and path.stat().st_mode & 0o077:
            raise ConfigurationError(f"others can look into {path}: run chmod 700 {path}")
    except OSError as error:
        problem = error.strerror
    if problem is None and not os.access(path, os.W_OK | os.X_OK):
        problem = "it can't be written"
    if problem is not None:
        raise ConfigurationError(
            f"can't keep private files in {path}: {problem}; name a directory of your own that "
            f"only you can write to, with {setting}"
        )
    return path


def directory_problem(itself: os.stat_result, target: os.stat_result, user: int) -> str | None:
    """Return why a directory is not safe for the files of ``user``; ``None`` if it is.

    Parameters
    ----------
    itself : status of the directory, or of the link to it
    target : status of the directory that the link leads to
    user : number of the user
    """
    if not stat.S_ISDIR(target.st_mode):
        return "it is no directory"
    # Root may have made it for the user, and could do anything anyway.
    for owner in (itself.st_uid, target.st_uid):
        if owner not in (user, 0):
            return f"it belongs to user {owner}, not to user {user}"
    # In a sticky directory, such as /tmp, others can take the name of a file before it is made.
    if target.st_mode & _OTHERS_WRITE:
        return "others can write to it"
    return None
