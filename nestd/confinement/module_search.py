"""Directories that NEST searches for extension modules: none that others could make or write to.

NEST looks first in the directory that it was built to be installed in. Its packages for Python are
built in a temporary directory, so that whoever makes a directory of that name on a machine could
have NEST load a library. Its library for loading modules (libltdl) searches these directories, and
those of two variables, which it reads at each call.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from nestd.confinement.kernel import nest_libraries
from nestd.extensions import danger

_VARIABLES = ("LTDL_LIBRARY_PATH", "LD_LIBRARY_PATH")


def close_module_search() -> None:
    """Have NEST, which has been imported, search safe directories only."""
    for name in _VARIABLES:
        if name in os.environ:
            os.environ[name] = ":".join(safe_directories(os.environ[name].split(":")))
    for path in nest_libraries():
        library = ctypes.CDLL(str(path))
        try:
            get, set_path = library.lt_dlgetsearchpath, library.lt_dlsetsearchpath
        except AttributeError:
            # A NEST without extension modules.
            continue
        get.restype = ctypes.c_char_p
        found = os.fsdecode(get() or b"").split(":")
        safe = os.fsencode(":".join(safe_directories(found)))
        set_path(ctypes.c_char_p(safe or None))


def safe_directories(directories: Iterable[str]) -> list[str]:
    """Return those of the directories that only this user and root can make or write to."""
    return [directory for directory in directories if _is_safe(Path(directory))]


def _is_safe(directory: Path) -> bool:
    if not directory.is_absolute() or danger(directory) is not None or not directory.is_dir():
        return False
    # With the sticky bit others can't replace what is there, but add to it.
    return not directory.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
