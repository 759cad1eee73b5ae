"""Interned keys: names that dicts in messages have as keys, kept for the next message.

msgpack interns the keys that it reads. A name to which nothing else refers ends with its message,
and comes anew with the next one. Each time it takes a place in Python's table of interned strings,
which is copied when all are taken: megabytes in a large program, in the memory of whatever thread
it happens in, which thus grows with the number of messages. A name that stays takes one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

#: So many are kept, of so many characters at most: NEST has some 1500, callers could have any.
_MOST, _LONGEST = 4096, 64

_kept: set[str] = set()


def are_names(container: Mapping[Any, Any]) -> bool:
    """Return whether all keys are text, and keep them."""
    if container.keys() <= _kept:
        return True
    if not all(type(key) is str for key in container):
        return False
    new = (key for key in container if len(key) <= _LONGEST and key not in _kept)
    _kept.update(islice(new, max(0, _MOST - len(_kept))))
    return True
