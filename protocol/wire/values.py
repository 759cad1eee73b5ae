"""Values that messages carry, and their forms in msgpack.

A value is ``None``, a bool, an integer of 64 bit, a float, a complex number, text, bytes, a
list, a tuple, a dict with text keys, or one of

========== ====================================================================
ndarray    a NumPy array of one of :data:`ARRAY_TYPES`, any shape
Reference  an object that lives in the kernel
Expression a PyNEST object by the call that makes it: ``{"$call": …}`` in JSON
Text       text from a query string or a form for one parameter, not yet typed
========== ====================================================================

The last four are msgpack extension types, and so are tuples where they are kept. Arrays travel
either as a buffer of their own beside the msgpack data, which costs no copy, or inside it.
``pack.py`` makes msgpack of values, ``unpack.py`` values of msgpack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgpack
import numpy.typing as npt

from protocol.errors import ProtocolError
from protocol.wire.interned_keys import are_names

Value: TypeAlias = Any
Array: TypeAlias = npt.NDArray[Any]
Buffer: TypeAlias = "bytes | memoryview"

#: Element types an array may have on the wire: NumPy's type strings, little-endian.
ARRAY_TYPES = frozenset(
    ["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f4", "<f8", "<c8", "<c16"]
)

#: How deep lists, dicts and expressions may be nested in each other in a message.
NESTING_LIMIT = 64
#: How deep they may be in values that callers send and get: the message around adds levels.
VALUE_NESTING_LIMIT = NESTING_LIMIT - 4

#: Arrays from this size on get a frame of their own; a frame costs more than copying fewer.
BUFFER_FROM_BYTES = 1024

#: Types of values that hold no others.

INT_MIN, INT_MAX = -(2**63), 2**64 - 1

# Codes of the extension types.
EXT_ARRAY_BUFFER = 1  # msgpack [buffer index, type, [shape…]]
EXT_ARRAY_INLINE = 2  # msgpack [type, [shape…], bytes]
EXT_REFERENCE = 3  # msgpack [type, id, generation, ids or nil, text or nil]
EXT_EXPRESSION = 4  # msgpack [call, [args…], {kwargs…}]
EXT_TEXT = 5  # msgpack [text, …]
EXT_COMPLEX = 6  # two little-endian doubles
EXT_TUPLE = 7  # msgpack [item, …]


@dataclass(frozen=True)
class Reference:
    """Name of an object that lives in the kernel.

    The same number names the same object on every rank, because all ranks execute the same
    operations in the same order.
    """

    #: Class name of the object in PyNEST, such as ``NodeCollection``.
    type: str
    #: Key in the kernel's object table.
    id: int
    #: Generation of the kernel that holds the object.
    generation: str
    #: For a NodeCollection its node ids, int64 of shape (n,).
    ids: Array | None = field(default=None, compare=False)
    #: For a SynapseCollection the number of its connections.
    size: int | None = field(default=None, compare=False)
    #: For a NodeCollection how PyNEST prints it, if that is short.
    text: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Expression:
    """PyNEST object by the call that makes it, such as ``random.uniform``."""

    call: str
    args: list[Value] = field(default_factory=list)
    kwargs: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """Text for one parameter from a query string or form; the kernel knows its kind."""

    values: tuple[str, ...]


#: Types that decoders make of what holds values or is none; they make none that derives from them.
_CONTAINERS = frozenset([list, tuple, dict, Expression, msgpack.Timestamp])


def check_containers(value: Value, limit: int) -> None:
    """Refuse msgpack or JSON that is no value.

    Raises
    ------
    ProtocolError
        If lists, tuples, dicts and expressions are nested deeper than ``limit``, if a key is no
        text, or if there is a timestamp, which msgpack has by itself.
    """
    level = [value] if type(value) in _CONTAINERS else []
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            raise ProtocolError(f"nested deeper than {limit}")
        inner: list[Value] = []
        for container in level:
            if isinstance(container, Expression):
                inner += [container.args, container.kwargs]
                continue
            children: Any = container
            if isinstance(container, dict):
                if not are_names(container):
                    raise ProtocolError("a key that is no text")
                children = container.values()
            elif isinstance(container, msgpack.Timestamp):
                raise ProtocolError("a timestamp, which is no value")
            # Columns of numbers are most of all data: one pass over their types.
            if not _CONTAINERS.isdisjoint(map(type, children)):
                inner += [child for child in children if type(child) in _CONTAINERS]
        level = inner
