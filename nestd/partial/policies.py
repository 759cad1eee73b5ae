"""Merges what the ranks answered into the one answer of the whole network.

An explicit table by call and by field; pure functions over a list of answers, which need no
NEST. ``docs/merging.md`` is generated from the tables here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nestd.partial import ordering, spatial
from nestd.partial.output_formats import (
    as_connection_values,
    as_list,
    as_node_values,
    as_records,
    in_format,
    missing_key,
)
from protocol.errors import ArgumentError, InternalError, NestdError
from protocol.wire import frames
from protocol.wire.messages import Action, Executed, Operation, Result
from protocol.wire.values import Array, Reference, Value

Share = dict[str, Any]


class Policy(enum.Enum):
    """What becomes of a field that several ranks have."""

    IDENTICAL = "the same on every rank, checked"
    SUM = "the sum over ranks"
    MAXIMUM = "the largest of the ranks' values"
    MINIMUM = "the smallest of the ranks' values"
    EVENTS = "columns of all ranks, in the order of time with its offset, sender, the others"
    FILES = "those of all ranks, the last virtual process's, which PyNEST names, first"
    GENERIC = "belongs to one process; replaced by a constant"
    VIRTUAL_PROCESSES = "the number of virtual processes, as one process would have threads"
    BY_THREAD = "one entry a thread, in the order of virtual processes"
    SHORTEST = "the smallest of the ranks that have connections"
    LONGEST = "the largest of the ranks that have connections"
    WALL_TIME = "the longest of the ranks' times; of several threads one entry each"


#: Fields of nodes that are on every rank (devices); others are IDENTICAL. A node that is on one
#: rank (neurons) has its values from there.
NODE_FIELDS: dict[str, Policy] = {
    "events": Policy.EVENTS,
    "n_events": Policy.SUM,
    "filenames": Policy.FILES,
}

#: Fields of nodes and connections that say where in a process something lies.
GENERIC: dict[str, Value] = {
    "local": True,
    "mpi_rank": 0,
    "num_processes": 1,
    "target_thread": 0,
    "thread": 0,
    "thread_local_id": -1,
    "vp": 0,
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


#: A message as pairs of text and the number that follows it.
_NUMBERED = re.compile(r"(\D*)(\d{0,18})")


def merge(operation: Operation, answers: Sequence[Executed]) -> Value:
    """The global value of ``operation``.

    Raises
    ------
    NestdError
        What ranks raised; it names them if others did not.
    InternalError
        If the answers differ where every rank has to say the same.
    """
    failed = [answer for answer in answers if answer.error is not None]
    if failed:
        error = _first([answer.error for answer in failed if answer.error is not None])
        if len(failed) < len(answers):
            error.ranks = tuple(answer.rank for answer in failed)
        raise error
    values = [answer.value for answer in answers]
    first = values[0]
    kind = first.get("$share") if isinstance(first, dict) else None
    merger = _MERGERS.get(kind) if isinstance(kind, str) else None
    if merger is None:
        return identical(operation.call, None, values)
    try:
        return merger(operation.call, values)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise InternalError(
            f"the ranks' answers to {operation.call} can't be merged: {error}", call=operation.call
        ) from error


def _first(errors: Sequence[NestdError]) -> NestdError:
    """The error about the lowest node ids, which one process would have raised.

    NEST says in its messages which node or connection it is about.
    """

    def numbers(error: NestdError) -> list[tuple[str, int]]:
        return [(text, int(part or 0)) for text, part in _NUMBERED.findall(error.message)]

    return min(errors, key=numbers)


def put_off(operation: Operation, answers: Sequence[Executed]) -> Operation | None:
    """The operation with which ranks do what they have put off, if they have.

    Of connections that a caller described, no rank knows whether another has those that it lacks;
    nothing is done before all are known to be there, as on one process.
    """
    if operation.action is not Action.CALL_JSON or any(answer.error for answer in answers):
        return None
    values = [answer.value for answer in answers]
    if not all(isinstance(value, dict) and value.get("put_off") is True for value in values):
        return None
    merge(operation, answers)
    return replace(operation, action=Action.COMMIT)


def identical(call: str, field: str | None, values: Sequence[Value]) -> Value:
    """The value that all ranks gave.

    Raises
    ------
    InternalError
        Naming call, field and the ranks that differ from the first.
    """
    first, *others = values
    if others:
        expected = _bytes_of(first)
        differing = [rank for rank, other in enumerate(others, 1) if _bytes_of(other) != expected]
        if differing:
            label = f"field {field!r} of {call}" if field else call
            raise InternalError(
                f"no rule says how to merge {label}, which differs between rank 0 and rank "
                f"{', '.join(map(str, differing))}; ?ranks=all shows what each rank says",
                call=call,
                ranks=(0, *differing),
            )
    return first


def _bytes_of(value: Value) -> list[bytes]:
    return [bytes(frame) for frame in frames.encode(Result("", "", value))]


def merge_field(call: str, field: str, policy: Policy, values: Sequence[Value]) -> Value:
    """One field of all ranks, by its policy."""
    match policy:
        case Policy.IDENTICAL:
            return identical(call, field, values)
        case Policy.SUM:
            return sum(values)
        case Policy.MAXIMUM:
            return max(values)
        case Policy.MINIMUM:
            return min(values)
        case Policy.SHORTEST:
            return min(_counting(values))
        case Policy.LONGEST:
            return max(_counting(values))
        case Policy.EVENTS:
            return ordering.merge_events(values)
        case Policy.FILES:
            return sorted({item for value in values for item in value}, reverse=True)
        case Policy.GENERIC:
            return GENERIC[field]
        case Policy.VIRTUAL_PROCESSES:
            return sum(values)
        case Policy.WALL_TIME:
            if not isinstance(values[0], np.ndarray):
                return max(values)
            return merge_field(call, field, Policy.BY_THREAD, values)
        case Policy.BY_THREAD:
            # Thread t of rank r is virtual process t * ranks + r.
            return np.stack([np.asarray(value) for value in values], axis=-1).reshape(-1)


def _counting(values: Sequence[Share]) -> list[Value]:
    """The values of the ranks that have a say; all if none has."""
    counting = [value["value"] for value in values if value["counts"]]
    return counting or [value["value"] for value in values]


def _merge_nodes(call: str, shares: Sequence[Share]) -> Value:
    local = np.stack([share["local"] for share in shares])
    on_ranks = local.sum(axis=0)
    columns: dict[str, list[Value]] = {}
    for key in sorted({key for share in shares for key in share["columns"]}):
        having = [share["columns"].get(key) for share in shares]
        if key in GENERIC:
            columns[key] = [GENERIC[key]] * local.shape[1]
            continue
        if len(shares) == 1 and key not in NODE_FIELDS:
            columns[key] = list(having[0])
            continue
        column: list[Value] = []
        for index in range(local.shape[1]):
            if on_ranks[index] == len(shares):
                values = [None if values is None else values[index] for values in having]
                policy = NODE_FIELDS.get(key, Policy.IDENTICAL)
                if values[0] is None:
                    policy = Policy.IDENTICAL
                column.append(merge_field(call, key, policy, values))
            else:
                owner = having[int(np.argmax(local[:, index]))]
                value = None if owner is None else owner[index]
                if key == "events" and value is not None:
                    value = ordering.merge_events([value])
                column.append(value)
        columns[key] = column
    asked = shares[0]["asked"]
    if call == "GetStatus":
        return as_records(call, columns, local.shape[1], asked, shares[0]["output"])
    return as_node_values(call, columns, local.shape[1], asked, shares[0]["output"])


#: In this order they come: PyNEST's own, where nothing was connected twice.
_IDENTITY = ("synapse_id", "source", "target", "port")


@dataclass(frozen=True)
class Placement:
    """Connections that were looked up and now have an order."""

    reference: Reference
    #: For each rank the rows of the whole that its connections are, int64 (n,).
    rows: list[Array]
    total: int


def _merge_connections(call: str, shares: Sequence[Share]) -> Value:
    _check_missing(call, shares)
    counts = [len(share["columns"].get("source", ())) for share in shares]
    columns = _joined([share["columns"] for share in shares], counts)
    given_rows = [share["rows"] for share in shares if share["rows"] is not None]
    order = None
    if columns:
        keys = [np.asarray(columns[key]) for key in _IDENTITY]
        if given_rows:
            # The caller has given them an order.
            keys.insert(0, np.concatenate(given_rows))
        order = ordering.order(keys)
    if "reference" in shares[0]:
        return _placement(shares[0]["reference"], counts, order)
    if order is not None:
        columns = {key: _chosen(column, order) for key, column in columns.items()}
    if "asked" not in shares[0]:
        return columns
    asked, output = shares[0]["asked"], shares[0]["output"]
    if call == "GetStatus":
        records = as_records(call, columns, sum(counts), asked, output)
        # Here PyNEST has a list, where it has tuples otherwise.
        as_list = isinstance(asked, str) and not output and sum(counts) > 1
        return list(records) if as_list else records
    return as_connection_values(call, columns, sum(counts), asked, output)


def _joined(parts: list[dict[str, Any]], counts: list[int]) -> dict[str, Any]:
    """Rows of all ranks one after the other; ``None`` where a model lacks a field.

    Columns are arrays where those of all ranks that have rows are, of the same type; else lists.
    """
    columns: dict[str, Any] = {}
    having = [(part, count) for part, count in zip(parts, counts, strict=True) if count]
    for key in sorted({key for part in parts for key in part}):
        if key in GENERIC:
            columns[key] = [GENERIC[key]] * sum(counts)
            continue
        given: list[Any] = [part.get(key) for part, _ in having]
        first = given[0]
        if isinstance(first, np.ndarray) and all(
            isinstance(one, np.ndarray) and one.dtype == first.dtype for one in given
        ):
            columns[key] = np.concatenate(given)
            continue
        columns[key] = []
        for one, (_, count) in zip(given, having, strict=True):
            columns[key] += [None] * count if one is None else as_list(one)
    return columns


def _chosen(column: Any, order: Array) -> Any:
    if isinstance(column, np.ndarray):
        return column[order]
    return [column[i] for i in order]


def _placement(reference: Reference, counts: list[int], order: Array | None) -> Placement:
    total = sum(counts)
    rows = np.arange(total)
    if order is not None:
        rows[order] = np.arange(total)
    return Placement(reference, np.split(rows, np.cumsum(counts)[:-1]), total)


def _check_missing(call: str, shares: Sequence[Share]) -> None:
    """Refuse rows that no rank has."""
    missing = set(shares[0]["missing"].tolist())
    for share in shares[1:]:
        missing &= set(share["missing"].tolist())
    if missing:
        row = min(missing)
        parameter, described = shares[0]["described"]
        named = ", ".join(f"{field} {column[row]!r:.40}" for field, column in described.items())
        raise ArgumentError(
            f"{call}: {parameter}: there is no connection with {named}",
            call=call,
            parameter=parameter,
        )


def _merge_gained(call: str, shares: Sequence[Share]) -> Value:
    return {
        "events": ordering.merge_events([share["columns"] for share in shares]),
        "told": [share["told"] for share in shares],
    }


def _merge_done(call: str, shares: Sequence[Share]) -> None:
    _check_missing(call, shares)


def _merge_status(
    table: dict[str, Policy], several: type[list[Value]] | type[tuple[Value, ...]]
) -> Callable[[str, Sequence[Share]], Value]:
    """Merges the fields of a status; of several that were asked for PyNEST makes ``several``."""

    def merger(call: str, shares: Sequence[Share]) -> Value:
        def value(key: str) -> Value:
            if key not in shares[0]["fields"]:
                raise missing_key(call, key)
            policy = table.get(key, Policy.IDENTICAL)
            if policy is Policy.IDENTICAL and key in GENERIC:
                policy = Policy.GENERIC
            if policy is Policy.IDENTICAL and key.startswith("time_"):
                policy = Policy.WALL_TIME
            return merge_field(call, key, policy, [share["fields"][key] for share in shares])

        asked = shares[0]["asked"]
        result: Value
        if asked is None:
            result = {key: value(key) for key in sorted(shares[0]["fields"])}
        elif isinstance(asked, str):
            result = value(asked)
        else:
            result = several(value(key) for key in asked)
        return in_format(call, result, shares[0].get("output", ""))

    return merger


def _merge_distances(call: str, shares: Sequence[Share]) -> Value:
    columns = _merge_connections(call, shares)
    if not columns:
        return []
    return spatial.connection_distances(columns["source"], columns["target"], shares)


def _merge_union(call: str, shares: Sequence[Share]) -> Value:
    return sorted({item for share in shares for item in share["items"]})


_MERGERS: dict[str, Callable[[str, Sequence[Share]], Value]] = {
    "nodes": _merge_nodes,
    "connections": _merge_connections,
    "done": _merge_done,
    "gained": _merge_gained,
    "kernel": _merge_status(KERNEL_FIELDS, tuple),
    "defaults": _merge_status(DEFAULT_FIELDS, list),
    "union": _merge_union,
    "Displacement": spatial.displacement,
    "Distance": spatial.distance,
    "FindCenterElement": spatial.find_center_element,
    "FindNearestElement": spatial.find_nearest_element,
    "GetPosition": spatial.get_position,
    "GetSourceNodes": spatial.neighbours,
    "GetSourcePositions": spatial.neighbour_positions,
    "GetTargetNodes": spatial.neighbours,
    "GetTargetPositions": spatial.neighbour_positions,
    "NodeCollection.spatial": spatial.metadata,
    "Parameter.apply": spatial.applied,
    "SynapseCollection.distance": _merge_distances,
    "dump": spatial.dump,
}
