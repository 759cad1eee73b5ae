"""Counts of devices, which NEST keeps across ResetKernel, set to zero there.

Why this is written by hand: NEST counts on from all devices that a process has ever made, and
makes tables of that size, so that Connect, GetConnections and Simulate take longer, and more
memory, with each network. Nothing that PyNEST offers sets the counts back. The NEST that
``scripts/install-nest-mpi`` builds is corrected and has nothing left to set; the wheel is not.

The kernel's object with the counts is found by the address of its virtual methods. What is taken
for the counts has to be what NEST's own function says they are. Without native access a kernel
ages, until the server is started anew.
"""

from __future__ import annotations

import ctypes
import logging
import sys

from nestd.kernel.native import switch
from nestd.kernel.pynest import nest

log = logging.getLogger(__name__)

#: Versions of NEST whose ``NodeManager`` is the one below.
_KNOWN = ("3.10.",)

#: ``nest::KernelManager::kernel_manager_instance_``, a pointer to the kernel
_KERNEL = "_ZN4nest13KernelManager24kernel_manager_instance_E"
#: Virtual methods of ``nest::NodeManager``; its objects point to the third entry (Itanium C++ ABI).
_METHODS = "_ZTVN4nest11NodeManagerE"
#: ``nest::NodeManager::get_num_thread_local_devices(size_t) const``
_COUNT = "_ZNK4nest11NodeManager28get_num_thread_local_devicesEm"

#: Place of the vector of counts in a ``NodeManager``: four vectors, two numbers and a flag before.
_COUNTS_AT = 16
_WORD = ctypes.sizeof(ctypes.c_size_t)


class DeviceCounts:
    """Counts of devices of each thread, as far as :attr:`problem` is empty."""

    def __init__(self) -> None:
        #: Why the counts stay; empty if they don't.
        self.problem = ""
        try:
            self._find()
        except (AttributeError, LookupError, OSError, ValueError) as error:
            self.problem = str(error)

    def forget(self) -> None:
        """Set the counts to zero; the kernel has no nodes."""
        if self.problem:
            return
        threads = int(nest.local_num_threads)
        begin, end = self._words[_COUNTS_AT], self._words[_COUNTS_AT + 1]
        if begin and end - begin == threads * _WORD:
            counts = (ctypes.c_size_t * threads).from_address(begin)
            if list(counts) == [self._count(self._manager, thread) for thread in range(threads)]:
                ctypes.memset(counts, 0, ctypes.sizeof(counts))
                return
        self.problem = "the counts are not where they are in the NEST that is known"
        log.warning("the kernel will get slower with each device: %s", self.problem)

    def _find(self) -> None:
        if not switch.is_on:
            raise LookupError("NESTD_NATIVE is off")
        if not nest.__version__.startswith(_KNOWN):
            raise LookupError(f"NEST {nest.__version__} is not known to this nestd")
        library = ctypes.CDLL(str(sys.modules[nest.ll_api.nestkernel.__name__].__file__))
        kernel = ctypes.c_void_p.in_dll(library, _KERNEL).value
        methods = ctypes.addressof(ctypes.c_char.in_dll(library, _METHODS)) + 2 * _WORD
        size = ctypes.CDLL(None).malloc_usable_size
        size.argtypes, size.restype = [ctypes.c_void_p], ctypes.c_size_t
        words = (ctypes.c_size_t * (size(kernel) // _WORD)).from_address(kernel or 0)
        places = [place for place, word in enumerate(words) if word == methods]
        if len(places) != 1:
            raise LookupError("the kernel has its nodes elsewhere than the NEST that is known")
        self._manager = ctypes.addressof(words) + places[0] * _WORD
        self._words = (ctypes.c_size_t * (_COUNTS_AT + 3)).from_address(self._manager)
        self._count = library[_COUNT]
        self._count.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._count.restype = ctypes.c_size_t
