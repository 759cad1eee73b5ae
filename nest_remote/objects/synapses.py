"""SynapseCollection: connections of the network; CollocatedSynapses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from nest_remote.objects.found_connections import ConnectionObject, Data, Ends
from nest_remote.objects.handles import Handle
from nest_remote.output_formats import as_frame, to_json
from nest_remote.session import Session, selection
from protocol.wire.values import Expression, Reference

R = TypeVar("R")

#: More connections than this are printed in part only.
_PRINTED = 35
_SHOWN_AT_ENDS = 15

#: What tells connections apart.
_IDENTITY = ["source", "target", "target_thread", "synapse_id", "port"]


class SynapseCollection(Handle):
    """Connections, found by ``GetConnections``.

    Connections are in the order of synapse model, source, target and port, on any number of ranks.

    Parameters
    ----------
    data : entries of another collection's ``_datum``, which is how programs choose and sort
        connections; None for none
    """

    def __init__(self, data: Any) -> None:
        entries = [data] if isinstance(data, ConnectionObject) else data
        if entries is None or (isinstance(entries, (list, Data)) and not entries):
            # As the server has it: no connection is described.
            self.__dict__.update(_wire={}, _size=0, print_full=False)
            return
        if not isinstance(entries, (list, Data)) or not all(
            isinstance(entry, ConnectionObject) for entry in entries
        ):
            raise TypeError("Expected ConnectionObject.")
        whole = entries[0].whole
        rows = [entry.row for entry in entries]
        if any(entry.whole is not whole for entry in entries) or len(set(rows)) < len(rows):
            raise ValueError(
                "a SynapseCollection is made of different connections of one GetConnections here; "
                "ask for all of them in one call and choose from those"
            )
        self.__dict__.update(whole._chosen(rows).__dict__)

    @classmethod
    def of(
        cls,
        wire: Reference | Expression,
        size: int | None = None,
        session: Session | None = None,
    ) -> SynapseCollection:
        """Make the collection of the connections that ``wire`` names.

        Parameters
        ----------
        wire : reference or selection
        size : their number, if it is known
        session : in which it names them; ``None`` for that of the module
        """
        self = cls.__new__(cls)
        Handle.__init__(self, wire, session)
        if size is None and isinstance(wire, Reference):
            size = wire.size
        self.__dict__.update(_size=size, print_full=False)
        return self

    @property
    def _datum(self) -> Sequence[ConnectionObject]:
        if "_whole" in self.__dict__:
            return Data(self.__dict__["_whole"], self.__dict__["_rows"])
        return Data(self, range(len(self)))

    def _part(self, wire: Expression, rows: Sequence[int]) -> SynapseCollection:
        """Return the collection of some connections, which are in these rows of this one."""
        part = type(self).of(wire, len(rows), self._session)
        if "_whole" in self.__dict__:
            own = self.__dict__["_rows"]
            rows = [own[row] for row in rows]
        part.__dict__.update(_whole=self.__dict__.get("_whole", self), _rows=rows)
        return part

    def _chosen(self, rows: list[int]) -> SynapseCollection:
        """Return the collection of the connections in these rows, in this order."""
        return self._part(selection("SynapseCollection.take", self, rows), rows)

    def __len__(self) -> int:
        if self.__dict__["_size"] is None:
            self.__dict__["_size"] = self._session.call("SynapseCollection.size", self)
        size: int = self.__dict__["_size"]
        return size

    def __iter__(self) -> Iterator[SynapseCollection]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key: Any) -> SynapseCollection:
        if isinstance(key, slice):
            chosen = range(len(self))[key]
            wire = selection("SynapseCollection.slice", self, key.start, key.stop, key.step)
            return self._part(wire, chosen)
        index = range(len(self))[_index(key)]
        return self._part(selection("SynapseCollection.take", self, index), (index,))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SynapseCollection):
            raise NotImplementedError
        return len(self) == len(other) and bool(self.get(_IDENTITY) == other.get(_IDENTITY))

    __hash__ = None  # type: ignore[assignment]  # as in PyNEST

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "distance":
            self.__dict__["distance"] = self._distances()
            return self.__dict__["distance"]
        return self.get(name)

    def _distances(self) -> list[float]:
        """Return the distance between both ends of each connection, NaN where there is none."""
        if self.__dict__["_size"] == 0:
            return []
        found: list[float] = self._unless_reset(
            lambda: self._session.call("SynapseCollection.distance", self), []
        )
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "print_full":
            self.__dict__[name] = value
        else:
            self.set({name: value})

    def __str__(self) -> str:
        columns = self.get(["source", "target", "synapse_model", "weight", "delay"])
        if not columns:
            return "The synapse collection does not contain any connections."
        if len(self) == 1:
            columns = {name: [value] for name, value in columns.items()}
        return _table(columns, self.__dict__["print_full"])

    def contents(self) -> dict[str, Any]:
        """Return all values of all connections, as lists."""
        columns = self.get() if len(self) else {}
        return {name: [value] for name, value in columns.items()} if len(self) == 1 else columns

    def sources(self) -> Iterator[int]:
        """Return the ids of the source nodes, one for each connection."""
        return iter(self._several("source"))

    def targets(self) -> Iterator[int]:
        """Return the ids of the target nodes, one for each connection."""
        return iter(self._several("target"))

    def _several(self, key: str) -> list[int]:
        found = self.get(key)
        return list(found) if isinstance(found, (list, tuple)) else [found]

    def get(self, keys: Any = None, output: str = "") -> Any:
        """Return values of parameters.

        Parameters
        ----------
        keys : one name or several; all without
        output : ``"pandas"`` for a DataFrame, ``"json"`` for JSON text

        Returns
        -------
        Of one connection its value, of several a list; of several keys a dict of them.

        Raises
        ------
        KeyError
            If no connection has such a parameter.
        """
        if not (keys is None or isinstance(keys, str)):
            try:
                keys = list(keys)
            except TypeError as error:
                raise TypeError("keys should be either a string or an iterable") from error
        empty: Any = {} if keys is None else ()
        if self.__dict__["_size"] == 0:
            result = empty
        elif (known := self._known_end(keys)) is not None:
            result = known
        else:
            result = _as_lists(
                self._unless_reset(
                    lambda: self._session.call("SynapseCollection.get", self, keys), empty
                )
            )
        if output == "pandas":
            index = self._several("source") if result else []
            return as_frame(result or {}, () if keys is None else (keys,), index)
        return to_json(result or {}) if output == "json" else result

    def _known_end(self, key: Any) -> int | None:
        """Return the source or target of the only connection, if it is known without asking."""
        whole = self.__dict__.get("_whole")
        if whole is None or key not in ("source", "target") or self.__dict__["_size"] != 1:
            return None
        ends: Ends = whole.__dict__.setdefault("_ends", Ends())
        return ends.of(whole, self.__dict__["_rows"][0], key)

    def set(self, params: Any = None, **kwargs: Any) -> None:
        """Set parameters.

        Parameters
        ----------
        params : names and values, the same for all connections or lists with one for each; or a
            list of such dicts, one for each connection
        kwargs : the same by keywords
        """
        if kwargs and params is None:
            params = kwargs
        elif kwargs and params:
            raise TypeError("must either provide params or kwargs, but not both.")
        if self.__dict__["_size"] != 0:
            self._unless_reset(
                lambda: self._session.call("SynapseCollection.set", self, params), None
            )

    def _unless_reset(self, ask: Callable[[], R], otherwise: R) -> R:
        """Return what ``ask`` returns, or ``otherwise`` if ResetKernel has removed the network."""
        try:
            return ask()
        except Exception:
            if self._session.read("network_size") == 0:
                return otherwise
            raise

    def disconnect(self) -> None:
        """Remove the connections from the network."""
        self._session.call("SynapseCollection.disconnect", self)


class CollocatedSynapses:
    """Specifications of several synapses for each pair of nodes that ``Connect`` connects.

    Parameters
    ----------
    args : specifications, each a dict
    """

    def __init__(self, *args: Any) -> None:
        self.syn_specs = args

    @property
    def wire(self) -> Expression:
        """Return the value that is sent for the specifications."""
        return Expression("CollocatedSynapses", list(self.syn_specs))

    def __len__(self) -> int:
        return len(self.syn_specs)


def _as_lists(found: Any) -> Any:
    """Convert columns that were sent as arrays into PyNEST's lists."""
    if isinstance(found, np.ndarray):
        return found.tolist()
    if isinstance(found, dict):
        return {key: _as_lists(column) for key, column in found.items()}
    return found


def _index(key: Any) -> int:
    if isinstance(key, (int, np.integer)):
        return int(key)
    raise TypeError(f"list indices must be integers or slices, not {type(key).__name__}")


def _table(columns: dict[str, list[Any]], whole: bool) -> str:
    """Format the columns as text, as PyNEST prints connections."""
    titles = {name: name.replace("_", " ") for name in columns}
    widths = {name: len(title) + 2 for name, title in titles.items()}
    for name in ("source", "target"):
        widths[name] = max(widths[name], len(str(max(columns[name]))) - 1)
    longest = max(len(model) for model in columns["synapse_model"])
    widths["synapse_model"] = max(widths["synapse_model"], longest)
    rows = list(zip(*columns.values(), strict=True))
    left_out = not whole and len(rows) >= _PRINTED
    if left_out:
        rows = [*rows[:_SHOWN_AT_ENDS], ("⋮ ",) * len(columns), *rows[-_SHOWN_AT_ENDS:]]
    head = " ".join(f"{titles[name]:^{widths[name]}}" for name in columns)
    rule = " ".join("-" * widths[name] for name in columns)
    # PyNEST writes the first column one narrower than its title.
    narrow = [width - (number == 0) for number, width in enumerate(widths.values())]

    def cell(value: Any, width: int) -> str:
        return f"{value:>#{width}.4g}" if isinstance(value, float) else f"{value:>{width}}"

    body = [
        " ".join(cell(value, width) for value, width in zip(row, narrow, strict=True))
        for row in rows
    ]
    return "\n".join([head, rule, *body])
