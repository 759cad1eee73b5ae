"""Warnings about a call, on their way to its caller."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: Category of NEST's own warnings, where Python's have the name of their class.
NEST_WARNING = "NESTWarning"
#: Header of a reply with the warnings about what was asked for.
WARNINGS_HEADER = "NEST-Warnings"

#: Most warnings about one call, batch or script; what is more is in the server's log only.
MOST = 20
#: Most characters of a warning.
_CHARACTERS = 1000
#: Most bytes of the header: proxies take few KiB for all headers of a reply.
_HEADER_BYTES = 3000


@dataclass(frozen=True)
class Warned:
    """One warning."""

    text: str
    #: Name of the Python class, or :data:`NEST_WARNING`.
    category: str
    #: Index of the call in its batch, from 0; -1 outside of batches.
    index: int = -1

    def fields(self) -> list[Any]:
        """Return what a message carries."""
        return [self.text, self.category, self.index]


def bounded(found: Iterable[Warned]) -> list[Warned]:
    """Return each warning once, in their order, and not too many."""
    unique = list(dict.fromkeys(found))[:MOST]
    return [Warned(item.text[:_CHARACTERS], item.category, item.index) for item in unique]


def to_header(found: Iterable[Warned]) -> str:
    """Return the header that tells the warnings: a list in JSON, in ASCII."""
    texts: list[str] = []
    size = 2
    for item in found:
        facts: dict[str, Any] = {"category": item.category, "text": item.text}
        if item.index >= 0:
            facts["index"] = item.index
        text = json.dumps(facts)
        size += len(text) + 2
        if size > _HEADER_BYTES:
            break
        texts.append(text)
    return f"[{', '.join(texts)}]"


def from_header(header: str) -> list[Warned]:
    """Return the warnings that a header tells; none if it is no such header."""
    try:
        return [
            Warned(str(item["text"]), str(item["category"]), int(item.get("index", -1)))
            for item in json.loads(header)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
