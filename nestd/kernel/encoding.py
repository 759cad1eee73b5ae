"""Encoder of every Python object, with forms for PyNEST's objects.

=========================== ===============================================================
object                      value
=========================== ===============================================================
NodeCollection              reference, or array of its node ids
Connections                 reference, or partial answer with columns
Parameter, Mask, grid …     reference, or the expression that made it, else text
Compartments, Receptors     list of dicts
CollocatedSynapses          list of dicts
partial answer              partial answer with values in its fields
anything else               as ``protocol/wire/encoder.py`` has it
=========================== ===============================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nestd.kernel.connections import Connections
from nestd.kernel.objects import ObjectTable
from nestd.kernel.pynest import RANKS, Mask, NodeCollection, Parameter, nest, node_ids
from nestd.partial.answers import Piece
from nestd.partial.connections import ConnectionColumns
from protocol.wire import encoder
from protocol.wire.values import Array, Expression, Reference, Value

#: Longer texts of nodes, of more parts, are not sent before somebody asks for them.
_TEXT_LIMIT = 4096
_PRINTED_PARTS = 64

_OBJECTS = (Parameter, Mask, nest.spatial.grid, nest.spatial.free)


class KernelEncoder(encoder.Encoder):
    """Encoder that turns one result of PyNEST into a value, or a partial answer of values.

    Parameters
    ----------
    objects : table of the objects that callers hold references to; ``None`` if the caller can't
        hold references
    origin : expression that made the result, if the operation was one
    tuples : whether tuples stay tuples
    """

    def __init__(
        self,
        objects: ObjectTable | None = None,
        origin: Expression | None = None,
        tuples: bool = False,
    ) -> None:
        super().__init__(tuples)
        #: Table of objects for references, if the caller can hold them.
        self.objects = objects
        self._origin = origin

    def _other(self, item: Any) -> Value:
        if isinstance(item, Piece):
            return item.encoded(self.encode)
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
                return self.encode(ConnectionColumns.collect(collection))
            return node_ids(collection)
        key, generation = self.objects.hold(collection)
        if isinstance(collection, Connections):
            # On several ranks the number is known when the connections have their order.
            size = collection.total if RANKS == 1 else None
            return Reference(collection.reference_type, key, generation, size=size)
        ids = node_ids(collection)
        return Reference("NodeCollection", key, generation, ids, text=_text(collection, ids))

    def _object(self, item: Any) -> Value:
        if self.objects is not None:
            return Reference(type(item).__name__, *self.objects.hold(item))
        if self._origin is not None:
            return self._origin
        return f"<{type(item).__name__}>"


def _text(nodes: Any, ids: Array) -> str | None:
    """Return how PyNEST prints nodes; ``None`` if that is long, as of many single nodes."""
    # Mostly a range of one model, which is seen without a look at each id.
    has_gaps = len(ids) > _PRINTED_PARTS and ids[-1] - ids[0] >= len(ids)
    if has_gaps and np.count_nonzero(np.diff(ids) != 1) > _PRINTED_PARTS:
        return None
    text = str(nodes)
    return text if len(text) <= _TEXT_LIMIT else None
