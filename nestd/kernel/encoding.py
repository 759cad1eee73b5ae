"""The total encoder, with forms for PyNEST's objects.

=========================== ===============================================================
object                      value
=========================== ===============================================================
NodeCollection              reference, or array of its node ids
Connections                 reference, or this rank's share of parallel lists
Parameter, Mask, grid …     reference, or the expression that made it, else text
Compartments, Receptors     list of dicts
CollocatedSynapses          list of dicts
anything else               as ``protocol/wire/encoder.py`` has it
=========================== ===============================================================
"""

from __future__ import annotations

from typing import Any

from nestd.kernel.connections import Connections
from nestd.kernel.objects import ObjectTable
from nestd.kernel.partial_answers import connection_share
from nestd.kernel.pynest import Mask, NodeCollection, Parameter, nest, node_ids
from protocol.wire import encoder
from protocol.wire.values import Expression, Reference, Value

_OBJECTS = (Parameter, Mask, nest.spatial.grid, nest.spatial.free)


class KernelEncoder(encoder.Encoder):
    """Turns one result into a value.

    Parameters
    ----------
    objects : table that holds what is answered as reference; ``None`` if the caller can't
        hold references
    origin : the expression that made the result, if the operation was one
    tuples : whether tuples stay tuples
    """

    def __init__(
        self,
        objects: ObjectTable | None = None,
        origin: Expression | None = None,
        tuples: bool = False,
    ) -> None:
        super().__init__(tuples)
        #: Table that holds what is answered as reference, if anything is.
        self.objects = objects
        self._origin = origin

    def _other(self, item: Any) -> Value:
        if isinstance(item, (NodeCollection, Connections)):
            return self._collection(item)
        if isinstance(item, _OBJECTS):
            return self._object(item)
        if isinstance(item, (nest.Compartments, nest.Receptors)):
            return self.encode(item.get_tuple())
        if isinstance(item, nest.CollocatedSynapses):
            return self.encode(item.syn_specs)
        return super()._other(item)

    def _collection(self, collection: Any) -> Value:
        if self.objects is None:
            if isinstance(collection, Connections):
                return self.encode(connection_share(collection))
            return node_ids(collection)
        key, generation = self.objects.hold(collection)
        if isinstance(collection, Connections):
            return Reference(collection.reference_type, key, generation)
        return Reference("NodeCollection", key, generation, node_ids(collection))

    def _object(self, item: Any) -> Value:
        if self.objects is not None:
            return Reference(type(item).__name__, *self.objects.hold(item))
        if self._origin is not None:
            return self._origin
        return f"<{type(item).__name__}>"
