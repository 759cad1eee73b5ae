"""Arrival of a script in its process: its name, its arguments, and the files of its program."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nestd.scripts.program.archive import read_archive
from nestd.scripts.program.own_modules import OwnModules, decoded
from protocol.process.identity import identify
from protocol.wire.messages import Script

if TYPE_CHECKING:
    from nestd.scripts.process.child import ScriptNamespace

#: Name of a script that has none.
UNNAMED = "script.py"
_PREFIX = "nest-programs-"


class ProgramDirectories:
    """Directories of unrestricted programs, one of each process, below one of the fork server.

    The directory is not below the data directory, where code in the kernel's process can write:
    what is here is run with all rights of the account.
    """

    def __init__(self) -> None:
        self._clear()
        self._all = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))

    def of(self, pid: int) -> Path:
        """Return the directory of the program in a process."""
        return self._all / str(pid)

    def remove(self, pid: int) -> None:
        """Remove the directory of a process that has ended, if it has one."""
        directory = self.of(pid)
        if directory.exists():
            shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """Remove all directories."""
        shutil.rmtree(self._all, ignore_errors=True)

    @staticmethod
    def _clear() -> None:
        """Remove what fork servers of this account have left that were killed."""
        for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            pid = left.name.removeprefix(_PREFIX).partition("-")[0]
            with contextlib.suppress(OSError):
                is_ours = left.lstat().st_uid == os.getuid()
                if is_ours and pid.isdecimal() and identify(int(pid)) is None:
                    shutil.rmtree(left, ignore_errors=True)


def begin(script: Script, namespace: ScriptNamespace) -> str:
    """Give the script what Python gives a program, and return its source.

    Raises
    ------
    ValueError
        If the archive can't be used.
    FileNotFoundError
        If the archive does not have the file that is to be run.
    """
    name = script.name or UNNAMED
    files = read_archive(script.archive) if script.archive else {}
    source = script.source
    if files and not source:
        if name not in files:
            raise FileNotFoundError(f"the archive has no {name}; it has {', '.join([*files][:20])}")
        source = decoded(files[name])
    if namespace.restricted:
        namespace.variables["__file__"] = name
        namespace.argv[:] = [name, *script.argv]
        if files:
            provided = namespace.variables["__builtins__"]
            places = list(dict.fromkeys([name.rpartition("/")[0] + "/" if "/" in name else "", ""]))
            provided["<import>"].__self__.own = OwnModules(files, places, provided)
        return source
    here = Path.cwd()
    if files:
        assert namespace.directories is not None
        here = namespace.directories.of(os.getpid())
        files.setdefault(name, source.encode())
        _unpack(files, here)
        os.chdir(here)
        sys.path[0:1] = list(dict.fromkeys([str((here / name).parent), str(here)]))
    # As for a program that was started where the server was, or in its own directory.
    namespace.variables["__file__"] = str(here / name)
    sys.argv = [name, *script.argv]
    return source


def _unpack(files: dict[str, bytes], directory: Path) -> None:
    # One that an earlier process of this number has left is none of this program's.
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def own_file(name: str, namespace: ScriptNamespace) -> bytes | None:
    """Return what is in a file of the program's directory; ``None`` if there is no such file."""
    if namespace.directories is None:
        return None
    directory = namespace.directories.of(os.getpid())
    with contextlib.suppress(OSError, ValueError):
        path = (directory / name).resolve()
        if path.is_relative_to(directory.resolve()) and path.is_file():
            return path.read_bytes()
    return None
