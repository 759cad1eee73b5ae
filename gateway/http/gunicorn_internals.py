"""Every use of what gunicorn does not document, with its reason and what happens without it.

==============================  ================================================================
use                             reason
==============================  ================================================================
``read_ahead``                  A thread that stays with a connection for the next small call
``parser.unreader.buf``         saves the way through gunicorn's poller, which costs as much as
                                the call. Bytes that were read ahead don't show in a poll.
                                Without: each request goes through the poller.
``body_source``                 gunicorn's readers copy each byte of a body half a dozen times.
``reader.length``,              Arrays are received into their memory instead.
``reader.unreader``             Without: the body is read through gunicorn's readers.
==============================  ================================================================

``server.py`` overrides methods of gunicorn's worker and arbiter, such as ``handle`` and
``handle_usr2``. One that a version of gunicorn does not call has no effect; a test names those that
the installed version lacks. The environment's key ``gunicorn.socket`` may be missing: hang-ups are
not seen then.
"""

from __future__ import annotations

import socket
from typing import Any

import gunicorn
from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import SocketUnreader

#: Versions whose internals were looked at: from the first up to, not including, the second.
KNOWN_VERSIONS = ((25, 0), (28, 0))


def is_known(version: tuple[int, ...] = gunicorn.version_info) -> bool:
    """Return whether the internals of a version of gunicorn are known."""
    lowest, beyond = KNOWN_VERSIONS
    return lowest <= tuple(version[:2]) < beyond


def read_ahead(connection: Any) -> bytes | None:
    """Return what gunicorn has read beyond the last request; ``None`` if that can't be known.

    Parameters
    ----------
    connection : of gunicorn's threaded worker
    """
    if not is_known():
        return None
    unreader: Any = getattr(connection.parser, "unreader", None)
    if type(unreader) is not SocketUnreader:
        return None
    return bytes(unreader.buf.getvalue())


def body_source(environ: dict[str, Any], length: int) -> tuple[LengthReader, socket.socket] | None:
    """Return gunicorn's reader of a body, and the connection that it reads from.

    ``None`` if the body is to be read through the reader: its end is not known, some of it was
    read, or it comes from elsewhere.

    Parameters
    ----------
    environ : of the request
    length : of the whole body
    """
    connection: Any = environ.get("gunicorn.socket")
    reader: Any = getattr(environ.get("wsgi.input"), "reader", None)
    if not is_known() or type(reader) is not LengthReader or reader.length != length:
        return None
    source: Any = reader.unreader
    if type(source) is not SocketUnreader or source.sock is not connection:
        return None
    return reader, connection
