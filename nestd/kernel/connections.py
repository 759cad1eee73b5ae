"""Connections as callers see them: all of the network's, in one order.

A rank has the connections whose targets live on it. :class:`Connections` knows which rows of the
whole they are, so that lists of values, slices and answers are about the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import numpy as np

from nestd.kernel.api.shared_targets import disconnect_all, listed, set_all
from nestd.kernel.native.connection_ids import FIELDS, read_ids
from nestd.kernel.pynest import (
    RANK,
    RANKS,
    NodeCollection,
    SynapseCollection,
    connection_status,
    has_nodes,
    nest,
)
from nestd.partial import ordering
from nestd.partial.connections import IDENTITY, Description
from protocol.errors import ArgumentError
from protocol.wire.values import Array

#: The fields that tell a connection apart; others (weight, delay …) are its state.
_IDENTITY = ("source", "target", "synapse_model", "synapse_id", "port")

_IDS = frozenset(FIELDS)

#: Connections whose fields are asked for at a time.
_AT_A_TIME = 10_000

#: Types of numbers that an array holds exactly.
_ARRAYS: dict[type, Any] = {bool: np.bool_, int: np.int64, float: np.float64}


class Connections:
    """This rank's part of a SynapseCollection.

    Parameters
    ----------
    local : the connections that this rank has
    rows : which rows of the whole they are, int64 of shape (n,); ``None`` until all ranks'
        parts have been put in order, of one rank until somebody looks
    total : number of rows of the whole
    missing : rows that this rank lacks, where a caller described connections
    description : the parameter and the columns in which the caller described them, on rank 0
    is_deferred : whether changes wait until all rows are known to be on some rank
    """

    #: What references call it.
    reference_type = "SynapseCollection"

    def __init__(
        self,
        local: Any,
        rows: Array | None = None,
        total: int = 0,
        missing: Array | None = None,
        description: Description | None = None,
        is_deferred: bool = False,
    ) -> None:
        self.local = local
        self.rows = rows
        self.total = total
        self.missing = np.zeros(0, np.int64) if missing is None else missing
        self.description = description
        self.is_deferred = is_deferred

    def columns(self, wanted: Collection[str] | None) -> dict[str, Any]:
        """Return values of the local connections by field; ``None`` where a model lacks a field.

        Numbers of one type become an array. PyNEST makes a dict of all fields of each connection,
        some hundred bytes each; it is asked for some thousand connections at a time.

        Parameters
        ----------
        wanted : fields; ``None`` for all that any has
        """
        # After a ResetKernel there are none.
        if len(self.local) == 0 or not has_nodes():
            return {}
        if wanted is not None and _IDS.issuperset(wanted):
            found = read_ids(self.local._datum, wanted)
            if found is not None:
                return found
        columns: dict[str, list[Any]] = {}
        count = 0
        for at in range(0, len(self.local), _AT_A_TIME):
            records = connection_status(self.local._datum[at : at + _AT_A_TIME])
            fields = {field for record in records for field in record}
            for field in fields if wanted is None else fields.intersection(wanted):
                # Connections before these have no such field.
                column = columns.setdefault(field, [None] * count)
                column += [record.get(field) for record in records]
            count += len(records)
            for shorter in columns.values():
                shorter.extend([None] * (count - len(shorter)))
        return {field: _as_array(columns[field]) for field in sorted(columns)}

    def place(self, rows: Array, total: int) -> None:
        """Set which rows of the whole the local connections are."""
        self.rows, self.total = rows, total

    def set(self, params: Any = None, **kwargs: Any) -> None:
        """Set parameters, with lists of values as long as the whole.

        While changes are deferred, only raise what is wrong with ``params``.
        """
        if kwargs and params is None:
            params = kwargs
        elif kwargs and params:
            raise TypeError("must either provide params or kwargs, but not both.")
        if isinstance(params, (list, tuple)):
            if len(params) != self.total:
                raise TypeError(
                    f"Status dict must be a dict, or a list of dicts of length {self.total}"
                )
            params = [params[row] for row in self._placed()]
        elif isinstance(params, dict) and any(_is_list(value) for value in params.values()):
            for key, value in params.items():
                if _is_list(value) and len(value) != self.total:
                    raise TypeError(f"{key!r} must have one value, or {self.total} of them")
            params = [
                {k: v[row] if _is_list(v) else v for k, v in params.items()}
                for row in self._placed()
            ]
        elif RANKS > 1 and isinstance(params, dict) and str in map(type, params.values()):
            # PyNEST takes a text for a list, which it refuses on several ranks.
            params = [params] * len(self.local)
        if not self.is_deferred:
            set_all(self.local, params)

    def disconnect(self) -> None:
        """Remove the connections, unless changes are deferred."""
        if not self.is_deferred:
            disconnect_all(self.local)

    def size(self) -> int:
        """Return the number of connections of the whole."""
        return self.total

    def slice(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> Connections:
        """Return ``conns[start:stop:step]``."""
        return self._chosen(np.arange(self.total)[start:stop:step])

    def take(self, indices: Any) -> Connections:
        """Return ``conns[indices]`` for one index or several."""
        wanted = np.atleast_1d(np.asarray(indices, dtype=np.int64))
        if len(wanted) and not (wanted.min() >= -self.total and wanted.max() < self.total):
            raise IndexError("list index out of range")
        return self._chosen(np.where(wanted < 0, wanted + self.total, wanted))

    def _chosen(self, wanted: Array) -> Connections:
        """Return the connections at rows ``wanted`` of the whole, in that order."""
        place = np.full(self.total, -1, dtype=np.int64)
        place[wanted] = np.arange(len(wanted))
        rows = place[self._placed()]
        kept = np.flatnonzero(rows >= 0)
        local = SynapseCollection([self.local._datum[index] for index in kept])
        return Connections(local, rows[kept], len(wanted))

    def _placed(self) -> Array:
        """Return which rows of the whole the local connections are."""
        if self.rows is None:
            if RANKS > 1:
                raise ValueError("these connections have not been put in order")
            self.rows = self._ordered()
        return self.rows

    def _ordered(self) -> Array:
        """Return the rows of all connections of the only rank, in their order."""
        columns = self.columns(IDENTITY)
        rows = np.arange(self.total)
        if columns:
            order = ordering.order([np.asarray(columns[key]) for key in IDENTITY])
            if order is not None:
                rows[order] = np.arange(self.total)
        return rows


def _as_array(column: list[Any]) -> Any:
    """Return a column of numbers of one type as an array, any other as it is."""
    kinds = set(map(type, column))
    dtype = _ARRAYS.get(kinds.pop()) if len(kinds) == 1 else None
    if dtype is None:
        return column
    try:
        return np.array(column, dtype)
    except OverflowError:
        return column


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def find_connections(description: dict[str, Any], parameter: str) -> Connections:
    """Return the connections that ``description`` names, row by row, in its order.

    Parameters
    ----------
    description : parallel lists, or single values, of ``source``, ``target`` and any of the
        fields that connections are given out with; a row with few of them means every
        connection that fits. Empty means no connection.
    parameter : for messages

    Raises
    ------
    ArgumentError
        If the lists are not parallel.
    """
    if not description:
        return Connections(SynapseCollection(None), np.zeros(0, np.int64))
    if not {"source", "target"} <= description.keys():
        raise ArgumentError(
            f"{parameter}: connections need at least source and target", parameter=parameter
        )
    fields = [field for field in _IDENTITY if field in description]
    columns = [_column(description[field]) for field in fields]
    if len({len(column) for column in columns}) != 1:
        raise ArgumentError(
            f"{parameter}: {', '.join(fields)} must be lists of one length", parameter=parameter
        )
    ids = [_node_ids(columns[fields.index(name)], name, parameter) for name in ("source", "target")]
    total = len(ids[0])
    if total == 0:
        return Connections(SynapseCollection(None), np.zeros(0, np.int64))
    try:
        candidates = listed(
            nest.GetConnections(*(NodeCollection(sorted(set(column))) for column in ids))
        )
    except nest.NESTErrors.UnknownNode as error:
        raise ArgumentError(f"{parameter}: {error}", parameter=parameter) from error
    places = _by_identity(candidates, fields)
    chosen: list[Any] = []
    rows: list[int] = []
    missing: list[int] = []
    for row, identity in enumerate(zip(*columns, strict=True)):
        try:
            matching = places.get(identity, [])
        except TypeError:
            # No connection has a list or an object where a value is due.
            matching = []
        chosen += matching
        rows += [row] * len(matching)
        if not matching:
            missing.append(row)
    return Connections(
        SynapseCollection(chosen),
        np.array(rows, np.int64),
        total,
        np.array(missing, np.int64),
        # Rank 0 says what is missing on all.
        (parameter, dict(zip(fields, columns, strict=True))) if RANK == 0 else None,
        # A single rank knows by itself that nothing is missing.
        is_deferred=bool(missing) or RANKS > 1,
    )


def _by_identity(candidates: Any, fields: list[str]) -> dict[tuple[Any, ...], list[Any]]:
    """Return PyNEST's data of connections by the values of ``fields``."""
    places: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    if len(candidates) == 0:
        return places
    columns = candidates.get(fields)
    if len(candidates) == 1:
        columns = {field: [value] for field, value in columns.items()}
    for identity, datum in zip(
        zip(*(columns[field] for field in fields), strict=True), candidates._datum, strict=True
    ):
        places[identity].append(datum)
    return places


def _column(values: Any) -> list[Any]:
    """Return values, one or several, as a list."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _node_ids(column: list[Any], field: str, parameter: str) -> list[int]:
    """Return ``column``, which has to consist of node ids."""
    wrong = next((item for item in column if type(item) is not int or item < 1), None)
    if wrong is not None:
        raise ArgumentError(
            f"{parameter}: {wrong!r:.40} in {field} is no node id", parameter=parameter
        )
    return column
