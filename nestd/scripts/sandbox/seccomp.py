"""Filter of the system calls that a script's process can make (seccomp(2)).

The filter knows nothing of Python, so nothing in Python gets around it. With it, a process can
compute, use the memory it may have, and talk over the file descriptors that it has got, and that
is all. No file can be opened, not even to be read, no process started, no socket made, no code
mapped. The filter lists the system calls that are allowed; all others fail with EPERM.
"""

from __future__ import annotations

import codecs
import ctypes
import errno
import fcntl
import io
import locale
import mmap
import os
import tempfile
import time
import traceback
import warnings
from typing import Any

import numpy as np

#: System calls that a script may make with any arguments. Names that a machine doesn't have are
#: left out there.
_ALLOWED = str.split(
    """
    read write readv writev recvfrom recvmsg sendto sendmsg
    poll ppoll select pselect6 close fstat lseek
    munmap mremap madvise brk membarrier
    futex rseq set_robust_list restart_syscall
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack
    getpid gettid getppid getpgrp getuid geteuid getgid getegid
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times
    getrandom getrusage getrlimit sched_yield sched_getaffinity getcpu uname sysinfo
    exit exit_group
    """
)
# Left out on purpose, beside all that opens something: dup and F_DUPFD, as there is nothing to
# duplicate for; F_SETFL and F_SETOWN, which reach the other holders of a descriptor; ioctl, which
# types into terminals; prctl and personality, which change what the filter relies on.

#: What to do where the filter can't be used.
REMEDY = (
    "Install pyseccomp (pip) and libseccomp (Debian and Ubuntu: apt-get install libseccomp2), "
    "allow seccomp where a container forbids it, and start the server again; or set "
    "NEST_SERVER_DISABLE_RESTRICTION=1, which lets scripts do all that the server's account can."
)

_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_NO_NEW_PRIVS = 39
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

#: Stands in the filter for the id of the process that installs it: higher than any there is.
_STAND_IN = 0x7FFF_FFF1
#: Size of each of the two numbers that an instruction consists of (linux/filter.h).
_NUMBER_BYTES = 4
_INSTRUCTION_BYTES = 2 * _NUMBER_BYTES


class _FilterProgram(ctypes.Structure):
    """Filter as the system takes it: ``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


class SyscallFilter:
    """Filter of system calls, made in the process that forks and installed in the forked ones.

    Raises
    ------
    OSError, RuntimeError, ImportError
        If the system doesn't have the means; :func:`seccomp_problem` reports that beforehand.
    """

    def __init__(self) -> None:
        seccomp = _seccomp()
        made = _filter(seccomp)
        own = seccomp.Arg(0, seccomp.EQ, _STAND_IN)
        # abort() sends the process its own signal.
        for name in ("kill", "tkill", "tgkill"):
            made.add_rule(seccomp.ALLOW, name, own)
        with tempfile.TemporaryFile() as file:
            made.export_bpf(file)
            file.seek(0)
            program = file.read()
        # Each instruction is two of these numbers, the second of which is its constant.
        self._program = (ctypes.c_uint32 * (len(program) // _NUMBER_BYTES)).from_buffer_copy(
            program
        )
        #: Where the process id is compared.
        self._own = [at for at, number in enumerate(self._program) if number == _STAND_IN]
        described = _FilterProgram(
            len(program) // _INSTRUCTION_BYTES, ctypes.addressof(self._program)
        )
        self._described = described, ctypes.byref(described)
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl

    def install(self) -> None:
        """Leave the calling process nothing but computing and the file descriptors it has.

        The filter stays for good, and binds all children. Whatever Python loads when it is first
        used has to be loaded before; see :func:`warm_up`.

        Raises
        ------
        OSError
            If the system refuses.
        """
        self._fit(os.getpid())
        if self._prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs can't be set")
        if self._prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._described[1], 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the filter can't be set")

    def rehearse(self) -> None:
        """Do what :meth:`install` does, except for installing the filter."""
        self._fit(os.getpid())
        self._prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)

    def _fit(self, pid: int) -> None:
        """Adapt the filter to the process ``pid``."""
        for at in self._own:
            self._program[at] = pid


def _seccomp() -> Any:
    # pyseccomp looks for the library when it is imported, and raises if there is none.
    import pyseccomp

    return pyseccomp


def _filter(seccomp: Any) -> Any:
    """Return the filter without the rules that depend on the process."""
    made = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in _ALLOWED:
        _allow(seccomp, made, name)
    not_executable = seccomp.Arg(2, seccomp.MASKED_EQ, mmap.PROT_EXEC, 0)
    _allow(seccomp, made, "mmap", not_executable)
    _allow(seccomp, made, "mprotect", not_executable)
    # Reading limits, not setting them.
    _allow(seccomp, made, "prlimit64", seccomp.Arg(2, seccomp.EQ, 0))
    for command in (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL):
        _allow(seccomp, made, "fcntl", seccomp.Arg(1, seccomp.EQ, command))
    return made


def _allow(seccomp: Any, made: Any, name: str, *arguments: Any) -> None:
    # Negative numbers stand for calls that this machine doesn't have.
    if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0:
        made.add_rule(seccomp.ALLOW, name, *arguments)


def seccomp_problem() -> str | None:
    """Return why the filter can't be used on this system; ``None`` if it can.

    The filter is tried in a child process; the calling process stays as it is.
    """
    try:
        _seccomp()
    except ImportError:
        return "the Python package pyseccomp is not installed"
    except RuntimeError:
        return "the system library libseccomp (libseccomp.so.2) is not installed"
    except Exception as error:
        # Also a library of another architecture, or one that lacks a function.
        return f"the system library libseccomp can't be used: {error}"
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(reading)
        os.close(writing)
        return f"no process could be made to try the filter of system calls: {error.strerror}"
    if child == 0:
        _try_filter(writing)
    os.close(writing)
    with io.FileIO(reading) as pipe:
        problem = pipe.readall()
    _, status = os.waitpid(child, 0)
    if status == 0:
        return None
    return (problem or b"").decode(
        errors="replace"
    ) or "the filter of system calls ends the process"


def _try_filter(writing: int) -> None:
    """Install the filter in this process, write to ``writing`` what is wrong, and exit."""
    status = 1
    try:
        SyscallFilter().install()
        try:
            os.close(os.open("/", os.O_RDONLY))
            os.write(writing, b"the system takes the filter of system calls and ignores it")
        except PermissionError:
            status = 0
    except BaseException as error:
        reason = f"the system refuses the filter of system calls: {error}"
        os.write(writing, reason.encode())
    finally:
        os._exit(status)


def warm_up() -> None:
    """Load what Python and NumPy would load or look up in files at the first use."""
    time.strptime(time.strftime("%c", time.localtime()), "%c")
    locale.localeconv()
    for encoding in ("utf-8", "utf-16", "utf-32", "latin-1", "ascii", "idna", "unicode_escape"):
        codecs.lookup(encoding)
    # Names of characters are in a module of their own.
    codecs.decode(rb"\N{SPACE}", "unicode_escape")
    try:
        raise ValueError
    except ValueError:
        traceback.format_exc()
    with warnings.catch_warnings(record=True):
        warnings.warn("this loads what warnings need", stacklevel=1)
    # The division of long numbers is in Python in some versions, and needs decimal.
    divmod(3**100_000, 3**50_000)
    for shown in (np.zeros(2), np.ma.zeros(2), np.polynomial.Polynomial([1, 2])):
        str(shown), repr(shown)
    array = np.eye(2)
    array.mean(), array.std(), array.clip(0, 1), array @ array
    np.linalg.svd(array), np.fft.fft(array), np.einsum("ij,jk", array, array)
    np.random.default_rng().normal(size=2), np.random.normal()
    np.array(["2020-01-01"], dtype="datetime64[D]").astype(object)
    np.dtype([("a", "f8"), ("b", "i4")]).newbyteorder()
