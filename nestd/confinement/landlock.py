"""Landlock: a process without privileges gives up files, ports and other processes for good.

By hand and with ctypes, as no maintained Python package wraps the three system calls, and the C
library has no functions for them. The constants are those of ``linux/landlock.h``; a kernel with
an older version of the interface (ABI) enforces what it knows, see landlock(7).

What Landlock does not cover: files and sockets that are already open, connecting to sockets in the
file system, ``stat``, ``chmod`` and the like, UDP.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import stat
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION = 1
_RULE_PATH_BENEATH = 1
#: ``prctl``: no program that is started from now on gains privileges.
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_REMOVE_DIR, _REMOVE_FILE, _MAKE_CHAR, _MAKE_DIR = (1 << bit for bit in range(4, 8))
_MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK = (1 << bit for bit in range(8, 12))
_MAKE_SYM, _REFER, _TRUNCATE, _IOCTL_DEV = (1 << bit for bit in range(12, 16))
_BIND_TCP, _CONNECT_TCP = 1, 2
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2

#: Rights over files by the ABI that introduced them.
_FILES_SINCE = {1: (1 << 13) - 1, 2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
_TCP_SINCE = 4
_SCOPES_SINCE = 6

_READ = _READ_FILE | _READ_DIR
# Nobody needs to make devices, and links would lead others astray who read the directory.
_WRITE = (
    _READ
    | _WRITE_FILE
    | _TRUNCATE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _MAKE_SOCK
    | _MAKE_FIFO
    | _REFER
)
#: Rights that a rule for something else than a directory can have.
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


@functools.cache
def is_available() -> int:
    """Return the version of Landlock's interface (ABI) here; 0 where it is missing or off."""
    # The numbers of the system calls are the same on all architectures but Alpha.
    if platform.system() != "Linux" or platform.machine() == "alpha":
        return 0
    return max(_syscall(_CREATE_RULESET, None, 0, _GET_VERSION), 0)


@dataclass(frozen=True)
class Access:
    """What is left to a process that restricts itself; paths that don't exist are left out."""

    #: Files that can be read, and directories with everything below them.
    read: Sequence[Path] = ()
    #: Files that can be read and written, and directories below which files, directories, sockets
    #: and pipes can be made and removed, but neither links nor devices.
    write: Sequence[Path] = ()
    #: Files and directories that can be read, and whose programs can be started.
    execute: Sequence[Path] = ()
    #: Files, and directories with everything below them, for all that Landlock knows of.
    whole: Sequence[Path] = ()
    #: Directories that can be listed, with all below them.
    listed: Sequence[Path] = ()
    #: Whether ports can be bound and connected to (from ABI 4).
    tcp: bool = True
    #: Whether abstract sockets of others can be connected to (from ABI 6).
    abstract_sockets: bool = True
    #: Whether processes outside can be sent signals (from ABI 6).
    signals: bool = True


def restrict(access: Access) -> None:
    """Restrict this thread, and all threads and programs that it starts, for ever.

    Other threads of this process go on unrestricted, so this belongs before the first of them. No
    program gains privileges afterwards (``PR_SET_NO_NEW_PRIVS``).

    Raises
    ------
    OSError
        If the system refuses, also where :func:`is_available` is 0.
    """
    ruleset = make_ruleset(access)
    try:
        enforce(ruleset)
    finally:
        os.close(ruleset)


def make_ruleset(access: Access) -> int:
    """Return a descriptor of rules for :func:`enforce`.

    Raises
    ------
    OSError
        If the system refuses.
    """
    abi = is_available()
    files = sum(rights for since, rights in _FILES_SINCE.items() if since <= abi)
    ports = 0 if access.tcp or abi < _TCP_SINCE else _BIND_TCP | _CONNECT_TCP
    abstract_sockets = 0 if access.abstract_sockets else _ABSTRACT_SOCKETS
    scopes = abstract_sockets | (0 if access.signals else _SIGNALS)
    attributes = struct.pack("=QQQ", files, ports, scopes if abi >= _SCOPES_SINCE else 0)
    # Older kernels take longer attributes if what they don't know is zero.
    ruleset = _check(_syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    try:
        for paths, rights in (
            (access.read, _READ),
            (access.write, _WRITE),
            (access.execute, _READ | _EXECUTE),
            (access.whole, files),
            (access.listed, _READ_DIR),
        ):
            for path in paths:
                _allow(ruleset, path, rights & files)
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def enforce(ruleset: int) -> None:
    """Restrict this thread, and all that it starts, by the rules of a descriptor."""
    prepare(ruleset)()


def prepare(ruleset: int) -> Callable[[], None]:
    """Return :func:`enforce` for rules, made so that a forked process has little memory to copy."""
    libc = _libc()
    no_new = tuple(ctypes.c_ulong(number) for number in (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    restrict_self = ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint(0)

    def enforce_prepared() -> None:
        _check(libc.prctl(*no_new))
        _check(libc.syscall(*restrict_self))

    return enforce_prepared


def set_no_new_privileges() -> None:
    """Have no program that this process starts gain privileges, by its mode or capabilities."""
    _check(_libc().prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISDIR(mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        _check(_syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    converted = [
        ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_char_p(argument)
        for argument in arguments
    ]
    function = _libc().syscall
    function.restype = ctypes.c_long
    return int(function(ctypes.c_long(number), *converted))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
