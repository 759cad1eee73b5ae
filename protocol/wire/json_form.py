"""JSON form of values, both ways. ``docs/http.md`` documents it for callers.

JSON has no arrays, no NaN and no kernel objects; each has a documented form here, and every
value has one: NaN and infinities are ``null``, complex numbers ``{"real", "imag"}``, bytes
``{"$bytes": base64}``, objects ``{"$call": …}`` or ``{"$ref": …}``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from protocol.errors import MalformedRequest, ProtocolError
from protocol.wire.bounds import check_json
from protocol.wire.values import VALUE_NESTING_LIMIT, Expression, Reference, Value, check_containers

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS


def dumps(value: Value) -> bytes:
    """Return ``value`` as JSON text, always valid, arrays straight from their memory."""
    return orjson.dumps(value, default=_default, option=_OPTIONS)


#: Arrays with more bytes than this are written in parts.
LARGE_BYTES = 1 << 20
#: Bytes of an array that are written at a time.
_PART_BYTES = 1 << 17
#: Longer lists are not looked through for arrays: what is long is columns of numbers.
_LOOKED_THROUGH = 1024


def is_large(value: Value) -> bool:
    """Return whether ``value`` has arrays so large that its text is better made in parts."""
    return _array_bytes(value) > LARGE_BYTES


def _array_bytes(value: Value) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Reference):
        return 0 if value.ids is None else value.ids.nbytes
    if isinstance(value, dict):
        return sum(map(_array_bytes, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_array_bytes, value[:_LOOKED_THROUGH]))
    return 0


def parts(value: Value) -> Iterator[bytes]:
    """Yield the text of :func:`dumps` in parts, for values too large to be in memory twice."""
    if isinstance(value, np.ndarray) and value.ndim and value.nbytes > _PART_BYTES:
        yield from _array_parts(value)
    elif not is_large(value):
        yield dumps(value)
    elif isinstance(value, dict):
        between = b"{"
        for key, item in value.items():
            yield between + dumps(key) + b":"
            yield from parts(item)
            between = b","
        yield b"}"
    elif isinstance(value, (list, tuple)):
        between = b"["
        for item in value:
            yield between
            yield from parts(item)
            between = b","
        yield b"]"
    else:
        yield from parts(_default(value))


def _array_parts(array: np.ndarray[Any, Any]) -> Iterator[bytes]:
    if array.dtype.kind == "c":
        yield from parts(_array(array))
        return
    rows = max(1, _PART_BYTES * len(array) // array.nbytes)
    between = b"["
    for at in range(0, len(array), rows):
        yield between + dumps(array[at : at + rows])[1:-1]
        between = b","
    yield b"]"


def _default(value: Value) -> Any:
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, Reference):
        if value.ids is not None:
            return value.ids
        return {"$ref": value.id, "type": value.type, "generation": value.generation}
    if isinstance(value, Expression):
        form: dict[str, Any] = {"$call": value.call}
        if value.args:
            form["args"] = value.args
        if value.kwargs:
            form["kwargs"] = value.kwargs
        return form
    if isinstance(value, complex):
        return {"real": value.real, "imag": value.imag}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _array(array: np.ndarray[Any, Any]) -> Any:
    """Convert an array that orjson does not take: scalar, foreign layout, complex or half float."""
    if array.ndim == 0:
        return array.item()
    if array.dtype.kind == "c":
        return {"real": np.ascontiguousarray(array.real), "imag": np.ascontiguousarray(array.imag)}
    if array.dtype == np.float16:
        return array.astype(np.float32)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def loads(text: bytes | str) -> Value:
    """Return the value that JSON ``text`` describes.

    Numbers follow the usual JSON reading: integers beyond 64 bit become floats.

    Raises
    ------
    MalformedRequest
        If the text is no JSON, not UTF-8, nested deeper than ``VALUE_NESTING_LIMIT``,
        or has a ``$call`` or ``$ref`` that is none.
    RequestTooLarge
        If the text has more lists, objects or values than may be.
    """
    check_json(text.encode() if isinstance(text, str) else text)
    try:
        plain = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"the body is no valid JSON: {error}") from error
    try:
        check_containers(plain, VALUE_NESTING_LIMIT)
    except ProtocolError as error:
        raise MalformedRequest(
            f"the body is nested deeper than {VALUE_NESTING_LIMIT} levels"
        ) from error
    return _objects(plain)


#: What the JSON decoder makes that holds values.
_CONTAINERS = frozenset([list, dict])


def _objects(plain: Any) -> Value:
    """Return ``plain`` with its ``$call`` and ``$ref`` forms turned into objects."""
    if isinstance(plain, list):
        # Columns of numbers are most of all data: one pass over their types.
        if _CONTAINERS.isdisjoint(map(type, plain)):
            return plain
        return [_objects(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if "$call" in plain:
        return _expression(plain)
    if "$ref" in plain:
        return _reference(plain)
    return {key: _objects(item) for key, item in plain.items()}


def _expression(plain: dict[str, Any]) -> Expression:
    call, args, kwargs = plain["$call"], plain.get("args", []), plain.get("kwargs", {})
    extra = plain.keys() - {"$call", "args", "kwargs"}
    if not isinstance(call, str) or not isinstance(args, list) or not isinstance(kwargs, dict):
        raise MalformedRequest(
            'an object must have the form {"$call": "name", "args": […], "kwargs": {…}}'
        )
    if extra:
        raise MalformedRequest(f"$call {call:.80} has an unknown key {min(extra)!r:.80}")
    return Expression(
        call, [_objects(item) for item in args], {k: _objects(v) for k, v in kwargs.items()}
    )


def _reference(plain: dict[str, Any]) -> Reference:
    key, name, generation = plain["$ref"], plain.get("type"), plain.get("generation")
    if type(key) is not int or not isinstance(name, str) or not isinstance(generation, str):
        raise MalformedRequest(
            'a reference must have the form {"$ref": number, "type": "…", "generation": "…"}'
        )
    return Reference(name, key, generation)
