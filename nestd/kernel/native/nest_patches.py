"""Lets NEST go on with a run as if it had never stopped.

At the start and the end of every ``Run``, NEST compares the random numbers that all ranks and
threads have to have in common, and draws ten of them for it each time; at the start, it also sets
its counter of spikes to zero. A simulation in several runs would so draw other numbers for
what is built or rewired by them, and count the last run's spikes only. Both are functions that
NEST's library calls through its table of addresses; there, between the parts of one simulation,
they are exchanged for one that does nothing (``docs/decisions/0008-slices-leave-no-trace.md``).
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

from nestd.kernel.native.got_table import NotInTable, slots

#: ``nest::RandomManager::check_rng_synchrony() const``
SYNCHRONY = "_ZNK4nest13RandomManager19check_rng_synchronyEv"
#: ``nest::EventDeliveryManager::reset_counters()``
COUNTERS = "_ZN4nest20EventDeliveryManager14reset_countersEv"


class NestPatches:
    """The functions at a run's start and end that can be left out.

    Where the library does not call them through its table, as one may that was linked in another
    way, nothing is exchanged and :attr:`problem` says so.
    """

    def __init__(self) -> None:
        self._slots: dict[str, ctypes.c_void_p] = {}
        #: Why slices leave traces; empty if they don't.
        self.problem = ""
        try:
            self._slots = slots(SYNCHRONY, COUNTERS)
        except NotInTable as error:
            self.problem = str(error)
        # Takes a pointer as any method does, touches no memory, and what it gives is not looked at.
        self._nothing = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value

    @contextlib.contextmanager
    def suppressed(self, *names: str) -> Iterator[None]:
        """Have NEST call nothing in the place of the functions of these names."""
        suppressed = [self._slots[name] for name in names if name in self._slots]
        kept = [slot.value for slot in suppressed]
        for slot in suppressed:
            slot.value = self._nothing
        try:
            yield
        finally:
            for slot, value in zip(suppressed, kept, strict=True):
                slot.value = value
