"""Sources, targets and ports of connections, read where PyNEST's objects have them.

Why this is written by hand: PyNEST gives them only with all other fields of a connection, as a
dictionary for each: five microseconds, so that whoever asks for the ends of a million connections,
or wants them in order, waits for five seconds. The objects that PyNEST lists for connections hold
five numbers, which tell them apart; here they are taken out of all objects at once.

What is read has to be what PyNEST says of the first, the last and the one in the middle. Where it
is not, and without native access, PyNEST is asked for all.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from nestd.kernel.native import switch
from nestd.kernel.pynest import connection_status, nest
from protocol.wire.values import Array

#: Versions of NEST whose ``ConnectionObject`` is the one below.
_KNOWN = ("3.10.",)

#: Fields of ``nest::ConnectionID``, in their order, each a long.
FIELDS = ("source", "target", "target_thread", "synapse_id", "port")
#: Before them an object has its count of references, its type, and its table of methods.
_BEFORE = 3
_WORD = 8
_OBJECT_BYTES = _WORD * (_BEFORE + len(FIELDS))


def read_ids(data: Sequence[Any], wanted: Collection[str]) -> dict[str, Array] | None:
    """Read fields of connections.

    Parameters
    ----------
    data : PyNEST's objects of connections, n > 0
    wanted : some of :data:`FIELDS`

    Returns
    -------
    By field its values, int64 of shape (n,); ``None`` if they can't be read.
    """
    if not (switch.is_on and nest.__version__.startswith(_KNOWN)):
        return None
    kinds = set(map(type, data))
    if ctypes.sizeof(ctypes.c_long) != _WORD or kinds != {nest.ll_api.nestkernel.ConnectionObject}:
        return None
    if sys.getsizeof(data[0]) < _OBJECT_BYTES:
        return None
    places = np.fromiter(map(id, data), np.uint64, len(data))
    first = int(places.min())
    # All memory between the objects; only they are looked at.
    words = (int(places.max()) - first) // _WORD + _OBJECT_BYTES // _WORD
    memory = np.ctypeslib.as_array((ctypes.c_int64 * words).from_address(first))
    at = ((places - np.uint64(first)) // np.uint64(_WORD)).astype(np.int64) + _BEFORE
    found = {field: memory[at + FIELDS.index(field)] for field in wanted}
    for row in {0, len(data) // 2, len(data) - 1}:
        (said,) = connection_status([data[row]])
        if any(said[field] != column[row] for field, column in found.items()):
            return None
    return found
