"""Objects that nobody here holds any more, until the kernel is told."""

from __future__ import annotations

import time
from collections import deque

from protocol.wire.values import Reference

#: So many objects are released together: each needs a place in a message, not one of its own.
BATCH = 256
#: Bytes in the kernel that are not kept waiting, and the time for which others are.
_BYTES = 1 << 20
_WAIT_S = 10.0

#: What a connection and a node take in the kernel, by and large.
_CONNECTION_BYTES = 96
_NODE_BYTES = 64


class Dropped(deque[Reference]):
    """Queue of dropped objects. Safe for threads, and for a collector of garbage."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0
        self._since_s = 0.0

    def append(self, reference: Reference) -> None:
        """Add an object."""
        if not self:
            self._bytes, self._since_s = 0, time.monotonic()
        super().append(reference)
        if reference.size is not None:
            self._bytes += _CONNECTION_BYTES * reference.size
        elif reference.ids is not None:
            self._bytes += _NODE_BYTES * len(reference.ids)

    def is_due(self) -> bool:
        """Return whether the objects are many, large, or have waited for long."""
        return bool(self) and (
            len(self) >= BATCH
            or self._bytes >= _BYTES
            or time.monotonic() - self._since_s >= _WAIT_S
        )
