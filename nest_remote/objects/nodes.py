"""NodeCollection: nodes of the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from nest_remote.objects.compartments import Compartments, Receptors
from nest_remote.objects.handles import Handle
from nest_remote.output_formats import as_frame, to_json
from nest_remote.session import selection
from protocol.wire.values import Array, Expression, Reference

if TYPE_CHECKING:
    from nest_remote.session import Session


class NodeCollection(Handle):
    """Nodes of the network, in the order of their ids.

    Made by ``Create``, or of node ids. Length, iteration, membership and slices need no answer of
    NEST; parameters are read and set by :meth:`get` and :meth:`set`, or as attributes.

    Parameters
    ----------
    data : node ids; without them an empty collection
    """

    def __init__(self, data: Any = None) -> None:
        made = self._session.call("NodeCollection", [] if data is None else data)
        # The object there goes over to this handle.
        self.__dict__.update(made.__dict__)
        made.__dict__.clear()

    @classmethod
    def of(
        cls, wire: Reference | Expression, ids: Array, session: Session | None = None
    ) -> NodeCollection:
        """Make the collection of the nodes that ``wire`` names.

        Parameters
        ----------
        wire : reference or selection
        ids : their ids, int64 of shape (n,)
        session : in which it names them; ``None`` for that of the module
        """
        self = cls.__new__(cls)
        Handle.__init__(self, wire, session)
        self.__dict__["_ids"] = ids
        return self

    @property
    def _nodes(self) -> Array:
        ids: Array = self.__dict__["_ids"]
        return ids

    def __len__(self) -> int:
        return len(self._nodes)

    def __bool__(self) -> bool:
        return len(self._nodes) > 0

    def __iter__(self) -> Iterator[NodeCollection]:
        return (self._selected(range(index, index + 1)) for index in range(len(self)))

    def __contains__(self, node_id: Any) -> bool:
        if isinstance(node_id, NodeCollection):
            raise TypeError("an integer is required")
        return self._position(node_id) is not None

    def __getitem__(self, key: Any) -> NodeCollection:
        if isinstance(key, slice):
            chosen = _plain_range(key, len(self))
            if chosen is not None:
                return self._selected(chosen)
            return self._asked("slice", key.start, key.stop, key.step)
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            if not -len(self) <= key < len(self):
                raise IndexError("index value outside of the NodeCollection")
            index = int(key) % len(self)
            return self._selected(range(index, index + 1))
        if isinstance(key, (list, tuple, np.ndarray)):
            return self._asked("take", key)
        raise IndexError("only integers, slices, lists, tuples, and numpy arrays are valid indices")

    def _asked(self, method: str, *args: Any) -> NodeCollection:
        """Ask the kernel for a part of the nodes; NEST says what is wrong with a key."""
        chosen: NodeCollection = self._session.call(f"NodeCollection.{method}", self, *args)
        return chosen

    def _selected(self, chosen: range) -> NodeCollection:
        """Return the nodes at ``chosen``, without asking the kernel."""
        whole, places = self.__dict__.get("_part_of", (self, range(len(self))))
        places = places[chosen.start : chosen.stop : chosen.step]
        wire = selection("NodeCollection.slice", whole, places[0], places[-1] + 1, places.step)
        ids = self._nodes[chosen.start : chosen.stop : chosen.step]
        part = type(self).of(wire, ids, self._session)
        # A part of a part is a part of the whole: selections don't pile up.
        part.__dict__["_part_of"] = (whole, places)
        return part

    def __add__(self, other: Any) -> NodeCollection:
        if not isinstance(other, NodeCollection) and not (isinstance(other, int) and other == 0):
            raise TypeError(
                f"Cannot add object of type '{type(other).__name__}' to 'NodeCollection'"
            )
        return self._asked("join", other)

    def __radd__(self, other: Any) -> NodeCollection:
        return self.__add__(other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NodeCollection):
            # PyNEST's exception, which its users' code and NEST's own tests expect.
            raise NotImplementedError(f"Cannot compare NodeCollection to {type(other).__name__}")
        return bool(np.array_equal(self._nodes, other._nodes))

    __hash__ = None  # type: ignore[assignment]  # as in PyNEST

    def __str__(self) -> str:
        text: str = self._session.call("NodeCollection.text", self)
        return text

    def __repr__(self) -> str:
        return str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self._nodes, dtype=dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            if name == "_ipython_canary_method_should_not_exist_":
                # IPython gives up asking only for an exception that is no AttributeError.
                raise NotImplementedError(name)
            raise AttributeError(name)
        if not self:
            raise AttributeError("Cannot get attribute of empty NodeCollection")
        if name == "spatial":
            self.__dict__["spatial"] = self._session.call("NodeCollection.spatial", self)
            return self.__dict__["spatial"]
        if name == "global_id":
            return int(self._nodes[0]) if len(self) == 1 else tuple(self.tolist())
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.set({name: value})

    def get(self, *params: Any, **kwargs: Any) -> Any:
        """Return values of parameters.

        Parameters
        ----------
        params : one name, a list of names, or a name followed by names inside its value; all
            parameters without
        output : ``"pandas"`` for a DataFrame, ``"json"`` for JSON text

        Returns
        -------
        Of one node its value, of several a tuple; of several parameters a dict of them.

        Raises
        ------
        KeyError
            If the nodes have no such parameter.
        """
        if not self:
            raise ValueError("Cannot get parameter of empty NodeCollection")
        if kwargs.keys() - {"output"}:
            raise TypeError("Got unexpected keyword argument")
        output = kwargs.get("output", "")
        if output == "pandas":
            return as_frame(self.get(*params), params, self.tolist())
        if output == "json":
            return to_json(self.get(*params))
        result = self._session.call("NodeCollection.get", self, *params, output=output)
        if len(params) == 1:
            if params[0] == "compartments":
                return Compartments(self, result)
            if params[0] == "receptors":
                return Receptors(self, result)
        return result

    def set(self, params: Any = None, **kwargs: Any) -> None:
        """Set parameters.

        Parameters
        ----------
        params : names and values, the same for all nodes or lists with one for each; or a list
            of such dicts, one for each node
        kwargs : the same by keywords
        """
        if not self:
            return
        if kwargs and params is None:
            params = kwargs
        elif kwargs and params:
            raise TypeError("must either provide params or kwargs, but not both.")
        if isinstance(params, dict):
            # What "nodes.compartments += …" assigns in the end: the adding is done already.
            params = {
                name: value
                for name, value in params.items()
                if not (name in ("compartments", "receptors") and value is None)
            }
        self._session.call("NodeCollection.set", self, params)

    def tolist(self) -> list[int]:
        """Return the node ids."""
        ids: list[int] = self._nodes.tolist()
        return ids

    def _to_array(self, selection: str = "all") -> dict[Any, list[int]]:
        """Return where the nodes are, as PyNEST's debugging helper does: one process has all.

        Parameters
        ----------
        selection : ``"all"``, ``"rank"``, or ``"thread"`` for those of each virtual process
        """
        ids = self.tolist()
        if selection == "thread":
            threads: int = self._session.read("total_num_virtual_procs")
            found: dict[Any, list[int]] = {}
            for node in ids:
                found.setdefault(node % threads, []).append(node)
            return dict(sorted(found.items()))
        return {{"all": "All", "rank": "Rank 0"}[selection]: ids}

    def contents(self) -> list[int]:
        """Return the node ids."""
        return self.tolist()

    def index(self, node_id: Any) -> int:
        """Return the index of a node id.

        Raises
        ------
        ValueError
            If the node is none of these.
        """
        place = self._position(node_id)
        if place is None:
            raise ValueError(f"{node_id} is not in NodeCollection")
        return place

    def _position(self, node_id: Any) -> int | None:
        place = int(np.searchsorted(self._nodes, node_id))
        return place if place < len(self) and self._nodes[place] == node_id else None


def _plain_range(key: slice, length: int) -> range | None:
    """Return the indices of a plain slice; ``None`` where PyNEST has rules of its own."""
    step = 1 if key.step is None else key.step
    start = 0 if key.start is None else key.start
    stop = length if key.stop is None else key.stop
    if not all(isinstance(bound, (int, np.integer)) for bound in (start, stop, step)):
        return None
    if step < 1 or not -length <= start < length or not -length <= stop <= length or stop == 0:
        return None
    chosen = range(length)[int(start) : int(stop) : int(step)]
    return chosen if len(chosen) else None


def maker(cls: type[NodeCollection], session: Session) -> Any:
    """Return a function that makes the collection for a reference."""

    def make(reference: Reference) -> NodeCollection:
        ids = reference.ids
        # They are for here; the kernel knows them.
        reference = Reference(reference.type, reference.id, reference.generation)
        if ids is None or len(ids) == 0:
            # No nodes are no nodes in every network.
            session.drop(reference)
            return cls.of(Expression("NodeCollection", [[]]), np.zeros(0, np.int64), session)
        return cls.of(reference, ids, session)

    return make
