"""Files that NEST has written, brought to this machine."""

from __future__ import annotations

import os
from pathlib import Path

from nest_remote.http.transport import HttpTransport
from nest_remote.local_files import check_local_name
from nest_remote.session import Session
from protocol.errors import NestdError


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
        check_local_name(name)
    except NestdError as error:
        raise session.exception(error) from None
    target = Path.cwd() if to is None else Path(to)
    if target.is_dir():
        target /= name
    transport.save_file(name, target)
    return target
