"""Files and directories that only their user can read.

Everything a server keeps (tokens, sockets, state) lies in one directory per user, so that
two servers of two users on one machine don't meet.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from protocol.errors import ConfigurationError

#: Longest path a Unix socket can have (unix(7)), less the final zero byte.
SOCKET_PATH_LIMIT_BYTES = 107


def runtime_directory() -> Path:
    """The user's private directory for running servers, made if missing.

    ``$NESTD_RUNTIME_DIR``, or ``$XDG_RUNTIME_DIR/nestd``, or ``nestd-<uid>`` in the
    directory for temporary files.

    Raises
    ------
    ConfigurationError
        If the directory exists and is not private to the user.
    """
    chosen = os.environ.get("NESTD_RUNTIME_DIR")
    if chosen:
        return private_directory(Path(chosen))
    xdg = os.environ.get("XDG_RUNTIME_DIR")
    if xdg and os.access(xdg, os.W_OK):
        return private_directory(Path(xdg) / "nestd")
    return private_directory(Path(tempfile.gettempdir()) / f"nestd-{os.getuid()}")


def private_directory(path: Path) -> Path:
    """Make ``path`` a directory of mode 0700, or check that it is one.

    Raises
    ------
    ConfigurationError
        If it belongs to somebody else, is a link, or can't be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            if found.st_mode & 0o077:
                path.chmod(0o700)
            return path
    except OSError as error:
        raise ConfigurationError(
            f"can't use {path} as private directory: {error.strerror}; "
            "set NESTD_RUNTIME_DIR to a directory of your own"
        ) from error
    raise ConfigurationError(
        f"{path} is not a directory of user {os.getuid()}: remove it, "
        "or set NESTD_RUNTIME_DIR to a directory of your own"
    )


def write_private(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` with mode 0600, never visible half written."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def check_socket_path(path: Path) -> Path:
    """``path``, if a Unix socket can have it.

    Raises
    ------
    ConfigurationError
        If it is longer than the system allows.
    """
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_LIMIT_BYTES:
        raise ConfigurationError(
            f"the socket path {path} has {length} bytes, the system allows "
            f"{SOCKET_PATH_LIMIT_BYTES}: set NESTD_RUNTIME_DIR to a shorter directory"
        )
    return path
