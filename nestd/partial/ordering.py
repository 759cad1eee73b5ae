"""Canonical orders of events and rows, which do not depend on how they were spread over ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from protocol.wire.values import Array

#: NEST's tic, of which times are whole numbers, but for spikes off the grid.
_TICS_PER_MS = 1000.0
_MS_PER_TIC = 1.0 / _TICS_PER_MS
#: Entries in one piece of work, which stays in the processor's cache, and needs no memory as large
#: as the whole.
_AT_A_TIME = 1 << 15


def merge_events(values: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Return events of all ranks in one canonical order.

    Parameters
    ----------
    values : of each rank the columns, each of shape (number of events,)
    """
    # NEST gives columns without entries as floats, also where their entries are integers.
    having = [value for value in values if len(next(iter(value.values()), ()))] or values[:1]
    if having[0].keys() == {"times", "senders"} and len(having[0]["times"]):
        spikes = _ordered_spikes(having)
        if spikes is not None:
            return {name: spikes[name] for name in having[0]}
    columns = {name: _concatenated([value[name] for value in having]) for name in having[0]}
    if not columns or not len(next(iter(columns.values()))):
        return columns
    leading = [name for name in ("times", "senders") if name in columns]
    keys = [columns[name] for name in leading + sorted(columns.keys() - set(leading))]
    precise = "offsets" in columns and "times" in columns
    if precise:
        # Times are the ends of steps then, and offsets go back from there.
        keys.insert(1, -columns["offsets"])
    if _in_order(keys):
        return columns
    order = np.lexsort(keys[::-1]) if precise else _order_of_events(keys)
    return {name: column[order] for name, column in columns.items()}


def _concatenated(parts: Sequence[Array]) -> Array:
    """Return all parts as one array; a single part as it is."""
    return np.asarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)


def order(keys: list[Array]) -> Array | None:
    """Return the permutation that sorts by ``keys``, the first being the most significant.

    ``None`` if they are in order already, which costs one pass to find out.
    """
    return None if _in_order(keys) else np.lexsort(keys[::-1])


def _in_order(keys: list[Array]) -> bool:
    """Return whether rows are sorted by ``keys``."""
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
    """Return the permutation that sorts by times, senders and further keys.

    Sorting one number made of time and sender takes about as long as sorting by time alone.
    """
    times = keys[0]
    packed = _packed([times], [keys[1]]) if len(keys) > 1 else None
    if packed is not None:
        order = np.argsort(packed, kind="stable")
        packed, times = packed[order], times[order]
        ties = len(keys) > 2 and bool(np.any(packed[1:] == packed[:-1]))
        # Off the grid, times between the same tics may be in the wrong order.
        if not ties and not np.any(times[1:] < times[:-1]):
            return order
    return np.lexsort(keys[::-1])


def _ordered_spikes(parts: Sequence[dict[str, Array]]) -> dict[str, Array] | None:
    """Return spikes in order of time and sender; ``None`` if numbers can't stand for them exactly.

    Sorting numbers takes a third of the time of finding their order, or less; times and senders
    are then taken out of the numbers again. No memory is needed besides ``parts`` and the result:
    the numbers become the times.
    """
    times, senders = ([np.asarray(part[name]) for part in parts] for name in ("times", "senders"))
    dtype = times[0].dtype
    if dtype not in (np.float64, np.int64) or any(part.dtype != dtype for part in times):
        return None
    if any(part.dtype != np.int64 for part in senders):
        return None
    packed = _packed(times, senders, exactly=True)
    if packed is None:
        return None
    if _ascends(packed):
        return {"times": _concatenated(times), "senders": _concatenated(senders)}
    # Recorders note step by step: much is in order already, and this sort merges that.
    packed.sort(kind="stable")
    bits = _bits(senders)
    ids = np.empty(len(packed), np.int64)
    ordered = packed.view(dtype)
    for part in _pieces(len(packed)):
        np.bitwise_and(packed[part], (1 << bits) - 1, out=ids[part])
        tics = packed[part] >> bits
        if dtype == np.float64:
            np.multiply(tics, _MS_PER_TIC, out=ordered[part])
        else:
            ordered[part] = tics
    return {"times": ordered, "senders": ids}


def _pieces(count: int) -> Iterator[slice]:
    """Return slices that cover ``count`` entries."""
    return (slice(at, min(at + _AT_A_TIME, count)) for at in range(0, count, _AT_A_TIME))


def _ascends(numbers: Array) -> bool:
    """Return whether no number is smaller than the one before."""
    earlier, later = numbers[:-1], numbers[1:]
    return all(bool(np.all(later[part] >= earlier[part])) for part in _pieces(len(later)))


def _bits(senders: Sequence[Array]) -> int:
    """Return the number of bits that the largest id needs."""
    return max(int(part.max()) for part in senders).bit_length()


def _packed(
    times: Sequence[Array], senders: Sequence[Array], exactly: bool = False
) -> Array | None:
    """Return int64 numbers in the order of time and sender; ``None`` if those don't fit in.

    Parameters
    ----------
    times, senders : in parts, which follow each other in the numbers
    exactly : whether times have to be what they become when taken out again
    """
    if any(part.dtype.kind not in "iu" or part.min() < 0 for part in senders):
        return None
    if any(part.dtype.kind not in "iuf" for part in times):
        return None
    bits = _bits(senders)
    packed = np.empty(sum(map(len, times)), np.int64)
    at = 0
    for time, sender in zip(times, senders, strict=True):
        for part in _pieces(len(time)):
            own = time[part]
            tics = np.rint(own * _TICS_PER_MS) if own.dtype.kind == "f" else own
            # NaN fails both comparisons.
            if not (tics.min() >= 0 and tics.max() < 2.0 ** (63 - bits)):
                return None
            # Off the grid, or with tics of another length, times are not these products.
            if exactly and tics is not own and not np.array_equal(tics * _MS_PER_TIC, own):
                return None
            into = packed[at + part.start : at + part.stop]
            np.left_shift(tics.astype(np.int64, copy=False), bits, out=into)
            into |= sender[part].astype(np.int64, copy=False)
        at += len(time)
    return packed
