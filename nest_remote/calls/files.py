"""Files that NEST has written, brought to this machine."""

from __future__ import annotations

import os
import secrets
from pathlib import Path, PureWindowsPath
from urllib.parse import quote

from nest_remote.http.transport import HttpTransport
from nest_remote.session import Session
from protocol.errors import ArgumentError, NestdError
from protocol.runtime.data_directory import FILE_LIMIT_BYTES, check_file_name


def download(session: Session, name: str, to: str | os.PathLike[str] | None = None) -> Path:
    """Download a file; where it is to be, there is either the whole of it or what was there before.

    Parameters
    ----------
    session : over HTTP
    name : of the file on the server; it never leads out of a directory
    to : file, or directory that exists; ``None`` for the present directory

    Returns
    -------
    Path of the file.

    Raises
    ------
    Exception
        What the session makes of a name that is no plain one.
    NESTServerError
        If the server has no such file, or the transfer is cut.
    OSError
        If the file can't be written here.
    """
    transport = session.transport
    assert isinstance(transport, HttpTransport), "scripts do not have this function"
    try:
        check_file_name(name, FILE_LIMIT_BYTES)
        if PureWindowsPath(name).name != name:
            raise ArgumentError(f"the file name {name:.80} would be a path on some systems")
    except NestdError as error:
        raise session.exception(error) from None
    target = Path.cwd() if to is None else Path(to)
    if target.is_dir():
        target /= name
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            transport.connection.fetch(f"/files/{quote(name)}", file)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target
