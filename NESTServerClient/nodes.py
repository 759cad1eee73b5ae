"""Nodes as PyNEST has them, and as clients of NEST 3.10's server know them: lists of ids.

Python's JSON encoder looks into the storage of lists and numbers, and calls no method of theirs. So
what it takes for a list must be one, and what it takes for a number, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from nest_remote.objects.handles import bound
from nest_remote.objects.nodes import NodeCollection, maker
from nest_remote.session import Session
from protocol.wire.messages import Operation
from protocol.wire.values import Array, Expression, Reference, Value


class NodeList(NodeCollection, list[int]):
    """Nodes of the network: a NodeCollection that is the list of its ids as well.

    ``+`` joins nodes as PyNEST does; with a list of ids it makes a list of ids.
    """

    #: Makes one of the nodes, of its id.
    _node: Callable[[int], Node]

    @classmethod
    def of(
        cls,
        wire: Reference | Expression | None,
        ids: Array,
        text: str | None = None,
        session: Session | None = None,
    ) -> NodeList:
        """Make the nodes that ``wire`` names; see :meth:`NodeCollection.of`."""
        self = super().of(wire, ids, text, session)
        list.extend(self, ids.tolist())
        return self

    def __init__(self, data: Any = None) -> None:
        raise TypeError("nodes are made by Create and NodeCollection of the client")

    def __getitem__(self, key: Any) -> Any:
        chosen = super().__getitem__(key)
        return next(iter(chosen)) if isinstance(key, (int, np.integer)) else chosen

    def __iter__(self) -> Iterator[Any]:
        whole, places = self._origin()
        for node_id, place in zip(self.tolist(), places, strict=True):
            node = type(self)._node(node_id)
            part = (whole, range(place, place + 1))
            node.__dict__.update(_wire=None, _ids=np.array([node_id]), _text=None, _part_of=part)
            yield node

    def __contains__(self, node_id: Any) -> bool:
        return super().__contains__(int(node_id) if isinstance(node_id, Node) else node_id)

    def __add__(self, other: Any) -> Any:
        return self.tolist() + _ids(other) if _are_ids(other) else super().__add__(other)

    def __radd__(self, other: Any) -> Any:
        return _ids(other) + self.tolist() if _are_ids(other) else super().__radd__(other)

    __iadd__ = __add__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NodeCollection):
            return super().__eq__(other)
        return self.tolist() == (_ids(other) if _are_ids(other) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[misc]  # as in PyNEST

    def index(self, node_id: Any, *bounds: Any) -> int:
        """Return the index of a node id, as that of a list."""
        return self.tolist().index(node_id, *bounds)

    def _refuse(self, *args: Any) -> NoReturn:
        """Raise: a change of the list would not change the nodes."""
        raise TypeError("nodes can't be changed like a list; their ids can: nodes.tolist()")

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse  # type: ignore[assignment]
    __setitem__ = __delitem__ = __imul__ = _refuse


class Node(NodeCollection, int):
    """One of several nodes: a NodeCollection that is the number of its id as well."""

    #: Class of several nodes.
    _several: type[NodeList]

    def __init__(self, data: Any = None) -> None:
        """Do nothing: the collection that the node is taken from makes it."""

    @classmethod
    def of(  # type: ignore[override]  # several nodes are no Node
        cls,
        wire: Reference | Expression | None,
        ids: Array,
        text: str | None = None,
        session: Session | None = None,
    ) -> NodeList:
        """Make nodes of what was one, as its slices are."""
        return cls._several.of(wire, ids, text, session)

    @property
    def wire(self) -> Any:
        """Return the id, which is sent for the node in a list of nodes."""
        return int(self)

    @property
    def collection_wire(self) -> Value:
        """Return what names the node in the kernel."""
        return NodeCollection.wire.__get__(self)

    def __iter__(self) -> Iterator[Node]:
        return iter([self])

    def __getitem__(self, key: Any) -> Any:
        chosen = super().__getitem__(key)
        return self if isinstance(key, (int, np.integer)) else chosen

    def __add__(self, other: Any) -> Any:
        return super().__add__(other) if _joins(other) else int(self) + other

    def __radd__(self, other: Any) -> Any:
        return super().__radd__(other) if _joins(other) else other + int(self)

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) if isinstance(other, NodeCollection) else int(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]  # as the number has it
        return hash(int(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(int(self), dtype=dtype)


class NodeSession(Session):
    """Session of a client whose nodes are lists of ids and numbers as well."""

    def use_lists(self) -> None:
        """Make such nodes of the references in answers."""
        several, one = bound(NodeList, lambda: self), bound(Node, lambda: self)
        several._node, one._several = one, several
        self.makers["NodeCollection"] = maker(several, self)

    def operation(self, name: str, *args: Any, **kwargs: Any) -> Operation:
        """Make the operation that calls ``name``.

        One node as an argument becomes stale with the network, as nodes do.
        """
        return super().operation(
            name, *map(_named, args), **{key: _named(value) for key, value in kwargs.items()}
        )


def _named(argument: Any) -> Any:
    return argument.collection_wire if isinstance(argument, Node) else argument


def _joins(other: Any) -> bool:
    """Return whether adding ``other`` to a node joins nodes; the sum of nodes begins with 0."""
    return isinstance(other, NodeCollection) or (type(other) is int and other == 0)


def _are_ids(other: Any) -> bool:
    return isinstance(other, (list, tuple, np.ndarray)) and not isinstance(other, NodeCollection)


def _ids(other: Any) -> list[Any]:
    return other.tolist() if isinstance(other, np.ndarray) else list(other)
