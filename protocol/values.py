"""The values that messages carry, and their msgpack form.

A value is ``None``, a bool, an integer of 64 bit, a float, a complex number, text, bytes, a
list, a tuple, a dict with text keys, or one of

========== ====================================================================
ndarray    a NumPy array of one of :data:`ARRAY_TYPES`, any shape
Reference  an object that lives in the kernel
Expression a PyNEST object by the call that makes it: ``{"$call": …}`` in JSON
Text       what a query string or a form gave for one parameter, not yet typed
========== ====================================================================

The last four are msgpack extension types, and so are tuples where they are kept. Arrays travel
either as a buffer of their own beside the msgpack data (:class:`Packer` with ``buffers``), which
costs no copy, or inside it.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgpack
import numpy as np
import numpy.typing as npt

from protocol.errors import ProtocolError
from protocol.key_names import are_names
from protocol.large import Pieces, Reader, head_of_bytes

Value: TypeAlias = Any
Array: TypeAlias = npt.NDArray[Any]
Buffer: TypeAlias = "bytes | memoryview"

#: Element types an array may have on the wire: NumPy's type strings, little-endian.
ARRAY_TYPES = frozenset(
    ["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f4", "<f8", "<c8", "<c16"]
)

#: How deep lists, dicts and expressions may be nested in each other in a message.
NESTING_LIMIT = 64
#: How deep they may be in what callers send and get: the message around adds levels.
VALUE_NESTING_LIMIT = NESTING_LIMIT - 4

#: Arrays from this size on get a frame of their own; a frame costs more than copying fewer.
BUFFER_FROM_BYTES = 1024

INT_MIN, INT_MAX = -(2**63), 2**64 - 1

#: From this size on MessagePack is read without copies of what is in it.
LARGE_BYTES = 1 << 16

# Codes of the extension types.
EXT_ARRAY_BUFFER = 1  # msgpack [buffer index, type, [shape…]]
EXT_ARRAY_INLINE = 2  # msgpack [type, [shape…], bytes]
EXT_REFERENCE = 3  # msgpack [type, id, generation, ids or nil]
EXT_EXPRESSION = 4  # msgpack [call, [args…], {kwargs…}]
EXT_TEXT = 5  # msgpack [text, …]
EXT_COMPLEX = 6  # two little-endian doubles
EXT_TUPLE = 7  # msgpack [item, …]


@dataclass(frozen=True)
class Reference:
    """Names an object that lives in the kernel.

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


@dataclass(frozen=True)
class Expression:
    """A PyNEST object by the call that makes it, such as ``random.uniform``."""

    call: str
    args: list[Value] = field(default_factory=list)
    kwargs: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """Text for one parameter from a query string or form; the kernel knows its kind."""

    values: tuple[str, ...]


_PLAIN: tuple[type[Any], ...] = (str, float, int, dict, list, tuple)

#: What msgpack has by itself.
_NATIVE = frozenset([type(None), bool, int, float, str, bytes, list, dict])


class Packer:
    """Turns values into msgpack.

    Parameters
    ----------
    buffers : list to which the data of arrays is appended; ``None`` puts it inside
    tuples : whether tuples stay tuples; else they become lists
    convert : gives a value for an object that is none, or raises ``TypeError``
    """

    def __init__(
        self,
        buffers: list[Buffer] | None = None,
        tuples: bool = False,
        convert: Callable[[Any], Value] | None = None,
    ) -> None:
        self._buffers = buffers
        self._tuples = tuples
        self._convert = convert

    def pack(self, value: Value) -> bytes:
        """Encode one value.

        Raises
        ------
        ProtocolError
            If the value, or one in it, has no form on the wire.
        """
        try:
            packed: bytes = msgpack.packb(
                value, default=self._extension, use_bin_type=True, strict_types=self._tuples
            )
        except ProtocolError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise ProtocolError(f"a value that can't be sent: {error}") from error
        return packed

    def pieces(self, value: Value) -> list[Buffer]:
        """What :meth:`pack` gives, in pieces: the data of large arrays is not copied.

        Raises
        ------
        ProtocolError
            As :meth:`pack`.
        """
        beside: list[Buffer] = []
        # What can be looked at once only, such as a generator, is not converted twice.
        convert = None if self._convert is None else _Remembering(self._convert)
        packed = Packer(beside, self._tuples, convert).pack(value)
        if not beside:
            return [packed]
        return Packer(None, self._tuples, convert)._assembled(value).end()

    def _assembled(self, value: Value) -> Pieces:
        """The pieces of what has large arrays in it, perhaps."""
        made = Pieces()
        if type(value) is dict:
            made.add(msgpack.Packer().pack_map_header(len(value)))
            for key, item in value.items():
                made.add(self.pack(key))
                made.extend(self._assembled(item))
        elif type(value) is list or (type(value) is tuple and not self._tuples):
            if not any(isinstance(item, _LARGE) for item in value):
                made.add(self.pack(value))
                return made
            made.add(msgpack.Packer().pack_array_header(len(value)))
            for item in value:
                made.extend(self._assembled(item))
        elif type(value) is tuple:
            made.add_extension(EXT_TUPLE, self._assembled(list(value)))
        elif isinstance(value, Reference) and value.ids is not None:
            fields = [value.type, value.id, value.generation, value.ids]
            made.add_extension(EXT_REFERENCE, self._assembled(fields))
        elif isinstance(value, Expression):
            fields = [value.call, list(value.args), value.kwargs]
            made.add_extension(EXT_EXPRESSION, self._assembled(fields))
        elif isinstance(value, np.ndarray) and value.nbytes >= BUFFER_FROM_BYTES:
            dtype, shape, data = _laid_out(value)
            inner = Pieces()
            inner.add(msgpack.Packer().pack_array_header(3) + self.pack(dtype) + self.pack(shape))
            inner.add(head_of_bytes(data.nbytes))
            inner.add_large(data)
            made.add_extension(EXT_ARRAY_INLINE, inner)
        else:
            made.add(self.pack(value))
        return made

    def _extension(self, value: Value) -> Any:
        if type(value) is tuple:
            return msgpack.ExtType(EXT_TUPLE, self.pack(list(value)))
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, Reference):
            fields = [value.type, value.id, value.generation, value.ids]
            return msgpack.ExtType(EXT_REFERENCE, self.pack(fields))
        if isinstance(value, Expression):
            return msgpack.ExtType(
                EXT_EXPRESSION, self.pack([value.call, list(value.args), value.kwargs])
            )
        if isinstance(value, Text):
            return msgpack.ExtType(EXT_TEXT, self.pack(list(value.values)))
        if isinstance(value, complex):
            return msgpack.ExtType(EXT_COMPLEX, struct.pack("<dd", value.real, value.imag))
        if self._tuples:
            # msgpack is strict about types now: what derives from a plain one comes here, too.
            plain = next((kind for kind in _PLAIN if isinstance(value, kind)), None)
            if plain is tuple:
                return self._extension(tuple(value))
            if plain is not None and not isinstance(value, enum.Enum):
                return plain(value)
        if self._convert is not None:
            converted = self._convert(value)
            if type(converted) in _NATIVE or type(converted) is type(value):
                return converted
            # msgpack asks only once for each object.
            return self._extension(converted)
        raise ProtocolError(f"no form on the wire for {type(value).__name__}")

    def _array(self, array: Array) -> msgpack.ExtType:
        dtype, shape, data = _laid_out(array)
        if self._buffers is None or array.nbytes < BUFFER_FROM_BYTES:
            return msgpack.ExtType(EXT_ARRAY_INLINE, self.pack([dtype, shape, bytes(data)]))
        self._buffers.append(data)
        return msgpack.ExtType(EXT_ARRAY_BUFFER, self.pack([len(self._buffers) - 1, dtype, shape]))


def _laid_out(array: Array) -> tuple[str, list[int], memoryview]:
    """Type, shape and data of an array as it travels; the data is copied only if it has to be."""
    little = array.dtype.newbyteorder("<")
    if little.str not in ARRAY_TYPES:
        raise ProtocolError(f"no form on the wire for an array of {array.dtype}")
    array = np.ascontiguousarray(array, dtype=little).reshape(array.shape)
    return little.str, list(array.shape), array.reshape(-1).view(np.uint8).data


#: What may have large arrays in it.
_LARGE = (np.ndarray, list, tuple, dict, Reference, Expression)


class _Remembering:
    """Converts each object once."""

    def __init__(self, convert: Callable[[Any], Value]) -> None:
        self._convert = convert
        #: By identity, with the object, which thus lives on and keeps it.
        self._converted: dict[int, tuple[Any, Value]] = {}

    def __call__(self, item: Any) -> Value:
        if id(item) not in self._converted:
            self._converted[id(item)] = (item, self._convert(item))
        return self._converted[id(item)][1]


class Unpacker:
    """Turns msgpack into values; every byte string gives a value or :class:`ProtocolError`.

    Parameters
    ----------
    buffers : data of the arrays that travelled beside the msgpack data; arrays made of them
        share their memory
    nesting_limit : how deep the value may be nested
    reference : gives what stands in the value for a reference
    writable : whether arrays get memory of their own where they would share read-only memory;
        where what is unpacked is not read-only, it is theirs, and data may be moved in it
    """

    def __init__(
        self,
        buffers: list[Buffer] | None = None,
        nesting_limit: int = NESTING_LIMIT,
        reference: Callable[[Reference], Any] | None = None,
        writable: bool = False,
    ) -> None:
        self._buffers = buffers or []
        self._nesting_limit = nesting_limit
        self._made_of = reference
        self._writable = writable
        self._used: set[int] = set()
        self._depth = 0

    def unpack(self, packed: Buffer) -> Value:
        """Decode one value.

        Raises
        ------
        ProtocolError
            If ``packed`` is not exactly one value, or one nested deeper than the limit.
        """
        value = self._unpack_large(packed) if len(packed) >= LARGE_BYTES else self._unpack(packed)
        check_containers(value, self._nesting_limit)
        if len(self._used) != len(self._buffers):
            raise ProtocolError("a buffer that no array refers to")
        return value

    def _unpack_large(self, packed: Buffer, views: bool = False) -> Value:
        """The same as :meth:`_unpack`, with arrays where their data lie in ``packed``."""
        self._depth += 1
        if self._depth > NESTING_LIMIT:
            raise ProtocolError(f"nested deeper than {NESTING_LIMIT}")
        try:
            return Reader(
                memoryview(packed),
                self._large_extension,
                self._extension,
                BUFFER_FROM_BYTES,
                NESTING_LIMIT,
                views,
            ).read()
        except ProtocolError:
            raise
        except (
            msgpack.UnpackException,
            struct.error,
            ValueError,
            TypeError,
            IndexError,
            OverflowError,
            MemoryError,
        ) as error:
            raise ProtocolError(f"not msgpack: {type(error).__name__} {error}"[:200]) from error
        finally:
            self._depth -= 1

    def _large_extension(self, code: int, content: memoryview) -> Value:
        decode = self._decoders().get(code)
        if decode is None:
            return self._extension(code, bytes(content))
        fields = self._unpack_large(content, views=code == EXT_ARRAY_INLINE)
        if not isinstance(fields, list):
            raise ProtocolError(f"extension type {code} is not a list")
        return decode(fields)

    def _decoders(self) -> dict[int, Callable[[list[Value]], Value]]:
        """What makes the values of those extension types that hold lists."""
        return {
            EXT_ARRAY_BUFFER: self._array_buffer,
            EXT_ARRAY_INLINE: self._array_inline,
            EXT_REFERENCE: self._reference,
            EXT_EXPRESSION: self._expression,
            EXT_TEXT: self._text,
            EXT_TUPLE: tuple,
        }

    def _unpack(self, packed: Buffer) -> Value:
        self._depth += 1
        if self._depth > NESTING_LIMIT:
            raise ProtocolError(f"nested deeper than {NESTING_LIMIT}")
        try:
            return msgpack.unpackb(
                packed, raw=False, strict_map_key=True, use_list=True, ext_hook=self._extension
            )
        except ProtocolError:
            raise
        except (
            msgpack.UnpackException,
            ValueError,
            TypeError,
            OverflowError,
            MemoryError,  # lists that claim to be longer than memory
        ) as error:
            raise ProtocolError(f"not msgpack: {type(error).__name__} {error}"[:200]) from error
        finally:
            self._depth -= 1

    def _extension(self, code: int, data: bytes) -> Value:
        if code == EXT_COMPLEX:
            if len(data) != 16:
                raise ProtocolError("a complex number has 16 bytes")
            return complex(*struct.unpack("<dd", data))
        decode = self._decoders().get(code)
        if decode is None:
            raise ProtocolError(f"unknown extension type {code}")
        fields = self._unpack(data)
        if not isinstance(fields, list):
            raise ProtocolError(f"extension type {code} is not a list")
        return decode(fields)

    def _array_buffer(self, fields: list[Value]) -> Array:
        if len(fields) != 3 or type(fields[0]) is not int:
            raise ProtocolError("an array is [buffer, type, shape]")
        index, dtype, shape = fields
        if not 0 <= index < len(self._buffers) or index in self._used:
            raise ProtocolError(f"an array of buffer {index}, which is missing or taken")
        self._used.add(index)
        return self._array(self._buffers[index], dtype, shape)

    def _array_inline(self, fields: list[Value]) -> Array:
        if len(fields) != 3 or not isinstance(fields[2], (bytes, memoryview)):
            raise ProtocolError("an array is [type, shape, bytes]")
        return self._array(fields[2], fields[0], fields[1])

    def _array(self, data: Buffer, dtype: Value, shape: Value) -> Array:
        if self._writable and memoryview(data).readonly:
            # As bytes: elements that don't lie where their type wants them are copied one by one.
            data = np.frombuffer(data, np.uint8).copy().data
        return _array(data, dtype, shape)

    def _reference(self, fields: list[Value]) -> Any:
        if len(fields) != 4:
            raise ProtocolError("a reference is [type, id, generation, ids]")
        name, key, generation, ids = fields
        if (
            not isinstance(name, str)
            or type(key) is not int
            or not isinstance(generation, str)
            or not (ids is None or (isinstance(ids, np.ndarray) and ids.ndim == 1))
        ):
            raise ProtocolError("a reference with fields of the wrong type")
        found = Reference(name, key, generation, ids)
        return found if self._made_of is None else self._made_of(found)

    def _expression(self, fields: list[Value]) -> Expression:
        if len(fields) != 3:
            raise ProtocolError("an expression is [call, args, kwargs]")
        call, args, kwargs = fields
        if not isinstance(call, str) or not isinstance(args, list) or not isinstance(kwargs, dict):
            raise ProtocolError("an expression with fields of the wrong type")
        return Expression(call, args, kwargs)

    def _text(self, fields: list[Value]) -> Text:
        if not all(isinstance(text, str) for text in fields):
            raise ProtocolError("text that is none")
        return Text(tuple(fields))


def _array(data: Buffer, dtype: Value, shape: Value) -> Array:
    if not isinstance(dtype, str) or dtype not in ARRAY_TYPES:
        raise ProtocolError(f"no array has the type {dtype!r:.80}")
    if (
        not isinstance(shape, list)
        or len(shape) > 32
        or not all(type(n) is int and 0 <= n < 2**62 for n in shape)
    ):
        raise ProtocolError("no array has such a shape")
    element = np.dtype(dtype)
    size = 1
    for n in shape:
        size *= n
    if size * element.itemsize != len(data):
        raise ProtocolError(f"an array of {size} x {dtype} in {len(data)} bytes")
    try:
        return np.frombuffer(data, dtype=element).reshape(shape)
    except ValueError as error:
        # An empty array whose other extents multiply to more than an index can hold.
        raise ProtocolError(f"no array has such a shape: {error}") from error


def check_containers(value: Value, limit: int) -> None:
    """Refuse what msgpack or JSON can say but values can't be.

    Raises
    ------
    ProtocolError
        If lists, tuples, dicts and expressions are nested deeper than ``limit``, if a key is no
        text, or if there is a timestamp, which msgpack has by itself.
    """
    containers = (list, tuple, dict, Expression, msgpack.Timestamp)
    level = [value] if isinstance(value, containers) else []
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
            inner += [child for child in children if isinstance(child, containers)]
        level = inner
