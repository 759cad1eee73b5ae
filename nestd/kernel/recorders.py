"""Which recorders there are."""

from __future__ import annotations

import re

from nestd.kernel.api.calls import print_nodes
from nestd.kernel.pynest import nest

#: A line of PrintNodes: one node, or the first and the last of a range, and their model.
_LINE = re.compile(r" *(\d+)(?: \.\. (\d+))? +(.+)")


def listed() -> list[list[int | str]]:
    """First id, last id and model of each range of recorders, by their ids.

    The same on every rank. PrintNodes names ranges of nodes in no time, where GetNodes would look
    at each node, and copy what each recorder has recorded.
    """
    ranges = [match.groups() for match in map(_LINE.fullmatch, print_nodes().splitlines()) if match]
    kinds = {model: nest.GetDefaults(model)["element_type"] for _, _, model in ranges}
    return [
        [int(first), int(last or first), model]
        for first, last, model in ranges
        if kinds[model] == "recorder"
    ]
