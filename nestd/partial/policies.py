"""Rules by which fields of several ranks become one, and the tables of fields.

``docs/merging.md`` is generated from the tables here.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import is_dataclass

import numpy as np

from nestd.partial import ordering
from protocol.errors import InternalError
from protocol.wire.values import Value


class Policy(enum.Enum):
    """Rule for a field that several ranks have; the text is in ``docs/merging.md``."""

    IDENTICAL = "the same on every rank, checked"
    SUM = "the sum over ranks"
    MAXIMUM = "the largest of the ranks' values"
    MINIMUM = "the smallest of the ranks' values"
    EVENTS = "columns of all ranks, in the order of time with its offset, sender, the others"
    FILES = "those of all ranks, the last virtual process's, which PyNEST names, first"
    GENERIC = "belongs to one process; replaced by a constant"
    VIRTUAL_PROCESSES = "the number of virtual processes, as one process would have threads"
    BY_THREAD = "one entry a thread, in the order of virtual processes"
    OF_OWNER = "that of the rank that has the node; of rank 0 for a device"
    THREAD = "the virtual process, as one process would have threads"
    SHORTEST = "the smallest of the ranks that have connections"
    LONGEST = "the largest of the ranks that have connections"
    WALL_TIME = "the longest of the ranks' times; of several threads one entry each"


#: Fields of nodes that are on every rank (devices); others are IDENTICAL. A node that is on one
#: rank (neurons) has its values from there.
NODE_FIELDS: dict[str, Policy] = {
    "events": Policy.EVENTS,
    "n_events": Policy.SUM,
    "filenames": Policy.FILES,
    "thread": Policy.THREAD,
    "thread_local_id": Policy.OF_OWNER,
    "vp": Policy.OF_OWNER,
}

#: Fields of connections; others are those of the rank that has the target.
CONNECTION_FIELDS: dict[str, Policy] = {"target_thread": Policy.THREAD}

#: Fields that a caller would take for those of the only process.
GENERIC: dict[str, Value] = {
    "local": True,
    "mpi_rank": 0,
    "num_processes": 1,
}

#: Fields of the kernel's status; others are IDENTICAL.
KERNEL_FIELDS: dict[str, Policy] = {
    "local_num_threads": Policy.VIRTUAL_PROCESSES,
    "local_spike_counter": Policy.SUM,
    "max_delay": Policy.LONGEST,
    "max_update_time": Policy.MAXIMUM,
    "memory_size": Policy.SUM,
    "min_delay": Policy.SHORTEST,
    "min_update_time": Policy.MINIMUM,
    "mpi_rank": Policy.GENERIC,
    "num_connections": Policy.SUM,
    "num_processes": Policy.GENERIC,
    "recv_buffer_size_secondary_events": Policy.MAXIMUM,
    "send_buffer_size_secondary_events": Policy.MAXIMUM,
}

#: Fields of a model's defaults; others are IDENTICAL.
DEFAULT_FIELDS: dict[str, Policy] = {
    "available": Policy.BY_THREAD,
    "capacity": Policy.BY_THREAD,
    "instantiations": Policy.BY_THREAD,
    "num_connections": Policy.SUM,
}

#: Types of values that Python compares by itself.
_SCALARS = frozenset([type(None), bool, int, float, str, bytes])


def as_thread(thread: int, rank: int, ranks: int) -> int:
    """Return the virtual process that a thread of a rank is."""
    return thread * ranks + rank


def merge_field(call: str, field: str, policy: Policy, values: Sequence[Value]) -> Value:
    """Return one field of all ranks, by its policy."""
    match policy:
        case Policy.IDENTICAL:
            return identical(call, field, values)
        case Policy.SUM | Policy.VIRTUAL_PROCESSES:
            return sum(values)
        case Policy.MAXIMUM | Policy.LONGEST:
            return max(values)
        case Policy.MINIMUM | Policy.SHORTEST:
            return min(values)
        case Policy.EVENTS:
            return ordering.merge_events(values)
        case Policy.FILES:
            return sorted({item for value in values for item in value}, reverse=True)
        case Policy.GENERIC:
            return GENERIC[field]
        case Policy.WALL_TIME:
            if not isinstance(values[0], np.ndarray):
                return max(values)
            return merge_field(call, field, Policy.BY_THREAD, values)
        case Policy.OF_OWNER:
            return values[0]
        case Policy.THREAD:
            return as_thread(values[0], 0, len(values))
        case Policy.BY_THREAD:
            # In the order of as_thread.
            return np.stack([np.asarray(value) for value in values], axis=-1).reshape(-1)


def identical(call: str, field: str | None, values: Sequence[Value]) -> Value:
    """Return the value that all ranks gave.

    Raises
    ------
    InternalError
        Naming call, field and the ranks that differ from rank 0.
    """
    if len(values) == 1:
        return values[0]
    differing = [rank for rank, value in enumerate(values) if rank and not same(values[0], value)]
    if differing:
        label = f"field {field!r} of {call}" if field else call
        raise InternalError(
            f"no rule says how to merge {label}, which differs between rank 0 and rank "
            f"{', '.join(map(str, differing))}; ?ranks=all shows what each rank says",
            call=call,
            ranks=(0, *differing),
        )
    return values[0]


def same(value: Value, other: Value) -> bool:
    """Return whether two values are equal, with their types; NaN is equal to NaN."""
    if type(value) is not type(other):
        return False
    if isinstance(value, np.ndarray):
        is_inexact = value.dtype.kind in "fc"
        return value.dtype == other.dtype and np.array_equal(value, other, equal_nan=is_inexact)
    if isinstance(value, (list, tuple)):
        types = list(map(type, value))
        if types != list(map(type, other)):
            return False
        # Scalars are compared at once; those that differ may be NaN.
        is_equal = _SCALARS.issuperset(types) and value == other
        return is_equal or all(map(same, value, other))
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[key], other[key]) for key in value)
    if is_dataclass(value):
        return same(vars(value), vars(other))
    if isinstance(value, (float, complex)):
        return value == other or (value != value and other != other)
    return bool(value == other)
