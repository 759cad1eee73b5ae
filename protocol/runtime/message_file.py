"""Messages in files, as jobs keep them: written whole and once, read from the mapped file.

A message is the number of its frames (4 bytes), the length of each (8 bytes) and then the frames,
as on a stream (``protocol/wire/streams.py``).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from protocol.errors import ProtocolError
from protocol.wire import frames
from protocol.wire.messages import Message
from protocol.wire.streams import head_of
from protocol.wire.values import Buffer


def write_message(path: Path, parts: Sequence[Buffer]) -> None:
    """Write the frames of a message into a file that does not exist yet.

    Raises
    ------
    FileExistsError
        If it exists.
    OSError
        If there is no room for it.
    """
    with new_file(path) as file:
        file.write(head_of(parts))
        for part in parts:
            file.write(part)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file under another name, which gets the name ``path`` at the end, if that is free.

    Raises
    ------
    FileExistsError
        If it is not.
    OSError
        If there is no room for it.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        # A rename would replace what another process has written.
        os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def read_message(path: Path) -> Message | None:
    """Read the message in a file, its arrays in the file's own memory; ``None`` if it is damaged.

    Raises
    ------
    OSError
        If it can't be read.
    """
    try:
        with path.open("rb") as file:
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:
        return None
    return message_of(whole)


def message_of(whole: memoryview) -> Message | None:
    """Return the message that a file has, its arrays in the same memory; ``None`` if damaged."""
    try:
        (count,) = struct.unpack_from("<I", whole)
        at = 4 + 8 * count
        parts: list[Buffer] = []
        for length in struct.unpack_from(f"<{count}Q", whole, 4):
            parts.append(whole[at : at + length])
            at += length
        return frames.decode(parts)
    except (ValueError, struct.error, ProtocolError):
        return None
