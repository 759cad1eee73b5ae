"""What all sides know of jobs."""

from __future__ import annotations

#: States that are final.
FINAL = frozenset(["done", "failed", "cancelled"])

#: Calls that simulate, and so tell how far they are.
SIMULATING = frozenset(["Run", "Simulate"])
