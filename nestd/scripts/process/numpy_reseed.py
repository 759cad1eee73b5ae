"""Reseeds NumPy's own random number generator, so that each forked process has other numbers."""

from __future__ import annotations

import ctypes
import os
import sys

import numpy as np

#: Numbers of the Mersenne Twister's state. They are followed by the place of the next one.
_NUMBERS = 624
_STATE_BYTES = 4 * _NUMBERS
#: Place of the next number when all are used up: it is made of new ones.
_AT_END = _NUMBERS.to_bytes(4, sys.byteorder)


class NumpyReseed:
    """State of NumPy's own generator, to be renewed before each fork.

    ``np.random.seed()`` does the same by way of objects whose memory each fork has to copy, so
    that is used only where the state does not lie in memory as expected.
    """

    def __init__(self) -> None:
        # This also forgets a number that was made in advance.
        np.random.seed()
        self._state: memoryview | None = None
        generator = getattr(np.random, "get_bit_generator", lambda: None)()
        if not isinstance(generator, np.random.MT19937):
            return
        state = (ctypes.c_uint32 * (_NUMBERS + 1)).from_address(generator.ctypes.state_address)
        expected = generator.state["state"]
        if list(state) == [*expected["key"], expected["pos"]]:
            self._state = memoryview(state).cast("B")

    @property
    def is_direct(self) -> bool:
        """Return whether the state lies in memory as expected."""
        return self._state is not None

    def renew(self) -> None:
        """Move the generator to a state that cannot be known."""
        if self._state is None:
            np.random.seed()
        else:
            self._state[:] = os.urandom(_STATE_BYTES) + _AT_END
