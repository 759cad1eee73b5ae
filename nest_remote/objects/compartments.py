"""Compartments and receptors of compartmental neurons."""

from __future__ import annotations

from typing import Any, TypeVar

from protocol.wire.values import Value

E = TypeVar("E", bound="_Elements")


class _Elements:
    """Parts of a neuron, each a dict.

    ``+`` makes a longer list of parts; ``nodes.compartments += part`` adds to the neuron.

    Parameters
    ----------
    node_collection : the neuron
    elements : dicts
    """

    def __init__(self, node_collection: Any, elements: Any) -> None:
        if isinstance(elements, list):
            elements = tuple(elements)
        if not isinstance(elements, tuple):
            raise TypeError(f"elements must be a tuple of dicts, got {type(elements)}")
        self._elements = elements
        self._node_collection = node_collection

    @property
    def wire(self) -> Value:
        """Return the value that is sent for the parts."""
        return self._elements

    def _more(self, other: Any) -> list[dict[str, Any]]:
        if isinstance(other, dict):
            return [other]
        if isinstance(other, (tuple, list)):
            if all(isinstance(item, dict) for item in other):
                return list(other)
            raise TypeError(f"{type(self).__name__} can only be added with dicts or lists of dicts")
        if isinstance(other, type(self)):
            return list(other._elements)
        # The exception that PyNEST raises for what can't be added; nothing is left to implement.
        raise NotImplementedError(
            f"{type(self).__name__} can only be added with dicts, lists of dicts, or other "
            f"{type(self).__name__}, got {type(other)}"
        )

    def __add__(self: E, other: Any) -> E:
        return type(self)(self._node_collection, (*self._elements, *self._more(other)))

    def __iadd__(self, other: Any) -> None:  # what is assigned means "done"
        self._node_collection.set({f"add_{type(self).__name__.lower()}": self._more(other)})

    def __getitem__(self, key: Any) -> Any:
        return self._elements[key]

    def __len__(self) -> int:
        return len(self._elements)

    def __str__(self) -> str:
        return str(self._elements)

    def get_tuple(self) -> tuple[dict[str, Any], ...]:
        """Return the parts as a tuple."""
        parts: tuple[dict[str, Any], ...] = self._elements
        return parts


class Compartments(_Elements):
    """Compartments of a neuron."""


class Receptors(_Elements):
    """Receptors of a neuron's compartments."""
