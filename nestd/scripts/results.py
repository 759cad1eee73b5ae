"""Encoder of scripts' results: the total encoder with forms for the look-alike's objects.

=========================== ===============================================================
object                      value
=========================== ===============================================================
NodeCollection              array of its node ids
SynapseCollection           dict of parallel lists, also of one connection
Parameter, Mask, grid …     text
Compartments, Receptors     list of dicts
CollocatedSynapses          list of dicts
figure of matplotlib        bytes of a PNG; so are its axes
anything else               as ``protocol/wire/encoder.py`` has it
=========================== ===============================================================
"""

from __future__ import annotations

import io
import sys
from typing import Any
from urllib.parse import quote

from nest_remote.objects.compartments import Compartments, Receptors
from nest_remote.objects.handles import Handle
from nest_remote.objects.nodes import NodeCollection
from nest_remote.objects.synapses import CollocatedSynapses
from protocol.wire import encoder
from protocol.wire.values import Value


def file_value(name: str, files: list[dict[str, Any]]) -> Value:
    """Return where a file can be had, and its size; ``None`` if there is none of that name."""
    for file in files:
        if file["name"] == name:
            return {"file": f"/files/{quote(name)}", "name": name, "size": file["size"]}
    return None


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
        return _image(item) or super()._other(item)


def _image(item: Any) -> bytes | None:
    """Return a figure, or the figure of axes, as PNG; ``None`` for what is neither."""
    if "matplotlib.figure" not in sys.modules or "matplotlib.axes" not in sys.modules:
        return None
    of_figure, of_axes = (
        sys.modules["matplotlib.figure"].Figure,
        sys.modules["matplotlib.axes"].Axes,
    )
    if not isinstance(item, (of_figure, of_axes)):
        return None
    figure = item.figure if isinstance(item, of_axes) else item
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()
