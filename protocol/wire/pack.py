"""Packer: makes msgpack of values."""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from protocol.errors import ProtocolError
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
    Array,
    Buffer,
    Expression,
    Reference,
    Text,
    Value,
)
from protocol.wire.zero_copy import Pieces, head_of_bytes

_PLAIN: tuple[type[Any], ...] = (str, float, int, dict, list, tuple)

#: Types that msgpack has itself.
_NATIVE = frozenset([type(None), bool, int, float, str, bytes, list, dict])


class Packer:
    """Packer of values into msgpack.

    Parameters
    ----------
    buffers : list to which the data of arrays is appended; ``None`` puts it inside
    tuples : whether tuples stay tuples; else they become lists
    convert : returns the value of an object that is none, or raises ``TypeError``
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
        """Return ``value`` as msgpack.

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
        """Return the msgpack of :meth:`pack` in pieces, without copying the data of large arrays.

        Raises
        ------
        ProtocolError
            As :meth:`pack`.
        """
        beside: list[Buffer] = []
        # An object that can be read once only, such as a generator, is not converted twice.
        convert = None if self._convert is None else _Remembering(self._convert)
        packed = Packer(beside, self._tuples, convert).pack(value)
        if not beside:
            return [packed]
        return Packer(None, self._tuples, convert)._assembled(value).end()

    def _assembled(self, value: Value) -> Pieces:
        """Return the pieces of a value that may have large arrays in it."""
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
            fields = _fields_of(value)
            made.add_extension(EXT_REFERENCE, self._assembled(fields))
        elif isinstance(value, Expression):
            fields = [value.call, list(value.args), value.kwargs]
            made.add_extension(EXT_EXPRESSION, self._assembled(fields))
        elif isinstance(value, np.ndarray) and self._needs_conversion(value):
            made.extend(self._assembled(self._convert_array(value)))
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
            if self._needs_conversion(value):
                converted = self._convert_array(value)
                return converted if type(converted) in _NATIVE else self._extension(converted)
            return self._array(value)
        if isinstance(value, Reference):
            fields = _fields_of(value)
            return msgpack.ExtType(EXT_REFERENCE, self.pack(fields))
        if isinstance(value, Expression):
            return msgpack.ExtType(
                EXT_EXPRESSION, self.pack([value.call, list(value.args), value.kwargs])
            )
        if isinstance(value, Text):
            return msgpack.ExtType(EXT_TEXT, self.pack(list(value.values)))
        if isinstance(value, complex):
            return msgpack.ExtType(EXT_COMPLEX, struct.pack("<dd", value.real, value.imag))
        if self._tuples and not hasattr(type(value), "wire"):
            # msgpack is strict about types now: types that derive from plain ones come here, too.
            # What has a value of its own, for ``convert``, is none of them.
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

    def _needs_conversion(self, array: Array) -> bool:
        """Return whether ``array`` has no form on the wire, but may be given another."""
        return self._convert is not None and not has_wire_form(array)

    def _convert_array(self, array: Array) -> Value:
        assert self._convert is not None
        converted = self._convert(array)
        if isinstance(converted, np.ndarray) and not has_wire_form(converted):
            raise ProtocolError(f"no form on the wire for an array of {array.dtype}")
        return converted

    def _array(self, array: Array) -> msgpack.ExtType:
        dtype, shape, data = _laid_out(array)
        if self._buffers is None or array.nbytes < BUFFER_FROM_BYTES:
            return msgpack.ExtType(EXT_ARRAY_INLINE, self.pack([dtype, shape, bytes(data)]))
        self._buffers.append(data)
        return msgpack.ExtType(EXT_ARRAY_BUFFER, self.pack([len(self._buffers) - 1, dtype, shape]))


def _fields_of(reference: Reference) -> list[Value]:
    told = reference.size if reference.ids is None else reference.ids
    fields = [reference.type, reference.id, reference.generation, told]
    return fields if reference.text is None else [*fields, reference.text]


def has_wire_form(array: Array) -> bool:
    """Return whether ``array`` can be sent as it is."""
    return array.dtype.newbyteorder("<").str in ARRAY_TYPES and not isinstance(
        array, np.ma.MaskedArray
    )


def _laid_out(array: Array) -> tuple[str, list[int], memoryview]:
    """Return type, shape and data of an array on the wire; data is copied only if it must be."""
    little = array.dtype.newbyteorder("<")
    if little.str not in ARRAY_TYPES:
        raise ProtocolError(f"no form on the wire for an array of {array.dtype}")
    array = np.ascontiguousarray(array, dtype=little).reshape(array.shape)
    return little.str, list(array.shape), array.reshape(-1).view(np.uint8).data


#: Types of values that may have large arrays in them.
_LARGE = (np.ndarray, list, tuple, dict, Reference, Expression)


class _Remembering:
    """Conversion that is done once for each object."""

    def __init__(self, convert: Callable[[Any], Value]) -> None:
        self._convert = convert
        #: By identity, with the object, which thus lives on and keeps it.
        self._converted: dict[int, tuple[Any, Value]] = {}

    def __call__(self, item: Any) -> Value:
        if id(item) not in self._converted:
            self._converted[id(item)] = (item, self._convert(item))
        return self._converted[id(item)][1]
