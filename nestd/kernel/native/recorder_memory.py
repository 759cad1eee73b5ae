"""What recorders hold in memory, read where NEST has it.

PyNEST makes a Python number of each time and of each sender, and an array of those: 0.12 s for a
million spikes, twenty times as long as copying them takes. NEST collects the events of a
recorder with a method that it calls through the table of its library, once for each thread
(``RecordingBackendMemory::DeviceData::get_status``). While a recorder is asked here, one takes its
place that only notes where the data are; then they are copied from there
(``docs/decisions/0009-events-are-read-where-they-are.md``).
"""

from __future__ import annotations

import ctypes
import logging
import operator
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from nestd.kernel.native.got_table import NotInTable, slots
from nestd.kernel.node_location import on_this_rank
from nestd.kernel.pynest import nest

log = logging.getLogger(__name__)

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Columns: TypeAlias = dict[str, Array]

#: ``nest::RecordingBackendMemory::DeviceData::get_status(Dictionary&) const``
GET_STATUS = "_ZNK4nest22RecordingBackendMemory10DeviceData10get_statusER10Dictionary"

#: Versions of NEST whose ``DeviceData`` is the one below.
_KNOWN = ("3.10.",)

#: The fields that it fills.
RECORDED = ("events", "time_in_steps")

#: PyNEST takes a hundred bytes for each event: more of them are only looked at.
_COMPARED_EVENTS = 1_000_000

_METHOD = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

_LONG, _DOUBLE = np.dtype(np.int64), np.dtype(np.float64)


class _Vector(ctypes.Structure):
    """A ``std::vector`` of the GNU and the LLVM library."""

    begin: int
    end: int
    capacity: int

    _fields_ = [
        ("begin", ctypes.c_size_t),
        ("end", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
    ]


class _DeviceData(ctypes.Structure):
    """What one thread has recorded: ``nestkernel/recording_backend_memory.h`` of NEST 3.10."""

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
    """Memory that does not look as it should."""


class Recordings:
    """Reads the events of recorders that record to memory.

    Of each kernel process the first recorder with up to a million events is read by PyNEST, too;
    those with more before it are looked at for what can't be. Should both
    differ, or the library be another than expected, PyNEST is asked from then on and
    :attr:`problem` says why.
    """

    def __init__(self) -> None:
        #: Why events are read through PyNEST; empty if they are not.
        self.problem = ""
        self._places: list[int] = []
        # Kept, as NEST would call what Python has thrown away.
        self._note = _METHOD(lambda place, dictionary: self._places.append(place))
        self._compared = False
        #: Whether events were compared or, where they were too many for that, looked at.
        self._checked = False
        try:
            if not nest.__version__.startswith(_KNOWN):
                raise NotInTable(f"NEST {nest.__version__} is not known to have them there")
            self._slot = slots(GET_STATUS)[GET_STATUS]
        except NotInTable as error:
            self.problem = str(error)

    def get_one(self, nodes: Any, key: str) -> Any:
        """``nodes.get(key)``.

        Parameters
        ----------
        nodes : NodeCollection, not empty
        key : name of a field

        Raises
        ------
        KeyError
            If no node has it.
        """
        if self.problem:
            return nodes.get(key)
        if key in RECORDED:
            return self.get(nodes)[key]
        with self._noting():
            return nodes.get(key)

    def get(self, nodes: Any, keys: Collection[str] = RECORDED) -> dict[str, Any]:
        """``nodes.get()``.

        Parameters
        ----------
        nodes : NodeCollection, not empty
        keys : what is wanted of it; other fields of recorders may be missing
        """
        if self.problem:
            return dict(nodes.get())
        status, places = self._ask(nodes)
        if not places or not set(RECORDED) & set(keys):
            return status
        try:
            if len(nodes) == 1:
                status |= self._read(nodes, status, places)
            else:
                status |= self._read_each(nodes)
        except _Unexpected as error:
            self._give_up(str(error))
            return dict(nodes.get())
        # As NEST's dictionaries are.
        return {key: status[key] for key in sorted(status)}

    def beyond(self, node: Any, told: Sequence[int]) -> tuple[Columns, list[int]]:
        """Events of a recorder beyond those that were told, and how many are told then.

        NEST adds what is recorded at the end of the columns that each thread has, until they are
        cleared, when there are fewer events than were told. Only what is new is copied.

        Parameters
        ----------
        node : NodeCollection of one node
        told : how many events of each thread were told; as this has returned it, or empty

        Returns
        -------
        columns, each of shape (number of new events,), thread by thread; and ``told`` from now on

        Raises
        ------
        KeyError
            If it has no events.
        """
        try:
            threads = self._threads(node)
        except _Unexpected as error:
            self._give_up(str(error))
            threads = self._threads(node)
        sizes = [len(one["times"]) for one in threads]
        if len(sizes) == 1:
            # Of all threads, if PyNEST is asked from now on.
            told = [sum(told)]
        if len(told) != len(sizes) or any(map(operator.gt, told, sizes)):
            told = [0] * len(sizes)
        return _joined(threads, told), sizes

    def _threads(self, node: Any) -> list[Columns]:
        """The columns of each thread, where NEST has them; as PyNEST gives them, those of one."""
        if not self.problem and not self._checked:
            # Which compares them, and finds out that there are none.
            self.get_one(node, "events")
        if self.problem:
            events = {name: np.asarray(column) for name, column in node.get("events").items()}
            # What comes later is later, and thereby behind the rest.
            order = np.argsort(events["times"], kind="stable")
            return [{name: column[order] for name, column in events.items()}]
        status, places = self._ask(node)
        if not places:
            raise KeyError("events")
        threads = _threads_at(places)
        if sum(len(one["senders"]) for one in threads) != status["n_events"]:
            raise _Unexpected(f"not {status['n_events']} events")
        return threads

    def _ask(self, nodes: Any) -> tuple[dict[str, Any], list[int]]:
        """The fields of nodes without their events, and where these are."""
        with self._noting() as places:
            return dict(nodes.get()), places

    @contextmanager
    def _noting(self) -> Iterator[list[int]]:
        """Have NEST give no events; filled with the places where it has them."""
        self._places = []
        kept = self._slot.value
        self._slot.value = ctypes.cast(self._note, ctypes.c_void_p).value
        try:
            yield self._places
        finally:
            self._slot.value = kept

    def _read_each(self, nodes: Any) -> dict[str, Any]:
        found: dict[str, list[Any]] = {name: [] for name in RECORDED}
        for index, here in enumerate(on_this_rank(nodes)):
            one: dict[str, Any] = {}
            if here:
                node = nodes[index]
                one, places = self._ask(node)
                if places:
                    one |= self._read(node, one, places)
            for name, column in found.items():
                column.append(one.get(name))
        return {name: tuple(column) for name, column in found.items()}

    def _read(self, node: Any, status: dict[str, Any], places: list[int]) -> dict[str, Any]:
        threads = _threads_at(places)
        events = _joined(threads, [0] * len(threads))
        if len(events["senders"]) != status["n_events"]:
            raise _Unexpected(f"{len(events['senders'])} events instead of {status['n_events']}")
        steps = {bool(_DeviceData.from_address(place).time_in_steps) for place in places}
        found = {"events": events, "time_in_steps": steps.pop()}
        if not self._compared and status["n_events"]:
            if status["n_events"] <= _COMPARED_EVENTS:
                self._compare(node, found)
            else:
                _check_plausible(events)
            self._checked = True
        return found

    def _compare(self, node: Any, found: dict[str, Any]) -> None:
        told = node.get()
        same = told["events"].keys() == found["events"].keys() and all(
            np.array_equal(column, found["events"][name], equal_nan=True)
            for name, column in told["events"].items()
        )
        if not same or told["time_in_steps"] != found["time_in_steps"]:
            raise _Unexpected("they are not what PyNEST says")
        self._compared = True

    def _give_up(self, why: str) -> None:
        self.problem = why
        log.warning("events are read through PyNEST from now on: %s", why)


def _threads_at(places: Sequence[int]) -> list[Columns]:
    """The columns of each thread, where NEST has them: to be copied before it goes on."""
    threads = [_columns(_DeviceData.from_address(place)) for place in places]
    if any(one.keys() != threads[0].keys() for one in threads):
        raise _Unexpected("threads differ in what they record")
    return threads


def _joined(threads: Sequence[Columns], starts: Sequence[int]) -> Columns:
    """A copy of the columns of all threads, of each from its start."""
    return {
        name: np.concatenate(
            [one[name][start:] for one, start in zip(threads, starts, strict=True)]
        )
        for name in sorted(threads[0])
    }


def _check_plausible(events: Columns) -> None:
    """Refuse what can't be events of this network."""
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
    """Number of items in a vector, if it is one."""
    if not vector.begin:
        if vector.end or vector.capacity:
            raise _Unexpected("a vector without a beginning")
        return 0
    size = vector.end - vector.begin
    if not 0 <= size <= vector.capacity - vector.begin or size % item or vector.begin % 8:
        raise _Unexpected("what should be a vector is none")
    return size // item


def _entries(vector: _Vector, dtype: np.dtype[Any]) -> Array:
    count = _size(vector, dtype.itemsize)
    if not count:
        return np.zeros(0, dtype)
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(vector.begin)
    return np.frombuffer(memoryview(memory), dtype)


def _vectors(vector: _Vector) -> list[_Vector]:
    count = _size(vector, ctypes.sizeof(_Vector))
    return list((_Vector * count).from_address(vector.begin)) if count else []


def _names(vector: _Vector, count: int) -> list[str]:
    """The texts of a vector of ``std::string``, of either kind that the GNU library has."""
    if not count:
        return []
    size, rest = divmod(vector.end - vector.begin, count)
    if rest or size not in (8, 32):
        raise _Unexpected("names that are no strings")
    names = []
    for place in range(vector.begin, vector.end, size):
        text = ctypes.c_size_t.from_address(place).value
        # Before C++11 the length is in front of the text, since then beside its address.
        length = ctypes.c_size_t.from_address(text - 24 if size == 8 else place + 8).value
        if not 0 < length < 256:
            raise _Unexpected("a name without an end")
        names.append(ctypes.string_at(text, length).decode("ascii"))
    return names
