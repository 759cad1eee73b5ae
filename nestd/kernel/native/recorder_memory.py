"""Recorded events, copied from where NEST has them.

Why this is written by hand: PyNEST makes a Python number of each time and of each sender, and an
array of those. A million spikes take 0.12 s, twenty times as long as copying them. NEST collects
the events of a recorder with a method that it calls through the table of its library, once for each
thread (``RecordingBackendMemory::DeviceData::get_status``). While a recorder is asked here, a
function takes its place that only notes where the data are; they are copied from there
(``docs/decisions/0009-events-are-read-where-they-are.md``).

Without native access PyNEST is asked: the answers are equal, and take longer.
"""

from __future__ import annotations

import ctypes
import logging
import operator
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from nestd.kernel.native.got_table import NativeUnavailable, slots
from nestd.kernel.node_location import on_this_rank
from nestd.kernel.pynest import nest

log = logging.getLogger(__name__)

Columns: TypeAlias = dict[str, np.ndarray[Any, np.dtype[Any]]]

#: ``nest::RecordingBackendMemory::DeviceData::get_status(Dictionary&) const``
GET_STATUS = "_ZNK4nest22RecordingBackendMemory10DeviceData10get_statusER10Dictionary"

#: Versions of NEST whose ``DeviceData`` is the one below.
_KNOWN = ("3.10.",)

#: Fields that this method fills.
RECORDED = ("events", "time_in_steps")

#: PyNEST takes a hundred bytes for each event: more events are only checked for plausibility.
_COMPARED_EVENTS = 1_000_000

_METHOD = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_LONG, _DOUBLE = np.dtype(np.int64), np.dtype(np.float64)


class _Vector(ctypes.Structure):
    """A ``std::vector`` of the GNU and the LLVM library."""

    begin: int
    end: int
    capacity: int

    _fields_ = [(name, ctypes.c_size_t) for name in ("begin", "end", "capacity")]


class _DeviceData(ctypes.Structure):
    """Events of one thread: ``nestkernel/recording_backend_memory.h`` of NEST 3.10."""

    _fields_ = [
        ("senders", _Vector),
        ("times_ms", _Vector),
        ("times_steps", _Vector),
        ("times_offset", _Vector),
        ("double_names", _Vector),
        ("long_names", _Vector),
        ("double_values", _Vector),
        ("long_values", _Vector),
        ("time_in_steps", ctypes.c_bool),
    ]


class _Unexpected(Exception):
    """Memory does not look as it should."""


class Recordings:
    """Reader of the events of recorders that record to memory.

    In each process, the first recorder with up to a million events is also read by PyNEST;
    recorders with more events before it are checked for what can't be. If both differ, or the
    memory does not look as expected, PyNEST is asked from then on and :attr:`problem` says why.
    """

    def __init__(self) -> None:
        #: Why events are read through PyNEST; empty if they are not.
        self.problem = ""
        self._addresses: list[int] = []
        # Kept, as NEST would call what Python has thrown away.
        self._note = _METHOD(lambda address, dictionary: self._addresses.append(address))
        self._compared = False
        #: Whether events were compared or, where they were too many for that, checked.
        self._checked = False
        try:
            self._slot = slots((GET_STATUS,), _KNOWN)[GET_STATUS]
        except NativeUnavailable as error:
            self.problem = str(error)

    def get_one(self, nodes: Any, key: str) -> Any:
        """Return ``nodes.get(key)``.

        Parameters
        ----------
        nodes : NodeCollection, not empty
        key : name of a field

        Raises
        ------
        KeyError
            If no node has the field.
        """
        if self.problem:
            return nodes.get(key)
        if key in RECORDED:
            return self.get(nodes)[key]
        with self._noted_addresses():
            return nodes.get(key)

    def get(self, nodes: Any, keys: Collection[str] = RECORDED) -> dict[str, Any]:
        """Return ``nodes.get()``.

        Parameters
        ----------
        nodes : NodeCollection, not empty
        keys : wanted fields; others of recorders may be missing
        """
        if self.problem:
            return dict(nodes.get())
        status, addresses = self._ask(nodes)
        if not addresses or not set(RECORDED) & set(keys):
            return status
        try:
            if len(nodes) == 1:
                status |= self._read(nodes, status, addresses)
            else:
                status |= self._read_each(nodes)
        except _Unexpected as error:
            self._give_up(str(error))
            return dict(nodes.get())
        # NEST's dictionaries are sorted.
        return {key: status[key] for key in sorted(status)}

    def beyond(self, node: Any, read: Sequence[int]) -> tuple[Columns, list[int]]:
        """Return the events of a recorder behind those already read, and how many there are now.

        NEST appends events to the columns of each thread until they are cleared, when there
        are fewer events than were read. Only new events are copied.

        Parameters
        ----------
        node : NodeCollection of one node
        read : number of events of each thread that were read, as this has returned it, or empty

        Returns
        -------
        columns, each of shape (number of new events,), thread by thread; and the next ``read``

        Raises
        ------
        KeyError
            If the node has no events.
        """
        try:
            threads = self._threads(node)
        except _Unexpected as error:
            self._give_up(str(error))
            threads = self._threads(node)
        sizes = [len(columns["times"]) for columns in threads]
        if len(sizes) == 1:
            # Of all threads, if PyNEST is asked from now on.
            read = [sum(read)]
        if len(read) != len(sizes) or any(map(operator.gt, read, sizes)):
            read = [0] * len(sizes)
        return _joined(threads, read), sizes

    def _threads(self, node: Any) -> list[Columns]:
        """Return the columns of each thread, in NEST's memory; through PyNEST, all as of one."""
        if not self.problem and not self._checked:
            # This compares them, and finds out whether there are any.
            self.get_one(node, "events")
        if self.problem:
            events = {name: np.asarray(column) for name, column in node.get("events").items()}
            # By time, so that later events are behind the others.
            order = np.argsort(events["times"], kind="stable")
            return [{name: column[order] for name, column in events.items()}]
        status, addresses = self._ask(node)
        if not addresses:
            raise KeyError("events")
        threads = _threads_at(addresses)
        if sum(len(columns["senders"]) for columns in threads) != status["n_events"]:
            raise _Unexpected(f"not {status['n_events']} events")
        return threads

    def _ask(self, nodes: Any) -> tuple[dict[str, Any], list[int]]:
        """Return the fields of nodes without their events, and the addresses of these."""
        with self._noted_addresses() as addresses:
            return dict(nodes.get()), addresses

    @contextmanager
    def _noted_addresses(self) -> Iterator[list[int]]:
        """Have NEST give no events; the list is filled with the addresses of their data."""
        self._addresses = []
        original = self._slot.value
        self._slot.value = ctypes.cast(self._note, ctypes.c_void_p).value
        try:
            yield self._addresses
        finally:
            self._slot.value = original

    def _read_each(self, nodes: Any) -> dict[str, Any]:
        fields: dict[str, list[Any]] = {name: [] for name in RECORDED}
        for index, is_here in enumerate(on_this_rank(nodes)):
            status: dict[str, Any] = {}
            if is_here:
                node = nodes[index]
                status, addresses = self._ask(node)
                if addresses:
                    status |= self._read(node, status, addresses)
            for name, values in fields.items():
                values.append(status.get(name))
        return {name: tuple(values) for name, values in fields.items()}

    def _read(self, node: Any, status: dict[str, Any], addresses: list[int]) -> dict[str, Any]:
        threads = _threads_at(addresses)
        events = _joined(threads, [0] * len(threads))
        if len(events["senders"]) != status["n_events"]:
            raise _Unexpected(f"{len(events['senders'])} events instead of {status['n_events']}")
        in_steps = bool(_DeviceData.from_address(addresses[0]).time_in_steps)
        fields = {"events": events, "time_in_steps": in_steps}
        if not self._compared and status["n_events"]:
            if status["n_events"] <= _COMPARED_EVENTS:
                self._compare(node, fields)
            else:
                _check_plausible(events)
            self._checked = True
        return fields

    def _compare(self, node: Any, fields: dict[str, Any]) -> None:
        expected = node.get()
        is_equal = expected["events"].keys() == fields["events"].keys() and all(
            np.array_equal(column, fields["events"][name], equal_nan=True)
            for name, column in expected["events"].items()
        )
        if not is_equal or expected["time_in_steps"] != fields["time_in_steps"]:
            raise _Unexpected("they are not what PyNEST says")
        self._compared = True

    def _give_up(self, reason: str) -> None:
        self.problem = reason
        log.warning("events are read through PyNEST from now on: %s", reason)


def _threads_at(addresses: Sequence[int]) -> list[Columns]:
    """Return the columns of each thread, in NEST's memory: to be copied before it goes on."""
    threads = [_columns(_DeviceData.from_address(address)) for address in addresses]
    if any(columns.keys() != threads[0].keys() for columns in threads):
        raise _Unexpected("threads differ in what they record")
    return threads


def _joined(threads: Sequence[Columns], starts: Sequence[int]) -> Columns:
    """Return a copy of the columns of all threads, each from its start."""
    return {
        name: np.concatenate(
            [columns[name][start:] for columns, start in zip(threads, starts, strict=True)]
        )
        for name in sorted(threads[0])
    }


def _check_plausible(events: Columns) -> None:
    """Raise for events that this network can't have.

    Raises
    ------
    _Unexpected
        If a sender is no node, or a time has not been yet.
    """
    senders, times = events["senders"], events["times"]
    until = nest.biological_time / (nest.resolution if times.dtype == _LONG else 1.0)
    if senders.min() < 1 or senders.max() > nest.network_size:
        raise _Unexpected("senders that are no nodes")
    # Both are rounded, and steps begin below their number.
    if not (times.min() >= 0 and times.max() <= until * (1 + 1e-9) + 1):
        raise _Unexpected("times that have not been")


def _columns(data: _DeviceData) -> Columns:
    columns = {"senders": _entries(data.senders, _LONG)}
    if data.time_in_steps:
        columns["times"] = _entries(data.times_steps, _LONG)
        columns["offsets"] = _entries(data.times_offset, _DOUBLE)
    else:
        columns["times"] = _entries(data.times_ms, _DOUBLE)
    for names, values, dtype in (
        (data.double_names, data.double_values, _DOUBLE),
        (data.long_names, data.long_values, _LONG),
    ):
        vectors = _vectors(values)
        for name, vector in zip(_names(names, len(vectors)), vectors, strict=True):
            columns[name] = _entries(vector, dtype)
    if len({len(column) for column in columns.values()}) > 1:
        raise _Unexpected("columns differ in their lengths")
    return columns


def _size(vector: _Vector, item: int) -> int:
    """Return the number of items in a vector, if its memory looks like one."""
    if not vector.begin:
        if vector.end or vector.capacity:
            raise _Unexpected("a vector without a beginning")
        return 0
    size = vector.end - vector.begin
    if not 0 <= size <= vector.capacity - vector.begin or size % item or vector.begin % 8:
        raise _Unexpected("what should be a vector is none")
    return size // item


def _entries(vector: _Vector, dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    count = _size(vector, dtype.itemsize)
    if not count:
        return np.zeros(0, dtype)
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(vector.begin)
    return np.frombuffer(memoryview(memory), dtype)


def _vectors(vector: _Vector) -> list[_Vector]:
    count = _size(vector, ctypes.sizeof(_Vector))
    return list((_Vector * count).from_address(vector.begin)) if count else []


def _names(vector: _Vector, count: int) -> list[str]:
    """Return the texts of a vector of ``std::string``, of either kind that the GNU library has."""
    if not count:
        return []
    size, rest = divmod(vector.end - vector.begin, count)
    if rest or size not in (8, 32):
        raise _Unexpected("names that are no strings")
    names = []
    for address in range(vector.begin, vector.end, size):
        text = ctypes.c_size_t.from_address(address).value
        # Before C++11 the length is in front of the text, since then beside its address.
        length = ctypes.c_size_t.from_address(text - 24 if size == 8 else address + 8).value
        if not 0 < length < 256:
            raise _Unexpected("a name without an end")
        names.append(ctypes.string_at(text, length).decode("ascii"))
    return names
