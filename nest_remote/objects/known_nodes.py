"""Nodes by their ids: what the ids tell is answered here, without the kernel.

Parts of nodes, and nodes that are joined, are expressions of the objects in the kernel that they
come from; with these they become stale, unlike bare ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from nest_remote.objects.composition import EMPTY, NO_POSITIONS, Composition
from nest_remote.objects.handles import Handle
from nest_remote.session import Session, selection
from protocol.wire.values import Array, Expression, Reference

#: Most objects of the kernel whose nodes are joined here.
_MOST_ROOTS = 8

N = TypeVar("N", bound="KnownNodes")


class KnownNodes(Handle):
    """Nodes of the network in the order of their ids: a sequence that is known here."""

    @classmethod
    def of(
        cls: type[N],
        wire: Reference | Expression | None,
        ids: Array,
        text: str | None = None,
        session: Session | None = None,
    ) -> N:
        """Make the collection of the nodes that ``wire`` names.

        Parameters
        ----------
        wire : reference or expression; ``None`` if it is made of other nodes when it is needed
        ids : their ids, int64 of shape (n,)
        text : that PyNEST prints for them, if it is known
        session : in which it names them; ``None`` for that of the module
        """
        self = cls.__new__(cls)
        self.__dict__.update(_wire=wire, _ids=ids, _text=text)
        if session is not None:
            self.__dict__["_session"] = session
        return self

    @property
    def _nodes(self) -> Array:
        ids: Array = self.__dict__["_ids"]
        return ids

    @property
    def wire(self) -> Reference | Expression:
        """Return the value that names the nodes in the kernel."""
        if self.__dict__["_wire"] is None:
            made = self._expression()
            if isinstance(made, KnownNodes):
                # The object in the kernel is that of the other handle, and goes with that one.
                return made.wire
            self.__dict__["_wire"] = made
        return super().wire

    def _expression(self) -> KnownNodes | Expression:
        """Return the expression of nodes that were chosen here, of those they were chosen from.

        The nodes that they were chosen from, if they are all of them.
        """
        whole, places = self._origin()
        if whole is not self and (whole._is_root or self._is_slice(whole, places)):
            return selection("NodeCollection.slice", whole, places[0], places[-1] + 1, places.step)
        left = self._nodes
        made: Any = None
        for root in self._roots:
            indices = np.searchsorted(root._nodes, left)
            indices[indices == len(root)] = 0
            found = root._nodes[indices] == left
            if found.any():
                piece = root._taken(indices[found])
                made = piece if made is None else selection("NodeCollection.join", made, piece)
                left = left[~found]
        joined: KnownNodes | Expression = made
        return joined

    def _is_slice(self, whole: KnownNodes, places: range) -> bool:
        """Return whether NEST takes these nodes for a slice, which joins no others."""
        composition = whole._composition
        return (
            composition is not None
            and len(self) > 1
            and composition.is_sliced(self._nodes, places.step)
        )

    def _taken(self, indices: Array) -> KnownNodes | Expression:
        """Return nodes without positions, at ascending ``indices`` of an object in the kernel."""
        composition = self._composition
        has_positions = composition is None or composition.metadata != NO_POSITIONS
        if len(indices) == len(self) and not has_positions:
            return self
        return selection("NodeCollection.take", self, indices)

    @property
    def _is_root(self) -> bool:
        """Return whether the nodes were not chosen here, but have an object in the kernel."""
        return "_part_of" not in self.__dict__ and "_roots" not in self.__dict__

    def _origin(self) -> tuple[KnownNodes, range]:
        """Return the collection that this is a slice of, and the slice; itself if it is none."""
        found: tuple[KnownNodes, range] = self.__dict__.get("_part_of", (self, range(len(self))))
        return found

    @property
    def _roots(self) -> tuple[KnownNodes, ...]:
        """Return the collections in the kernel that all these nodes are in."""
        whole = self._origin()[0]
        found: tuple[KnownNodes, ...] = whole.__dict__.get("_roots", (whole,))
        return found

    @property
    def _composition(self) -> Composition | None:
        """Return the parts of nodes that are no slice; ``None`` if they are not known."""
        if "_composition" not in self.__dict__:
            made: Composition | None = None
            if self._is_root:
                made = Composition.read(self.__dict__["_text"] or "")
            else:
                models = self._models()
                made = None if models is None else Composition.of(self._nodes, models)
            self.__dict__["_composition"] = made
        found: Composition | None = self.__dict__["_composition"]
        return found

    def _models(self) -> Array | None:
        """Return the model of each node, objects of shape (n,); ``None`` if they are not known."""
        models = np.empty(len(self), object)
        for root in self._roots:
            composition = root._composition
            if composition is None:
                return None
            own = np.isin(self._nodes, root._nodes)
            models[own] = composition.models_of(self._nodes[own])
        return models

    def _is_joinable(self) -> bool:
        """Return whether NEST joins these nodes with others for sure, if they have none in common.

        It does not join slices, nor layers.
        """
        whole, places = self._origin()
        composition = whole._composition
        return (
            composition is not None
            and composition.metadata == NO_POSITIONS
            and (whole is self or not composition.is_sliced(self._nodes, places.step))
        )

    def _chosen(self, ids: Array, roots: tuple[KnownNodes, ...]) -> KnownNodes:
        """Return nodes without positions.

        Parameters
        ----------
        ids : ascending
        roots : collections in the kernel that they all are in
        """
        if len(ids) == 0:
            return self.of(Expression("NodeCollection", [[]]), np.zeros(0, np.int64), EMPTY)
        made = self.of(None, ids, session=self._session)
        made.__dict__["_roots"] = roots
        return made

    def __len__(self) -> int:
        return len(self._nodes)

    def __bool__(self) -> bool:
        return len(self._nodes) > 0

    def __iter__(self) -> Iterator[KnownNodes]:
        return (self._selected(range(index, index + 1)) for index in range(len(self)))

    def __contains__(self, node_id: Any) -> bool:
        if isinstance(node_id, KnownNodes):
            raise TypeError("an integer is required")
        return self._position(node_id) is not None

    def __getitem__(self, key: Any) -> KnownNodes:
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
            indices = _indices(key, len(self))
            if indices is None:
                return self._asked("take", key)
            return self._chosen(self._nodes[indices], self._roots)
        raise IndexError("only integers, slices, lists, tuples, and numpy arrays are valid indices")

    def _asked(self, method: str, *args: Any) -> KnownNodes:
        """Ask the kernel for a part of the nodes; NEST says what is wrong with a key."""
        chosen: KnownNodes = self._session.call(f"NodeCollection.{method}", self, *args)
        return chosen

    def _selected(self, chosen: range) -> KnownNodes:
        """Return the nodes at ``chosen``, without asking the kernel."""
        whole, places = self._origin()
        part = self.of(
            None, self._nodes[chosen.start : chosen.stop : chosen.step], session=self._session
        )
        # A part of a part is a part of the whole: selections don't pile up.
        places = places[chosen.start : chosen.stop : chosen.step]
        if len(places) == 1 and chosen.step == 1:
            # To NEST one node is no slice, whatever the step of the slice that it is taken from.
            places = range(places[0], places[0] + 1)
        part.__dict__["_part_of"] = (whole, places)
        return part

    def __add__(self, other: Any) -> KnownNodes:
        if isinstance(other, (int, float, np.number)) and other == 0:
            return self
        if not isinstance(other, KnownNodes):
            raise TypeError(
                f"Cannot add object of type '{type(other).__name__}' to 'NodeCollection'"
            )
        if not other or not self:
            return self or other
        if self._is_joinable() and other._is_joinable():
            ids = np.sort(np.concatenate([self._nodes, other._nodes]))
            roots = tuple({id(root): root for root in (*self._roots, *other._roots)}.values())
            # Of many objects in the kernel, one is made there.
            if len(roots) <= _MOST_ROOTS and np.all(ids[1:] > ids[:-1]):
                return self._chosen(ids, roots)
        return self._asked("join", other)

    def __radd__(self, other: Any) -> KnownNodes:
        return self.__add__(other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KnownNodes):
            # PyNEST's exception, which its users' code and NEST's own tests expect.
            raise NotImplementedError(f"Cannot compare NodeCollection to {type(other).__name__}")
        return bool(np.array_equal(self._nodes, other._nodes))

    __hash__ = None  # type: ignore[assignment]  # as in PyNEST

    def __str__(self) -> str:
        if self.__dict__["_text"] is None:
            self.__dict__["_text"] = self._made_text() or self._asked_text()
        text: str = self.__dict__["_text"]
        return text

    def _made_text(self) -> str | None:
        """Return what PyNEST prints for nodes that were chosen here, if their parts are known."""
        whole, places = self._origin()
        composition = whole._composition
        if composition is None:
            return None
        if whole is self:
            return composition.text()
        if composition.is_sliced(self._nodes, places.step):
            return composition.slice_text(self._nodes, places.step)
        return Composition.of(self._nodes, composition.models_of(self._nodes)).text()

    def _asked_text(self) -> str:
        text: str = self._session.call("NodeCollection.text", self)
        return text

    def __repr__(self) -> str:
        return str(self)

    def tolist(self) -> list[int]:
        """Return the node ids."""
        ids: list[int] = self._nodes.tolist()
        return ids

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


def _indices(key: Any, length: int) -> Array | None:
    """Return the indices that ``key`` means; ``None`` if NEST has something against them.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As PyNEST, for a key that is none.
    """
    if len(key) == 0:
        return np.zeros(0, np.int64)
    if isinstance(key, np.ndarray):
        if key.ndim != 1:
            raise TypeError("NumPy indices must one-dimensional")
        if key.dtype.kind not in "biu":
            raise TypeError("NumPy indices must be an array of integers or bools")
        indices = key
    elif all(isinstance(item, bool) for item in key):
        indices = np.array(key, bool)
    elif all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in key):
        indices = np.array(key, np.uint64)
    else:
        raise TypeError("Indices must be integers or bools")
    if indices.dtype == bool:
        if len(indices) != length:
            raise IndexError("Bool index array must be the same length as NodeCollection")
        return np.flatnonzero(indices)
    if len(np.unique(indices)) != len(indices):
        raise ValueError("All node IDs in a NodeCollection have to be unique")
    if indices.min() < 0 or indices.max() >= length or np.any(indices[1:] < indices[:-1]):
        return None
    return indices.astype(np.int64)
