"""Warnings of NEST and PyNEST, given at the caller's line as Python's own are."""

from __future__ import annotations

import builtins
import sys
import warnings
from collections.abc import Sequence
from types import FrameType

from protocol.warned import Warned, from_header

#: Packages whose lines nobody wants to see in a warning about a call.
_OURS = frozenset(["nest_remote", "NESTServerClient", "protocol", "nestd"])


class NESTWarning(UserWarning):
    """Warning that NEST itself has printed about a call."""


def tell(found: str | Sequence[Warned]) -> None:
    """Give warnings at the line that has made the call; Python's filters decide what is seen.

    Parameters
    ----------
    found : warnings, or the header of a reply that tells them
    """
    if not found:
        return
    level = _level()
    for item in from_header(found) if isinstance(found, str) else found:
        warnings.warn(item.text, _category(item.category), stacklevel=level)


def _level() -> int:
    """Return the ``stacklevel`` for :func:`tell` of the nearest frame that is not ours."""
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _OURS:
            return level
        level, frame = level + 1, frame.f_back
    return 1


def _category(name: str) -> type[Warning]:
    """Return the class of a warning: NEST's, Python's own, or ``UserWarning`` for others."""
    found = NESTWarning if name == NESTWarning.__name__ else getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else UserWarning
