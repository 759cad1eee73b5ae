"""Capabilities of root, of which a process that runs NEST keeps those over files.

With others, root looks into the memory of processes that Landlock keeps closed, or raises limits
again. By hand, as the C library has the two system calls but no package for Python wraps them; the
constants are those of ``linux/capability.h``.
"""

from __future__ import annotations

import ctypes
import os
import struct

_VERSION_3 = 0x20080522
#: CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, and CAP_IPC_LOCK for the memory
#: of networks between hosts.
_KEPT = sum(1 << number for number in (0, 1, 2, 3, 14))


def drop_capabilities() -> None:
    """Give up what a process that runs NEST needs no capability for; for ever.

    To be called before there are other threads, and with no new privileges from programs.

    Raises
    ------
    OSError
        If the system refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    head = struct.pack("=Ii", _VERSION_3, 0)
    # Effective, permitted and inheritable ones, in two halves.
    held = ctypes.create_string_buffer(struct.calcsize("=6I"))
    _check(libc.capget(head, held))
    words = struct.unpack("=6I", held.raw)
    low = [word & _KEPT for word in words[:2]]
    _check(libc.capset(head, struct.pack("=6I", *low, 0, 0, 0, 0)))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
