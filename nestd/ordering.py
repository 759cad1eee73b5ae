"""The canonical orders of what ranks have: the same however it was spread over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protocol.values import Array

#: Times are whole numbers of these, but for spikes off the grid: NEST's tic.
_TICS_PER_MS = 1000.0
_MS_PER_TIC = 1.0 / _TICS_PER_MS


def merge_events(values: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Events of all ranks in one canonical order.

    Parameters
    ----------
    values : of each rank the columns, each of shape (number of events,)
    """
    # NEST gives columns without entries as floats, also where their entries are integers.
    having = [value for value in values if len(next(iter(value.values()), ()))] or values[:1]
    columns = {name: _concatenated([value[name] for value in having]) for name in having[0]}
    if not columns or not len(next(iter(columns.values()))):
        return columns
    if columns.keys() == {"times", "senders"}:
        spikes = _ordered_spikes(columns["times"], columns["senders"])
        if spikes is not None:
            return {name: spikes[name] for name in columns}
    first = [name for name in ("times", "senders") if name in columns]
    keys = [columns[name] for name in first + sorted(columns.keys() - set(first))]
    precise = "offsets" in columns and "times" in columns
    if precise:
        # Times are the ends of steps then, and offsets go back from there.
        keys.insert(1, -columns["offsets"])
    if _in_order(keys):
        return columns
    order = np.lexsort(keys[::-1]) if precise else _order_of_events(keys)
    return {name: column[order] for name, column in columns.items()}


def _concatenated(parts: Sequence[Array]) -> Array:
    return np.asarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)


def order(keys: list[Array]) -> Array | None:
    """The permutation that sorts by ``keys``, the first being the most significant.

    ``None`` if they are in order already, which costs one pass to find out.
    """
    return None if _in_order(keys) else np.lexsort(keys[::-1])


def _in_order(keys: list[Array]) -> bool:
    undecided = np.ones(len(keys[0]) - 1, dtype=bool)
    for key in keys:
        # NaN is neither before nor after anything; sorting puts it last.
        if key.dtype.kind == "f" and np.isnan(key).any():
            return False
        if np.any(undecided & (key[1:] < key[:-1])):
            return False
        undecided &= key[1:] == key[:-1]
        if not undecided.any():
            break
    return True


def _order_of_events(keys: list[Array]) -> Array:
    """As :func:`_order`, for times, senders and what follows.

    Sorting one number made of time and sender takes about as long as sorting by time alone.
    """
    times = keys[0]
    packed = _packed(times, keys[1]) if len(keys) > 1 else None
    if packed is not None:
        order = np.argsort(packed, kind="stable")
        packed, times = packed[order], times[order]
        ties = len(keys) > 2 and bool(np.any(packed[1:] == packed[:-1]))
        # Off the grid, times between the same tics may be in the wrong order.
        if not ties and not np.any(times[1:] < times[:-1]):
            return order
    return np.lexsort(keys[::-1])


def _ordered_spikes(times: Array, senders: Array) -> dict[str, Array] | None:
    """Spikes in order of time and sender; ``None`` if numbers don't say all about them.

    Sorting numbers takes a third of the time of finding their order, or less; times and senders
    are then taken out of the numbers again.
    """
    packed = _packed(times, senders)
    if packed is None or senders.dtype != np.int64:
        return None
    if times.dtype == np.float64:
        # Off the grid, or with tics of another length, times are not these products.
        if not np.array_equal(np.rint(times * _TICS_PER_MS) * _MS_PER_TIC, times):
            return None
    elif times.dtype != np.int64:
        return None
    if np.all(packed[1:] >= packed[:-1]):
        return {"times": times, "senders": senders}
    packed.sort()
    bits = _bits(senders)
    senders = packed & ((1 << bits) - 1)
    packed >>= bits
    return {
        "times": packed * _MS_PER_TIC if times.dtype.kind == "f" else packed,
        "senders": senders,
    }


def _bits(senders: Array) -> int:
    """Number of bits that the largest id needs."""
    return int(senders.max()).bit_length()


def _packed(times: Array, senders: Array) -> Array | None:
    """Int64 numbers in the order of time and sender; ``None`` if they don't fit in."""
    if senders.dtype.kind not in "iu" or times.dtype.kind not in "iuf":
        return None
    bits = _bits(senders)
    tics = np.rint(times * _TICS_PER_MS) if times.dtype.kind == "f" else times
    # Of NaN, too, neither is true.
    if not (senders.min() >= 0 and tics.min() >= 0 and tics.max() < 2.0 ** (63 - bits)):
        return None
    packed: Array = (tics.astype(np.int64) << bits) | senders.astype(np.int64)
    return packed
