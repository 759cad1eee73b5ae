"""Addresses of files that NEST has written: ``/files`` and below.

The gateway reads the directory itself, so files are served while NEST computes, and without a
kernel.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

from flask import Blueprint, Response, request, send_file
from werkzeug.wsgi import FileWrapper

from gateway.http.replies import PIECE_BYTES, json_reply
from gateway.openapi.decorate import FILE, JSON, an_object, described
from gateway.routes.pages import guarded
from gateway.services import services
from protocol.runtime.data_directory import DataDirectory, media_type

data_files = Blueprint("data_files", __name__)

#: Whatever a browser makes of a file, it loads nothing, runs nothing, and has an origin of its own.
_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"

_TEXT = {"type": "string"}
_BYTES = {"type": "integer", "minimum": 0}
_NAME = {"name": "of a file"}
_LIST = an_object(
    {
        "files": {
            "type": "array",
            "items": an_object(
                {
                    "name": _TEXT,
                    "size": _BYTES,
                    "modified": {"type": "string", "format": "date-time"},
                    "type": _TEXT,
                }
            ),
        },
        "total": _BYTES,
        "quota": _BYTES,
    }
)
_REMOVED = an_object({"removed": {"type": "array", "items": _TEXT}})


@data_files.get("/files")
@described("Files", reply={JSON: _LIST}, errors=(503,))
def all_files() -> Response:
    """List the files that NEST has written, in the order of their names.

    ``total`` is the bytes that they have, ``quota`` those that they may have.
    """
    directory = _directory()
    listed = [file.to_value() for file in directory.files()]
    total = directory.used_bytes()
    return json_reply({"files": listed, "total": total, "quota": directory.limit_bytes(total)})


@data_files.get("/files/<path:name>")
@described("Files", reply={FILE: {}}, path=_NAME, errors=(400, 404, 416, 503))
def file(name: str) -> Response:
    """Send a file, or the part of it that ``Range`` names.

    A file that NEST is writing is sent as far as it is.
    """
    # Without a buffer: what NEST writes after the first look is not sent.
    opened = io.FileIO(_directory().open_file(name))
    try:
        return _reply(opened, name)
    except BaseException:
        opened.close()
        raise


@data_files.delete("/files")
@described("Files", reply={JSON: _REMOVED}, errors=(503,))
def remove_all() -> Response:
    """Remove all files."""
    return json_reply({"removed": _directory().clear()})


@data_files.delete("/files/<path:name>")
@described("Files", reply={JSON: _REMOVED}, path=_NAME, errors=(400, 404, 503))
def remove(name: str) -> Response:
    """Remove a file."""
    _directory().remove_file(name)
    return json_reply({"removed": [name]})


def _directory() -> DataDirectory:
    return services().settings.data


def _reply(opened: io.FileIO, name: str) -> Response:
    """Return the reply with what ``Range`` and the conditions of the request leave of a file."""
    status = os.fstat(opened.fileno())
    size = status.st_size
    reply = send_file(
        opened,
        media_type(name),
        as_attachment=True,
        download_name=name,
        conditional=False,
        etag=f"{status.st_ino:x}-{size:x}-{status.st_mtime_ns:x}",
        last_modified=status.st_mtime,
    )
    reply.call_on_close(opened.close)
    # Werkzeug's own, which finds the beginning of a part without reading up to it.
    reply.response = FileWrapper(opened, PIECE_BYTES)
    reply.content_length = size
    reply.make_conditional(request)
    if reply.status_code == 200 and _names_one_part(size):
        reply.make_conditional(request, accept_ranges=True, complete_length=size)
    reply.headers["Accept-Ranges"] = "bytes"
    reply.cache_control.private = True
    if reply.status_code == 200:
        reply.direct_passthrough = False
        reply.response = _first_bytes(opened, size)
    return guarded(reply, _POLICY)


def _names_one_part(size: int) -> bool:
    """Return whether the request is for one part of so many bytes.

    Werkzeug refuses other ranges, and a last part that is longer than the file. HTTP has the latter
    be the whole file, and allows to send that for the others too.
    """
    wanted = request.range
    if request.method != "GET" or wanted is None or wanted.units != "bytes":
        return False
    return len(wanted.ranges) == 1 and (wanted.ranges[0][0] or 0) >= -size


def _first_bytes(opened: io.FileIO, count: int) -> Iterator[bytes]:
    """Yield so many bytes of a file, which may grow meanwhile."""
    while count > 0 and (piece := opened.read(min(count, PIECE_BYTES))):
        count -= len(piece)
        yield piece
