"""Values of nodes: each from the rank that has the node, those of devices from all ranks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nestd.partial import ordering
from nestd.partial.answers import PartialAnswer
from nestd.partial.output_formats import as_node_values, as_records
from nestd.partial.policies import GENERIC, NODE_FIELDS, Policy, as_thread, merge_field
from protocol.wire.values import Array, Value

if TYPE_CHECKING:
    from nestd.kernel.native.recorder_memory import Recordings

N = TypeVar("N", bound="_NodeColumns")


@dataclass(frozen=True)
class LocalNodes:
    """Nodes that were asked for, and what a rank needs to read them."""

    #: NodeCollection of all that were asked for.
    nodes: Any
    #: Which of them live on this rank, devices included, bool of shape (n,).
    local: Array
    recordings: Recordings
    #: Gives the virtual processes of this rank.
    vps: Callable[[], Iterable[int]]

    def columns(self, keys: list[str] | None) -> dict[str, Any]:
        """Read the values of nodes by key; ``None`` for nodes of other ranks.

        A key that no node of this rank has is left out; whether that is an error shows when the
        answers of all ranks are there.
        """
        if len(self.local) == 0:
            return {}
        columns: dict[str, Any] = {}
        if keys is not None and len(keys) == 1:
            with suppress(KeyError):
                columns[keys[0]] = self.recordings.get_one(self.nodes, keys[0])
        elif keys is None:
            columns = self.recordings.get(self.nodes)
        else:
            columns = self.recordings.get(self.nodes, keys)
            columns = {key: columns[key] for key in keys if self._have(columns.get(key))}
        if len(self.local) == 1:
            columns = {key: [value] for key, value in columns.items()}
        columns = {
            key: value.get_tuple() if hasattr(value, "get_tuple") else value
            for key, value in columns.items()
        }
        if "filenames" in columns:
            columns["filenames"] = [self._of_all_threads(names) for names in columns["filenames"]]
        return columns

    def _have(self, values: Any) -> bool:
        """Return whether all nodes of this rank have a value, where PyNEST has no ``None``."""
        if values is None or len(self.local) == 1 or not self.local.any():
            return values is not None
        pairs = zip(values, self.local, strict=True)
        return all(value is not None for value, is_local in pairs if is_local)

    def _of_all_threads(self, names: Any) -> Any:
        """Return names of the files of all threads; NEST 3.10 gives the last thread's only."""
        parts = re.fullmatch(r"(.*-)(\d+)(\.[^-/]*)?", names[0]) if names else None
        if parts is None:
            return names
        prefix, number, extension = parts.groups()
        return [f"{prefix}{vp:0{len(number)}d}{extension or ''}" for vp in sorted(self.vps())]


@dataclass(frozen=True)
class _NodeColumns(PartialAnswer):
    """Columns of the values of nodes, and what the caller asked for."""

    #: Which of the nodes live on the rank, bool of shape (n,).
    local: Array
    #: By key a sequence of n values.
    columns: dict[str, Any]
    asked: Any
    output: str

    @classmethod
    def collect(
        cls: type[N], nodes: LocalNodes, keys: list[str] | None, asked: Any, output: str
    ) -> N:
        """Read ``keys`` of this rank's ``nodes``; ``None`` for all keys."""
        return cls(nodes.local, nodes.columns(keys), asked, output)


@dataclass(frozen=True)
class NodeRecords(_NodeColumns, kind="node_records"):
    """Answer to GetStatus: one entry for each node."""

    @classmethod
    def merge(cls, call: str, parts: Sequence[NodeRecords]) -> Value:
        """Return the entries of all nodes, in the order asked for."""
        columns, part = _merged(call, parts), parts[0]
        return as_records(call, columns, len(part.local), part.asked, part.output)


@dataclass(frozen=True)
class NodeValues(_NodeColumns, kind="node_values"):
    """Answer to NodeCollection.get: scalars for one node, columns for several."""

    @classmethod
    def merge(cls, call: str, parts: Sequence[NodeValues]) -> Value:
        """Return the values of all nodes, in the order asked for."""
        columns, part = _merged(call, parts), parts[0]
        return as_node_values(call, columns, len(part.local), part.asked, part.output)


def _merged(call: str, parts: Sequence[_NodeColumns]) -> dict[str, list[Value]]:
    """Return the columns of all ranks."""
    ranks, count = len(parts), len(parts[0].local)
    everywhere, owners = [True] * count, [0] * count
    if ranks > 1:
        local = np.stack([part.local for part in parts])
        everywhere = np.all(local, axis=0).tolist()
        owners = np.argmax(local, axis=0).tolist()
    columns: dict[str, list[Value]] = {}
    for key in sorted({key for part in parts for key in part.columns}):
        by_rank = [part.columns.get(key) for part in parts]
        if key in GENERIC:
            columns[key] = [GENERIC[key]] * count
        elif ranks == 1 and key not in NODE_FIELDS:
            columns[key] = list(parts[0].columns[key])
        else:
            columns[key] = [
                _on_all_ranks(call, key, [_at(values, index) for values in by_rank])
                if everywhere[index]
                else _on_one_rank(key, _at(by_rank[owners[index]], index), owners[index], ranks)
                for index in range(count)
            ]
    return columns


def _on_all_ranks(call: str, key: str, values: list[Value]) -> Value:
    """Return the value of a device, by its rule."""
    policy = Policy.IDENTICAL if values[0] is None else NODE_FIELDS.get(key, Policy.IDENTICAL)
    return merge_field(call, key, policy, values)


def _on_one_rank(key: str, value: Any, rank: int, ranks: int) -> Value:
    """Return the value of a node that lives on one rank."""
    if value is None:
        return None
    match NODE_FIELDS.get(key):
        case Policy.EVENTS:
            return ordering.merge_events([value])
        case Policy.THREAD:
            return as_thread(value, rank, ranks)
    merged: Value = value
    return merged


def _at(values: Any, index: int) -> Value:
    """Return the value at ``index``; ``None`` where a rank has none for any node."""
    return None if values is None else values[index]
