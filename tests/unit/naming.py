"""Names of parametrised tests that are the same in every run, as parallel runs need."""

from __future__ import annotations

import re


def stable(value: object) -> str:
    """``repr`` without addresses, with the elements of sets in order."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__} of {', '.join(sorted(map(repr, value)))}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
