"""Forms in which PyNEST gives columns: scalars, lists, records, JSON text.

Tuples are where PyNEST has them; they become lists for callers who have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from protocol.errors import ArgumentError, KernelError
from protocol.wire import json_form
from protocol.wire.values import Value


def missing_key(call: str, key: str) -> KernelError:
    """Return PyNEST's error for a key that no rank has."""
    return KernelError(f"KeyError in {call}: {key!r}", error_name="KeyError", call=call)


def as_list(column: Any) -> list[Value]:
    """Return a column as a list of Python's numbers, as single entries are sent."""
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def as_records(call: str, columns: dict[str, Any], count: int, asked: Any, output: str) -> Value:
    """Return what GetStatus gives: one entry for each node or connection."""
    for key in [asked] if isinstance(asked, str) else asked or []:
        if key not in columns and count:
            raise missing_key(call, key)
    records: list[Value]
    wanted = columns if asked is None else [asked] if isinstance(asked, str) else asked
    columns = {key: as_list(columns[key]) for key in wanted if count}
    if asked is None:
        records = [{key: columns[key][i] for key in columns} for i in range(count)]
    elif isinstance(asked, str):
        records = list(columns[asked]) if count else []
    else:
        records = [tuple(columns[key][i] for key in asked) for i in range(count)]
    return in_format(call, tuple(records), output)


def as_node_values(
    call: str, columns: dict[str, list[Value]], count: int, asked: list[Any], output: str
) -> Value:
    """Return what NodeCollection.get gives: scalars for one node, tuples for several."""

    def values(key: str) -> Value:
        if key not in columns:
            raise missing_key(call, key)
        return columns[key][0] if count == 1 else tuple(columns[key])

    result: Value
    if not asked:
        result = {key: values(key) for key in columns}
    elif len(asked) == 1:
        keys = asked[0]
        result = values(keys) if isinstance(keys, str) else {key: values(key) for key in keys}
    else:
        inner = columns.get(asked[0])
        if inner is None:
            raise missing_key(call, asked[0])
        if not all(isinstance(value, dict) for value in inner):
            raise ArgumentError(
                f"{call}: {asked[0]!r} has no values with names",
                call=call,
                error_name=TypeError.__name__,
            )

        def inside(key: str) -> Value:
            if key not in inner[0]:
                raise missing_key(call, key)
            column = [value.get(key) for value in inner]
            return column[0] if count == 1 else column

        keys = asked[-1]
        result = inside(keys) if isinstance(keys, str) else {key: inside(key) for key in keys}
    return in_format(call, result, output)


def as_connection_values(
    call: str, columns: dict[str, Any], count: int, asked: Any, output: str
) -> Value:
    """Return what SynapseCollection.get gives: scalars for one connection, else columns."""
    if count == 0:
        return in_format(call, {} if asked is None else (), output)

    def values(key: str) -> Value:
        if key not in columns:
            raise missing_key(call, key)
        return as_list(columns[key])[0] if count == 1 else columns[key]

    if isinstance(asked, str):
        # Of several connections, PyNEST gives nothing for a key that none of them has.
        found = values(asked) if count == 1 or asked in columns else []
        return in_format(call, found, output)
    return in_format(
        call, {key: values(key) for key in (columns if asked is None else asked)}, output
    )


def in_format(call: str, value: Value, output: str) -> Value:
    """Return ``value`` as PyNEST's parameter ``output`` asks for it."""
    if output == "json":
        return json_form.dumps(value).decode()
    if output:
        raise ArgumentError(
            f"{call}: output can be 'json' or '', not {output!r:.40}", call=call, parameter="output"
        )
    return value
