"""All rows of the contract that hold for servers with the usual settings."""

from __future__ import annotations

from collections import Counter

from tests.contract import (
    authentication,
    batches,
    beyond,
    bodies,
    browsers,
    clients,
    nodes,
    refusals,
    routes,
    scripts,
)
from tests.contract.steps import Case

SECTIONS = {
    "routes": routes.CASES,
    "bodies": bodies.CASES,
    "nodes": nodes.CASES,
    "refusals": refusals.CASES,
    "authentication": authentication.CASES,
    "browsers": browsers.CASES,
    "scripts": scripts.CASES,
    "clients": clients.CASES,
    "batches": batches.CASES,
    "beyond": beyond.CASES,
}

#: Name of the row, the row, and the server to ask.
ROWS: list[tuple[str, Case, str]] = [
    (f"{section}: {case.name}" + (" (open)" if on == "open" else ""), case, on)
    for section, cases in SECTIONS.items()
    for case in cases
    for on in case.on
]

assert max(Counter(name for name, _, _ in ROWS).values()) == 1
