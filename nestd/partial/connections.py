"""Connections of all ranks in one order; each rank has those whose targets it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nestd.partial import ordering
from nestd.partial.answers import PartialAnswer
from nestd.partial.output_formats import as_connection_values, as_list, as_records
from nestd.partial.policies import CONNECTION_FIELDS, Policy, as_thread
from protocol.errors import ArgumentError
from protocol.wire.values import Array, Reference, Value

if TYPE_CHECKING:
    from nestd.kernel.connections import Connections

K = TypeVar("K", bound="ConnectionColumns")

#: What tells connections apart, the most significant first: PyNEST's own order, where nothing was
#: connected twice.
IDENTITY = ("synapse_id", "source", "target", "port")

#: The weight of a diffusion_connection, the model with a ``drift_factor``: it has none, and NEST
#: 3.10 gives what happens to lie in memory, which differs between ranks.
NO_WEIGHT = float("nan")

#: A parameter, and the columns in which a caller described connections there.
Description = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Placement:
    """Connections that were looked up and now have an order."""

    reference: Reference
    #: For each rank the rows of the whole that its connections are, int64 (n,).
    rows: list[Array]
    total: int


@dataclass(frozen=True)
class _Rows(PartialAnswer):
    """Rows of a caller's description, some of which a rank may lack."""

    #: Rows that the rank lacks, int64 (n,).
    missing: Array
    #: What the caller described, on rank 0.
    description: Description | None


@dataclass(frozen=True)
class ConnectionChange(_Rows, kind="connection_change"):
    """Answer to a call that changes connections and returns nothing.

    No rank knows whether another has the connections of a description that are not its own. So
    the change is deferred until all are known to be there, as on one process.
    """

    is_deferred: bool

    @classmethod
    def collect(cls, conns: Connections) -> ConnectionChange:
        """Return what was changed in, or deferred for, this rank's ``conns``."""
        return cls(conns.missing, conns.description, conns.is_deferred)

    @classmethod
    def merge(cls, call: str, parts: Sequence[ConnectionChange]) -> Value:
        """Return nothing, as no row is missing on all ranks."""
        _refuse_missing(call, parts)


@dataclass(frozen=True)
class ConnectionColumns(_Rows, kind="connection_columns"):
    """Columns of connections, as those get them who can't hold references."""

    #: Parallel columns by field.
    columns: dict[str, Any]
    #: Which rows of the whole they are, int64 (n,); ``None`` while they have no order.
    rows: Array | None

    @classmethod
    def collect(cls: type[K], conns: Connections, keys: list[str] | None = None, *more: Any) -> K:
        """Read fields of this rank's ``conns``.

        Parameters
        ----------
        conns : of which connections
        keys : fields that are wanted, besides those that tell connections apart; ``None`` for all
        more : further fields of the answer
        """
        wanted = None if keys is None else {*keys, *IDENTITY}
        if wanted is not None and "weight" in wanted:
            # It tells whether there is a weight.
            wanted.add("drift_factor")
        columns = conns.columns(wanted)
        if "drift_factor" in columns and "weight" in columns:
            columns["weight"] = [
                weight if drift is None else NO_WEIGHT
                for weight, drift in zip(columns["weight"], columns["drift_factor"], strict=True)
            ]
        return cls(conns.missing, conns.description, columns, conns.rows, *more)

    @classmethod
    def merge(cls: type[K], call: str, parts: Sequence[K]) -> Value:
        """Return the columns of all connections."""
        return cls.in_order(call, parts)[0]

    @classmethod
    def in_order(cls: type[K], call: str, parts: Sequence[K]) -> tuple[dict[str, Any], int]:
        """Return the columns of all connections in one order, and the number of connections."""
        _refuse_missing(call, parts)
        counts = [part.count for part in parts]
        columns = _joined([part.columns for part in parts], counts)
        order = cls.order(columns, parts)
        if order is not None:
            columns = {key: _chosen(column, order) for key, column in columns.items()}
        return columns, sum(counts)

    @classmethod
    def order(cls: type[K], columns: dict[str, Any], parts: Sequence[K]) -> Array | None:
        """Return the permutation that sorts joined ``columns``; ``None`` if they are sorted."""
        if not columns:
            return None
        keys = [np.asarray(columns[key]) for key in IDENTITY]
        rows = [part.rows for part in parts if part.rows is not None]
        if rows:
            # The caller has given them an order.
            keys.insert(0, np.concatenate(rows))
        return ordering.order(keys)

    @property
    def count(self) -> int:
        """Return the number of connections that the rank has."""
        return len(self.columns.get("source", ()))


@dataclass(frozen=True)
class ConnectionValues(ConnectionColumns, kind="connection_values"):
    """Answer to SynapseCollection.get: scalars for one connection, columns for several."""

    asked: Any
    output: str

    @classmethod
    def merge(cls: type[ConnectionValues], call: str, parts: Sequence[ConnectionValues]) -> Value:
        """Return the values of all connections."""
        columns, count = cls.in_order(call, parts)
        return as_connection_values(call, columns, count, parts[0].asked, parts[0].output)


@dataclass(frozen=True)
class ConnectionRecords(ConnectionColumns, kind="connection_records"):
    """Answer to GetStatus: one entry for each connection."""

    asked: Any
    output: str

    @classmethod
    def merge(cls: type[ConnectionRecords], call: str, parts: Sequence[ConnectionRecords]) -> Value:
        """Return the entries of all connections."""
        asked, output = parts[0].asked, parts[0].output
        columns, count = cls.in_order(call, parts)
        if isinstance(asked, str) and asked not in columns and count > 1:
            return as_connection_values(call, columns, count, asked, output)
        records = as_records(call, columns, count, asked, output)
        # Here PyNEST has a list, where it has tuples otherwise.
        return list(records) if isinstance(asked, str) and not output and count > 1 else records


@dataclass(frozen=True)
class FoundConnections(ConnectionColumns, kind="found_connections"):
    """Connections that were looked up, for a caller who holds a reference to them."""

    reference: Reference

    @classmethod
    def collect_found(cls, conns: Connections) -> FoundConnections:
        """Read what the order of ``conns`` depends on; values are asked for later."""
        return cls.collect(conns, [], conns)

    @classmethod
    def merge(cls: type[FoundConnections], call: str, parts: Sequence[FoundConnections]) -> Value:
        """Return which rows of the whole each rank's connections are."""
        _refuse_missing(call, parts)
        counts = [part.count for part in parts]
        total = sum(counts)
        order = cls.order(_joined([part.columns for part in parts], counts), parts)
        rows = np.arange(total)
        if order is not None:
            rows[order] = np.arange(total)
        return Placement(parts[0].reference, np.split(rows, np.cumsum(counts)[:-1]), total)


def _refuse_missing(call: str, parts: Sequence[_Rows]) -> None:
    """Raise an argument error for the first row that no rank has, if there is one."""
    missing = set.intersection(*(set(part.missing.tolist()) for part in parts))
    description = parts[0].description
    if missing and description is not None:
        row = min(missing)
        parameter, columns = description
        named = ", ".join(f"{field} {column[row]!r:.40}" for field, column in columns.items())
        raise ArgumentError(
            f"{call}: {parameter}: there is no connection with {named}",
            call=call,
            parameter=parameter,
        )


def _joined(parts: list[dict[str, Any]], counts: list[int]) -> dict[str, Any]:
    """Return rows of all ranks one after the other; ``None`` where a model lacks a field.

    Columns are arrays where those of all ranks that have rows are, of the same type; else lists.
    """
    columns: dict[str, Any] = {}
    having = [rank for rank, count in enumerate(counts) if count]
    for key in sorted({key for part in parts for key in part}):
        given: list[Any] = [parts[rank].get(key) for rank in having]
        if CONNECTION_FIELDS.get(key) is Policy.THREAD:
            given = [
                [as_thread(thread, rank, len(parts)) for thread in as_list(threads)]
                for threads, rank in zip(given, having, strict=True)
            ]
        if all(isinstance(part, np.ndarray) and part.dtype == given[0].dtype for part in given):
            columns[key] = given[0] if len(given) == 1 else np.concatenate(given)
            continue
        columns[key] = []
        for part, rank in zip(given, having, strict=True):
            columns[key] += [None] * counts[rank] if part is None else as_list(part)
    return columns


def _chosen(column: Any, order: Array) -> Any:
    """Return the entries of a column in ``order``."""
    if isinstance(column, np.ndarray):
        return column[order]
    return [column[i] for i in order]
