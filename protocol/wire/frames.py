"""Frames of messages: the one module that owns the wire between our processes.

A message is a ZeroMQ multipart message::

    +-------------------+----------------------+----------+----------+--
    | b"NESTD" version  | msgpack: the message | buffer 0 | buffer 1 | …
    +-------------------+----------------------+----------+----------+--
      6 bytes             [type, field, …]       data of the arrays in it

The first frame never changes its form, so a peer of another version is recognized. Arrays lie in
frames of their own: sending costs no copy, receiving shares the memory of the frame. Nothing here
does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgpack

from protocol.errors import ProtocolError, VersionMismatch
from protocol.version import WIRE_VERSION
from protocol.wire.bounds import FRAME_LIMIT, SIZE_LIMIT_BYTES
from protocol.wire.fields import from_fields, to_fields
from protocol.wire.messages import Command, Execute, Message, PackedArguments, Task
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import Buffer, Reference, Value

MAGIC = b"NESTD"


#: Headers of commands from this size on go to the ranks as they came; others are packed faster.
FORWARD_FROM_BYTES = 4096

_PREAMBLE = MAGIC + bytes([WIRE_VERSION])


def encode(message: Message, convert: Callable[[Any], Value] | None = None) -> list[Buffer]:
    """Return the frames of ``message``.

    Parameters
    ----------
    message : to encode
    convert : returns the value of an object that is none, or raises ``TypeError``

    Raises
    ------
    ProtocolError
        If the message holds a value that has no form on the wire, or is over a limit.
    """
    frames = _forwarded(message) if isinstance(message, Execute) else None
    if frames is None:
        buffers: list[Buffer] = []
        header = Packer(buffers, tuples=True, convert=convert).pack(to_fields(message))
        frames = [_PREAMBLE, header, *buffers]
    _check_limits(frames)
    return frames


def _forwarded(execute: Execute) -> list[Buffer] | None:
    """Return the frames of ``execute`` with the arguments as their command brought them.

    ``None`` if they are no longer the arguments of that command, or if its sender packs in another
    way than we do, so that they can't be found in its header.
    """
    operation = execute.operation
    packed = operation.packed
    if packed is None:
        return None
    before, after = packed.fields[:4], packed.fields[6:]
    if packed.fields[4] is not operation.args or packed.fields[5] is not operation.kwargs:
        return None
    arguments = _between(packed.frames[1], len(packed.fields), before, after)
    if arguments is None:
        return None
    fields = to_fields(execute)
    head, tail = _ends(len(fields), fields[:4], fields[6:])
    return [_PREAMBLE, b"".join([head, arguments, tail]), *packed.frames[2:]]


def _between(
    header: Buffer, count: int, before: list[Value], after: list[Value]
) -> memoryview | None:
    """Return what is in a header of ``count`` fields between the first and the last ones.

    ``None`` if these are not packed in their shortest form.
    """
    view = memoryview(header)
    head, tail = _ends(count, before, after)
    if view[: len(head)] != head or view[len(view) - len(tail) :] != tail:
        return None
    return view[len(head) : len(view) - len(tail)]


def _ends(count: int, before: list[Value], after: list[Value]) -> tuple[bytes, bytes]:
    pack = Packer(tuples=True).pack
    # The heads of lists that are as short as these have one byte.
    head: bytes = msgpack.Packer().pack_array_header(count) + pack(before)[1:]
    return head, pack(after)[1:]


def digest(task: Task, frames: Sequence[Buffer]) -> str:
    """Return the digest of ``task``, without its id and the HTTP request that asks for it.

    Parameters
    ----------
    task : of a job
    frames : of it, as :func:`encode` gives them
    """
    fields = to_fields(task)
    content = _between(frames[1], len(fields), fields[:2], fields[-4:])
    assert content is not None, "frames that this module has not made"
    digested = hashlib.sha256(fields[0].encode())
    for part in (content, *frames[2:]):
        digested.update(part)
    return digested.hexdigest()


def decode(
    frames: Sequence[Buffer],
    reference: Callable[[Reference], Any] | None = None,
    writable: bool = False,
    bounded: bool = False,
) -> Message:
    """Return the message in ``frames``.

    Parameters
    ----------
    frames : of one message
    reference : returns what stands in the message for a reference
    writable : whether arrays get memory of their own where they would share read-only memory
    bounded : whether lists, dicts and values are limited in number, for what gateways and scripts
        send

    Raises
    ------
    VersionMismatch
        If the sender speaks another version of the protocol.
    ProtocolError
        If the frames are no message, whatever else they are.
    """
    _check_limits(frames)
    if not frames:
        raise ProtocolError("a message without frames")
    preamble = bytes(frames[0])
    if len(preamble) != len(_PREAMBLE) or not preamble.startswith(MAGIC):
        raise ProtocolError("not a message of nestd's protocol")
    if preamble[-1] != WIRE_VERSION:
        raise VersionMismatch(
            f"the peer speaks version {preamble[-1]} of nestd's protocol and this process "
            f"version {WIRE_VERSION}: install the same nestd for gateway and kernel"
        )
    if len(frames) < 2:
        raise ProtocolError("a message without header")
    unpacker = Unpacker(list(frames[2:]), reference=reference, writable=writable, bounded=bounded)
    try:
        # Read-only: arrays are not moved in a header that may be sent on.
        fields = unpacker.unpack(memoryview(frames[1]).toreadonly())
        message = from_fields(fields)
    except MemoryError as error:
        raise ProtocolError("there is no memory for it") from error
    if isinstance(message, Command) and len(frames[1]) >= FORWARD_FROM_BYTES:
        packed = PackedArguments(frames, fields)
        return replace(message, operation=replace(message.operation, packed=packed))
    return message


def _check_limits(frames: Sequence[Buffer]) -> None:
    if len(frames) > FRAME_LIMIT:
        raise ProtocolError(f"{len(frames)} frames, the limit is {FRAME_LIMIT}")
    size = sum(len(frame) for frame in frames)
    if size > SIZE_LIMIT_BYTES:
        raise ProtocolError(f"{size} bytes in one message, the limit is {SIZE_LIMIT_BYTES}")
