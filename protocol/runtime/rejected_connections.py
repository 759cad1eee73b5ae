"""Connections over ``tcp://`` that a kernel has rejected, counted by reason in a file."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from protocol.runtime.private_files import write_private

#: The peer's key is not among those that are let in.
UNKNOWN_KEY = "unknown_key"
#: The peer uses another handshake than CURVE's, or the key of another kernel.
NO_CURVE = "no_curve"
#: The peer closed or fell silent within the handshake, as plain connections and port scans do.
BROKEN_OFF = "broken_off"
REASONS = (UNKNOWN_KEY, NO_CURVE, BROKEN_OFF)


@dataclass(frozen=True)
class RejectedConnections:
    """Numbers of rejected connections, by reason."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))

    @property
    def total(self) -> int:
        """Return the number of all rejected connections."""
        return sum(self.counts.values())

    def plus_one(self, reason: str) -> RejectedConnections:
        """Return the numbers after one more connection was rejected."""
        return replace(self, counts=self.counts | {reason: self.counts[reason] + 1})

    def write(self, path: Path) -> None:
        """Write the numbers to ``path``, if there is room for them."""
        with contextlib.suppress(OSError):
            write_private(path, json.dumps(self.counts).encode())

    @staticmethod
    def read(path: Path) -> RejectedConnections:
        """Return the numbers in ``path``; zeros if they can't be read."""
        none = RejectedConnections()
        with contextlib.suppress(OSError, ValueError, AttributeError):
            written = json.loads(path.read_bytes())
            known = {name: written.get(name) for name in REASONS}
            counts = {name: count for name, count in known.items() if type(count) is int}
            return RejectedConnections(none.counts | counts)
        return none
