"""End of an unrestricted script: what Python does at its exit, done before the script is answered.

By hand, as Python can't end its interpreter and go on: the answer is sent by the same process, and
files must be whole when the caller has it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import io
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

#: What all files derive from, and those without a buffer, whether written in C or in Python.
_FILE, _UNBUFFERED = io.IOBase.__base__, io.RawIOBase.__base__
_flush_c = ctypes.CDLL(None).fflush

#: Modules: their exit function, which Python registers when the module is loaded.
_EXIT_FUNCTIONS = {
    "logging": "shutdown",
    "multiprocessing.util": "_exit_function",
}


def forget_exit_functions() -> None:
    """Drop the exit functions of the fork server, but not those that each process needs.

    Modules that the fork server has loaded register theirs only once.
    """
    atexit._clear()
    for name, function in _EXIT_FUNCTIONS.items():
        if name in sys.modules:
            atexit.register(getattr(sys.modules[name], function))
    # What the fork server has made, it removes itself.
    for found in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        found.atexit = False
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]


def exit_status(code: object) -> int:
    """Return the exit status that Python gives a program which raises ``SystemExit(code)``."""
    if code is None:
        return 0
    return int(code) if isinstance(code, int) else 1


def finish(variables: dict[str, Any], before: frozenset[str]) -> None:
    """Wait for threads, call exit functions, drop the script's objects and write out its files.

    Parameters
    ----------
    variables : of the script; none is left
    before : names of the modules that were loaded before the script
    """
    steps: list[Callable[[], Any]] = [
        threading._shutdown,  # type: ignore[attr-defined]
        atexit._run_exitfuncs,
    ]
    for step in steps:
        with contextlib.suppress(BaseException):
            step()
    # Threads that go on as daemons find nothing of what they need, as at Python's exit.
    threading.excepthook = lambda _: None
    # In this order Python drops them, too: what has a name, then modules, then what is in cycles.
    for name in variables:
        if name != "__builtins__":
            variables[name] = None
    if len(sys.modules) > len(before):
        for name in sys.modules.keys() - before:
            sys.modules.pop(name, None)
    # In a cycle, the parts of a file may go in any order.
    flush()
    gc.collect()
    _close_files()
    flush()


def flush() -> None:
    """Write out what is in the buffers of all open files, also of files that C code has opened."""
    for file in _open_files():
        _attempt(file.flush)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            _attempt(stream.flush)
    _flush_c(None)


def _close_files() -> None:
    """Close what the script has left open: compressed files have an end that closing writes."""
    files = [file for file in _open_files() if not _is_standard(file)]
    # What writes into another file comes before that file.
    texts = [file for file in files if isinstance(file, io.TextIOWrapper)]
    for file in [*texts, *(file for file in files if not type(file).__module__.startswith("_"))]:
        _attempt(file.close)


def _is_standard(file: io.IOBase) -> bool:
    standard = (sys.stdin, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(file is stream for stream in standard)


def _open_files() -> Iterator[io.IOBase]:
    """Yield the files with buffers that the script has made; the fork server's are not listed."""
    for item in gc.get_objects():
        # By inheritance alone: what asks abstract classes notes the answer in memory of all forks.
        kinds = type(item).__mro__
        if _FILE in kinds and _UNBUFFERED not in kinds:
            yield item


def _attempt(step: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):
        step()
