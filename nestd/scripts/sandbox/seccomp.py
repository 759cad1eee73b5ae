"""The operating system's walls around a script: limits, and a filter of system calls.

The second of two walls. It does not understand Python, so nothing in Python gets around it: when
it is closed, the process can compute, use the memory it may have, and talk over the file
descriptors it has got, and that is all. No file can be opened, not even to be read, no process
started, no socket made, no code mapped. The filter (seccomp(2)) lists what is allowed; a call it
does not know fails with EPERM.
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
import resource
import tempfile
import time
import traceback
import warnings
from pathlib import Path
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

_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_NO_NEW_PRIVS = 39
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

#: Stands in the filter for the id of the process that closes the doors: higher than any there is.
_STAND_IN = 0x7FFF_FFF1
#: Of the numbers that an instruction consists of (linux/filter.h).
_NUMBER_BYTES = 4
_INSTRUCTION_BYTES = 2 * _NUMBER_BYTES


class _Program(ctypes.Structure):
    """A filter as the system takes it: ``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def limit_resources(
    memory_bytes: int | None,
    open_files: int | None,
    processes: int | None,
    mapped_bytes: int | None = None,
) -> None:
    """Limit what this process may take; only root can raise a limit again.

    Parameters
    ----------
    memory_bytes : address space beyond what is mapped now
    open_files : file descriptors
    processes : processes and threads of this user beyond those there are now; does not bind root
    mapped_bytes : address space that is mapped now, if it is known
    """
    if memory_bytes is not None:
        mapped_bytes = own_address_space() if mapped_bytes is None else mapped_bytes
        _lower(resource.RLIMIT_AS, mapped_bytes + memory_bytes)
    if open_files is not None:
        _lower(resource.RLIMIT_NOFILE, open_files)
    if processes is not None and os.geteuid() != 0:
        _lower(resource.RLIMIT_NPROC, _tasks_of_user() + processes)
    # A dump would put the script's memory into a file.
    _lower(resource.RLIMIT_CORE, 0)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))


def own_address_space() -> int:
    """Address space of this process (proc(5), ``statm``)."""
    return address_space(Path("/proc/self/statm").read_bytes())


def address_space(statm: bytes) -> int:
    """Address space of a process, from what its ``statm`` says."""
    return int(statm.split(maxsplit=1)[0]) * mmap.PAGESIZE


def _tasks_of_user() -> int:
    """Processes and threads of this process's user."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                found += len(list((process / "task").iterdir()))
        except OSError:
            # It has ended.
            continue
    return found


def close_doors() -> None:
    """Leave this process nothing but computing and the file descriptors it has.

    For good: neither the process nor a child could open them again. Whatever is loaded lazily has
    to be loaded before; see :func:`warm_up`.

    Raises
    ------
    OSError, RuntimeError, ImportError
        If the system doesn't have the means; :func:`seccomp_problem` tells beforehand.
    """
    Doors().close()


class Doors:
    """The filter of :func:`close_doors`, made before it is needed: in the process that forks.

    Raises
    ------
    OSError, RuntimeError, ImportError
        If the system doesn't have the means.
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
        described = _Program(len(program) // _INSTRUCTION_BYTES, ctypes.addressof(self._program))
        self._described = described, ctypes.byref(described)
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl

    def close(self) -> None:
        """Close the doors of the process that calls this, for good.

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
        """Do what :meth:`close` does, except for closing."""
        self._fit(os.getpid())
        self._prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)

    def _fit(self, pid: int) -> None:
        """Make it a filter for the process ``pid``."""
        for at in self._own:
            self._program[at] = pid


def _seccomp() -> Any:
    # It looks for the library when it is imported, and raises if there is none.
    import pyseccomp

    return pyseccomp


def _filter(seccomp: Any) -> Any:
    """The filter, but for what depends on the process."""
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
    """Why :func:`close_doors` can't be used here; ``None`` if it can.

    Tried in a child process; this one stays as it is.
    """
    try:
        _seccomp()
    except ImportError:
        return "the Python package pyseccomp is not installed"
    except RuntimeError:
        return "the system library libseccomp (libseccomp.so.2) is not installed"
    except (OSError, AttributeError) as error:
        return f"the system library libseccomp can't be used: {error}"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _try_doors(writing)
    os.close(writing)
    with io.FileIO(reading) as pipe:
        said = pipe.readall()
    _, status = os.waitpid(child, 0)
    if status == 0:
        return None
    return (said or b"").decode(errors="replace") or "the filter of system calls ends the process"


def _try_doors(writing: int) -> None:
    """Close the doors of this process, say over ``writing`` what is wrong, and end."""
    status = 1
    try:
        close_doors()
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
    """Load what Python and NumPy would load, or look up in files, when it is first needed."""
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
