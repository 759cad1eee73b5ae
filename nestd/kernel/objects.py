"""Table of the kernel objects that callers hold references to, and of their owners."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from nestd.confinement.memory import give_back_memory
from nestd.kernel.connections import Connections
from nestd.kernel.pynest import NodeCollection, nest
from protocol.errors import StaleReference
from protocol.logging import context
from protocol.wire.values import Reference

#: Released objects of which the table remembers why they are gone.
_REMEMBERED = 10_000

#: Memory of one connection of a collection, as measured.
_CONNECTION_BYTES = 96
#: Memory of a node of a collection whose ids have gaps, of a listed position, and of any object.
_NODE_BYTES = 64
_POSITION_BYTES = 200
_OBJECT_BYTES = 500

#: Memory of large objects that is given back to the system when their client is gone.
_TRIMMED_BYTES = 4 << 20


class ObjectTable:
    """Numbered kernel objects.

    Numbers count up from 1 and are never used again within a generation, so that all ranks, which
    execute the same operations in the same order, number objects alike. The owner of an object is
    the client of the request that has made the object.

    Parameters
    ----------
    generation : of the kernel that holds the objects
    """

    def __init__(self, generation: str) -> None:
        self._generation = generation
        self._objects: dict[int, Any] = {}
        self._owners: dict[int, str] = {}
        self._next = 1
        #: Number of the first object that was made after the latest ResetKernel.
        self._reset = 1
        #: Why objects are gone that went without a word of their holder, the latest ones.
        self._reasons: dict[int, str] = {}
        #: Memory that large objects have left since the system got some back.
        self._freed_bytes = 0

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
        owner = context.current_request().client
        if owner:
            self._owners[key] = owner
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
            raise StaleReference(self._why_gone(reference))
        return item

    def _why_gone(self, reference: Reference) -> str:
        type, number = f"{reference.type:.40}", reference.id
        reason = self._reasons.get(number)
        if reason is not None:
            return f"this {type} is gone: {reason}"
        if 0 < number < self._reset and type in _OF_THE_NETWORK:
            return f"this {type} is gone: ResetKernel invalidates all that were made before it"
        return f"there is no {type} number {number}: it was released"

    def release(self, reference: Reference) -> None:
        """Drop the object of ``reference``; a stale reference is no error."""
        if reference.generation == self._generation:
            self._drop(reference.id)

    def measure(self, owners: Collection[str]) -> dict[str, int]:
        """Return how many bytes the objects of each of these owners take, by and large.

        Owners without objects are left out. The numbers are the same on every rank.
        """
        wanted = frozenset(owners)
        sizes: defaultdict[str, int] = defaultdict(int)
        for number, owner in self._owners.items():
            if owner in wanted:
                sizes[owner] += _bytes_of(self._objects[number])
        return dict(sizes)

    def release_owners(self, owners: Collection[str], reason: str, least_bytes: int = 0) -> None:
        """Drop objects of these owners.

        Parameters
        ----------
        owners : whose objects go
        reason : for who uses one of them later; empty if nobody can
        least_bytes : that such an object takes, by and large
        """
        wanted = frozenset(owners)
        for number in [number for number, owner in self._owners.items() if owner in wanted]:
            if least_bytes and _bytes_of(self._objects[number]) < least_bytes:
                continue
            self._drop(number)
            if reason:
                self._reasons[number] = reason
        while len(self._reasons) > _REMEMBERED:
            del self._reasons[next(iter(self._reasons))]
        if self._freed_bytes > _TRIMMED_BYTES:
            self._freed_bytes = 0
            give_back_memory()

    def rollback_to(self, number: int) -> None:
        """Drop all objects from ``number`` on, which no caller knows, and count on from there."""
        for made in range(number, self._next):
            self._drop(made)
        self._next = number

    def reset(self) -> None:
        """Drop nodes and connections, as their network is gone."""
        kinds = (NodeCollection, Connections)
        for number in [key for key, item in self._objects.items() if isinstance(item, kinds)]:
            self._drop(number)
        self._reset = self._next

    def _drop(self, number: int) -> None:
        item = self._objects.pop(number, None)
        self._owners.pop(number, None)
        if isinstance(item, Connections):
            self._freed_bytes += _bytes_of(item)


#: Types whose objects go with the network.
_OF_THE_NETWORK = frozenset(["NodeCollection", Connections.reference_type])


def _type_of(item: object) -> str:
    """Return the name of an object's type in PyNEST."""
    name: str = getattr(type(item), "reference_type", type(item).__name__)
    return name


def _bytes_of(item: Any) -> int:
    """Return how many bytes an object takes, by and large, equal on every rank."""
    if isinstance(item, Connections):
        return _OBJECT_BYTES + _CONNECTION_BYTES * item.total
    if isinstance(item, NodeCollection):
        count = len(item)
        if count < 2 or item[-1].global_id - item[0].global_id + 1 == count:
            return _OBJECT_BYTES
        return _OBJECT_BYTES + _NODE_BYTES * count
    if isinstance(item, nest.spatial.free) and isinstance(item.pos, (list, tuple)):
        return _OBJECT_BYTES + _POSITION_BYTES * len(item.pos)
    return _OBJECT_BYTES
