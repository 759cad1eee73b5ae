"""Where replies may differ between numbers of ranks, with the reason.

Anything that is not listed here has to be equal byte for byte.
"""

from __future__ import annotations

import json
from typing import Any

#: Fields that are measured: they differ from run to run on one process too.
MEASURED = {
    "memory_size": "memory of the processes",
    "max_update_time": "wall time of one update step",
    "min_update_time": "wall time of one update step",
}
MEASURED_PREFIX = "time_"

#: Sizes of buffers that NEST shares out by rank. They change no result.
BUFFERS = {
    "buffer_size_spike_data": "NEST has one buffer for each rank that it sends spikes to",
    "buffer_size_target_data": "NEST has one buffer for each rank that it sends targets to",
    "spike_buffer_resize_log": "when those buffers grew",
    "send_buffer_size_secondary_events": "gap junctions and rates are sent by rank",
    "recv_buffer_size_secondary_events": "gap junctions and rates are sent by rank",
}

#: Distributions of which NEST keeps the second value of a pair for each thread of a process. When
#: the random generator that is the same on all ranks is asked for the values of many nodes
#: (Parameter.apply), more threads leave more of these behind.
DRAWN_IN_PAIRS = ("random.normal", "random.lognormal")


def comparable(text: str) -> str:
    """A reply's body without what may differ between numbers of ranks."""
    value = json.loads(text)
    if isinstance(value, dict) and "error" in value:
        # A caller learns which ranks refused, where others had nothing to do with it.
        value.pop("ranks", None)
    return json.dumps(_stripped(value))


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _stripped(item)
            for key, item in value.items()
            if key not in MEASURED and key not in BUFFERS and not key.startswith(MEASURED_PREFIX)
        }
    if isinstance(value, list):
        return [_stripped(item) for item in value]
    return value
