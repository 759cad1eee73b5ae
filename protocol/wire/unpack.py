"""Unpacker: makes values of msgpack."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from protocol.errors import ProtocolError
from protocol.wire.bounds import Bounds, check_claims, problem_of
from protocol.wire.values import (
    ARRAY_TYPES,
    BUFFER_FROM_BYTES,
    EXT_ARRAY_BUFFER,
    EXT_ARRAY_INLINE,
    EXT_COMPLEX,
    EXT_EXPRESSION,
    EXT_REFERENCE,
    EXT_TEXT,
    EXT_TUPLE,
    NESTING_LIMIT,
    Array,
    Buffer,
    Expression,
    Reference,
    Text,
    Value,
    check_containers,
)
from protocol.wire.zero_copy import Reader

#: From this size on MessagePack is read without copies of what is in it.
LARGE_BYTES = 1 << 16


class Unpacker:
    """Unpacker of msgpack: any bytes whatever give a value or a :class:`ProtocolError`.

    Parameters
    ----------
    buffers : data of the arrays that travelled beside the msgpack data; arrays made of them
        share their memory
    nesting_limit : how deep the value may be nested
    reference : returns what stands in the value for a reference
    bounded : whether lists, dicts and values are limited in number, for what callers send
    writable : whether arrays get memory of their own where they would share read-only memory;
        memory that is not read-only becomes theirs, and data may be moved in it
    """

    def __init__(
        self,
        buffers: list[Buffer] | None = None,
        nesting_limit: int = NESTING_LIMIT,
        reference: Callable[[Reference], Any] | None = None,
        writable: bool = False,
        bounded: bool = False,
    ) -> None:
        self._buffers = buffers or []
        self._nesting_limit = nesting_limit
        self._resolve = reference
        self._writable = writable
        self._bounded = bounded
        self._bounds: Bounds | None = None
        self._used: set[int] = set()
        self._depth = 0

    def unpack(self, packed: Buffer) -> Value:
        """Return the value that ``packed`` is.

        Raises
        ------
        ProtocolError
            If ``packed`` is not exactly one value, is nested deeper than the limit, or, if bounded,
            has too many values.
        """
        # What has fewer bytes can't hold much.
        if self._bounded and len(packed) >= LARGE_BYTES:
            self._bounds = Bounds()
        value = self._unpack_large(packed) if len(packed) >= LARGE_BYTES else self._unpack(packed)
        check_containers(value, self._nesting_limit)
        if len(self._used) != len(self._buffers):
            raise ProtocolError("a buffer that no array refers to")
        return value

    def _unpack_large(self, packed: Buffer, views: bool = False) -> Value:
        """Return the value of :meth:`_unpack`, with arrays where their data lie in ``packed``."""
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
                self._bounds,
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
            raise problem_of(error) from error
        finally:
            self._depth -= 1

    def _large_extension(self, code: int, content: memoryview) -> Value:
        if self._bounds is not None:
            self._bounds.count(())
        decode = self._decoders().get(code)
        if decode is None:
            return self._extension(code, bytes(content))
        fields = self._unpack_large(content, views=code == EXT_ARRAY_INLINE)
        if not isinstance(fields, list):
            raise ProtocolError(f"extension type {code} is not a list")
        return decode(fields)

    def _decoders(self) -> dict[int, Callable[[list[Value]], Value]]:
        """Return the functions that make values of extension types which hold lists."""
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
        options: dict[str, Any] = {}
        try:
            if self._bounds is not None:
                options = self._bounds.options(len(packed))
                if len(packed) >= LARGE_BYTES:
                    check_claims(io.BytesIO(packed), len(packed))
            return msgpack.unpackb(
                packed,
                raw=False,
                strict_map_key=True,
                use_list=True,
                ext_hook=self._extension,
                **options,
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
            raise problem_of(error) from error
        finally:
            self._depth -= 1

    def _extension(self, code: int, data: bytes) -> Value:
        if self._bounds is not None:
            self._bounds.count(())
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
        if len(fields) not in (4, 5):
            raise ProtocolError("a reference is [type, id, generation, ids or size, text]")
        name, key, generation, told = fields[:4]
        ids, size = (None, told) if type(told) is int else (told, None)
        text = fields[4] if len(fields) == 5 else None
        if (
            not isinstance(name, str)
            or type(key) is not int
            or not isinstance(generation, str)
            or not (ids is None or (isinstance(ids, np.ndarray) and ids.ndim == 1))
            or not (text is None or isinstance(text, str))
        ):
            raise ProtocolError("a reference with fields of the wrong type")
        made = Reference(name, key, generation, ids, size, text)
        return made if self._resolve is None else self._resolve(made)

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
