"""Table of the kernel objects that callers hold references to."""

from __future__ import annotations

from typing import Any

from protocol.errors import StaleReference
from protocol.wire.values import Reference


class ObjectTable:
    """Numbered kernel objects.

    Numbers count up from 1 and are never used again within a generation, so that all ranks, which
    execute the same operations in the same order, number objects alike.

    Parameters
    ----------
    generation : of the kernel that holds the objects
    """

    def __init__(self, generation: str) -> None:
        self._generation = generation
        self._objects: dict[int, Any] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._objects)

    @property
    def next(self) -> int:
        """Return the number that the next object will have."""
        return self._next

    def hold(self, item: object) -> tuple[int, str]:
        """Keep ``item`` and return its number and generation, for a reference."""
        key = self._next
        self._next += 1
        self._objects[key] = item
        return key, self._generation

    def look_up(self, reference: Reference) -> Any:
        """Return the object that ``reference`` names.

        Raises
        ------
        StaleReference
            If the reference is of an earlier kernel, was released, or names another type.
        """
        if reference.generation != self._generation:
            raise StaleReference(
                f"this {reference.type:.40} belongs to kernel {reference.generation:.40}, which is "
                f"gone with its network; the kernel is now {self._generation}"
            )
        item = self._objects.get(reference.id)
        if item is None or _type_of(item) != reference.type:
            raise StaleReference(
                f"there is no {reference.type:.40} number {reference.id}: it was released, "
                "or went with ResetKernel"
            )
        return item

    def release(self, reference: Reference) -> None:
        """Drop the object of ``reference``; a stale reference is no error."""
        if reference.generation == self._generation:
            self._objects.pop(reference.id, None)

    def release_from(self, number: int) -> None:
        """Drop all objects from ``number`` on."""
        self._objects = {key: item for key, item in self._objects.items() if key < number}

    def rollback_to(self, number: int) -> None:
        """Drop all objects from ``number`` on, which no caller knows, and count on from there."""
        self.release_from(number)
        self._next = number

    def forget(self, *types: type) -> None:
        """Drop all objects of ``types``, as their network is gone."""
        self._objects = {
            key: item for key, item in self._objects.items() if not isinstance(item, types)
        }


def _type_of(item: object) -> str:
    """Return the name of an object's type in PyNEST."""
    name: str = getattr(type(item), "reference_type", type(item).__name__)
    return name
