"""How many connections over ``tcp://`` a kernel has refused, and why: a file beside the others."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from protocol.runtime.private_files import write_private

#: With CURVE, but under a key that is not among those that are let in.
UNKNOWN_KEY = "unknown_key"
#: With another handshake than CURVE's, or the key of another kernel.
NO_CURVE = "no_curve"
#: Closed, or silent, before it was over, as who wants no encryption is, and who scans ports.
BROKEN_OFF = "broken_off"
REASONS = (UNKNOWN_KEY, NO_CURVE, BROKEN_OFF)


@dataclass(frozen=True)
class RejectedConnections:
    """Connections that were refused, by reason."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def with_one(self, reason: str) -> RejectedConnections:
        """One more."""
        return replace(self, counts=self.counts | {reason: self.counts[reason] + 1})

    def write(self, path: Path) -> None:
        """Leave them for others to read; without room they are not."""
        with contextlib.suppress(OSError):
            write_private(path, json.dumps(self.counts).encode())

    @staticmethod
    def read(path: Path) -> RejectedConnections:
        """What was left; none if nothing was."""
        found = RejectedConnections()
        with contextlib.suppress(OSError, ValueError, AttributeError):
            said = json.loads(path.read_bytes())
            known = {name: said.get(name) for name in REASONS}
            counts = {name: count for name, count in known.items() if type(count) is int}
            return RejectedConnections(found.counts | counts)
        return found
