"""Patches that let NEST continue a run as if it had never stopped.

Why this is written by hand: NEST has no call that continues a run. At the start and the end of
every ``Run`` it compares the random numbers that all ranks and threads have in common, and draws
ten of them each time; at the start, it also sets its counter of spikes to zero. A simulation in
several runs would therefore draw other numbers for what is built or rewired by them, and count
the spikes of the last run only. NEST's library calls both functions through its table of
addresses. Between the parts of one simulation, that table has a function that does nothing in
their place (``docs/decisions/0008-slices-leave-no-trace.md``).

Without the patches, :mod:`nestd.kernel.simulation` cuts only what draws no such numbers.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

from nestd.kernel.native.got_table import NativeUnavailable, slots

#: ``nest::RandomManager::check_rng_synchrony() const``
SYNCHRONY = "_ZNK4nest13RandomManager19check_rng_synchronyEv"
#: ``nest::EventDeliveryManager::reset_counters()``
COUNTERS = "_ZN4nest20EventDeliveryManager14reset_countersEv"

#: Versions of NEST in which both do no more than is said above.
_KNOWN = ("3.10.",)


class NestPatches:
    """Functions of NEST that can be suppressed, as far as :attr:`problem` is empty."""

    def __init__(self) -> None:
        self._slots: dict[str, ctypes.c_void_p] = {}
        #: Why nothing is suppressed; empty if it is.
        self.problem = ""
        try:
            self._slots = slots((SYNCHRONY, COUNTERS), _KNOWN)
        except NativeUnavailable as error:
            self.problem = str(error)
        # ``abs`` takes a pointer as methods do, touches no memory, and NEST ignores its result.
        self._nothing = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value

    @contextlib.contextmanager
    def suppressed(self, *names: str) -> Iterator[None]:
        """Have NEST call a function that does nothing in place of the named ones."""
        suppressed = [self._slots[name] for name in names if name in self._slots]
        originals = [slot.value for slot in suppressed]
        for slot in suppressed:
            slot.value = self._nothing
        try:
            yield
        finally:
            for slot, original in zip(suppressed, originals, strict=True):
                slot.value = original
