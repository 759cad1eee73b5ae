"""System calls that a process which runs NEST can't make once it has started (seccomp(2)).

Landlock knows nothing of the mode and the owner of a file, nor of sockets with a path. Code in the
kernel's process could open a file of the account to everybody, or have a service of the account,
such as its session bus, start a program outside of the confinement.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

#: Calls that change who can use a file, and one that makes calls which no filter sees.
_FORBIDDEN = str.split(
    """
    chmod fchmod fchmodat chown fchown lchown fchownat
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr io_uring_setup
    """
)
#: Its number on all machines, as libraries that are older than the call don't know its name.
_FCHMODAT2 = 452


def forbid_system_calls(is_alone: bool) -> str | None:
    """Forbid all threads of this process the calls; return why the system does not, if it doesn't.

    To be called when all sockets are bound and MPI has begun.

    Parameters
    ----------
    is_alone : whether nobody is connected to any more: no other ranks, and nothing of a network
    """
    try:
        # It looks for the library when it is imported, and raises if there is none.
        import pyseccomp

        _filter(pyseccomp, is_alone).load()
    except (ImportError, RuntimeError, OSError) as error:
        return str(error)
    return None


def _filter(seccomp: Any, is_alone: bool) -> Any:
    made = seccomp.SyscallFilter(seccomp.ALLOW)
    made.set_attr(seccomp.Attr.CTL_TSYNC, 1)
    # Older systems slow a process with a filter down otherwise, and with it simulations.
    made.set_attr(seccomp.Attr.CTL_SSB, 1)
    refused = seccomp.ERRNO(errno.EPERM)
    for name in _FORBIDDEN:
        # Negative numbers stand for calls that this machine doesn't have.
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0:
            made.add_rule(refused, name)
    made.add_rule(refused, _FCHMODAT2)
    if is_alone:
        made.add_rule(refused, "socket", seccomp.Arg(0, seccomp.EQ, socket.AF_UNIX))
        made.add_rule(refused, "connect")
    return made
