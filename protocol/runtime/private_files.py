"""Files and sockets that only their user can use, whatever the directory around them allows.

And the reading of files that processes which run NEST have left.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import IO, Any

import zmq

from protocol.errors import ConfigurationError

#: Longest path a Unix socket can have (unix(7)), less the final zero byte.
SOCKET_PATH_LIMIT_BYTES = 107


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


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading.

    For files that code in a kernel may have put there: a pipe would keep its reader waiting.

    Raises
    ------
    OSError
        If it is something else, or can't be opened.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file")
    return os.fdopen(descriptor, "rb")


def check_socket_path(path: Path) -> Path:
    """Return ``path``, if a Unix socket can have it.

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


def bind_private(socket: zmq.Socket[Any], path: Path) -> str:
    """Bind ``socket`` to ``path`` with mode 0600; return its endpoint.

    Raises
    ------
    ConfigurationError
        If the path is longer than the system allows.
    """
    endpoint = f"ipc://{check_socket_path(path)}"
    # From the first moment: a mode set later would leave others time to connect.
    before = os.umask(0o177)
    try:
        socket.bind(endpoint)
    finally:
        os.umask(before)
    return endpoint
