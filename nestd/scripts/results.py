"""Encoder of scripts' results: the total encoder with forms for the look-alike's objects.

=========================== ===============================================================
object                      value
=========================== ===============================================================
NodeCollection              array of its node ids
SynapseCollection           dict of parallel lists, also of one connection
Parameter, Mask, grid …     text
Compartments, Receptors     list of dicts
CollocatedSynapses          list of dicts
anything else               as ``protocol/wire/encoder.py`` has it
=========================== ===============================================================
"""

from __future__ import annotations

from typing import Any

from nest_remote.objects.compartments import Compartments, Receptors
from nest_remote.objects.handles import Handle
from nest_remote.objects.nodes import NodeCollection
from nest_remote.objects.synapses import CollocatedSynapses
from protocol.wire import encoder
from protocol.wire.values import Value


class ResultEncoder(encoder.Encoder):
    """Turns what a script's variable holds into a value."""

    def _other(self, item: Any) -> Value:
        if isinstance(item, NodeCollection):
            return self.encode(item.__array__())
        if isinstance(item, Handle):
            return self.encode(item.contents())
        if isinstance(item, (Compartments, Receptors)):
            return self.encode(item.get_tuple())
        if isinstance(item, CollocatedSynapses):
            return self.encode(item.syn_specs)
        return super()._other(item)
