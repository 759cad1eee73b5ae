"""Extension modules of NEST, such as models of NESTML, that callers may load with ``Install``.

A module is code that runs in the kernel. So callers name modules of the operator's list, and only
files are loaded that nobody else can change. They are loaded by their full paths: for a bare name
NEST looks into the directory that it was built in, which on another machine anybody may make.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ConfigurationError, Refused
from protocol.process.environment import Environment

#: The variable that lists them: full paths of files and of directories, separated by ``:``.
EXTENSIONS_VARIABLE = "NEST_SERVER_EXTENSIONS"
_SUFFIX = ".so"


@dataclass(frozen=True)
class Extensions:
    """Extension modules that callers may load.

    Parameters
    ----------
    paths : full paths of modules, and of directories of which every module may be loaded
    """

    paths: tuple[Path, ...] = ()

    def check(self, data: Path) -> None:
        """Check that nobody else can change what is on the list.

        Parameters
        ----------
        data : path of the data directory, into which callers have files written

        Raises
        ------
        ConfigurationError
            If something on the list can't be used.
        """
        for path in self.paths:
            problem = danger(path)
            if problem is None and not path.is_dir() and path.suffix != _SUFFIX:
                problem = f"it is neither a directory nor a module, whose name ends in {_SUFFIX}"
            if problem is None and (path.resolve() / "x").is_relative_to(data.resolve()):
                problem = "it lies in the data directory, into which callers have files written"
            if problem is not None:
                raise ConfigurationError(f"{EXTENSIONS_VARIABLE}: {path} can't be used: {problem}")

    def find(self, name: str) -> str:
        """Return the full path of the module ``name``.

        Raises
        ------
        Refused
            If the module is not on the list, or others could change its file.
        """
        if not self.paths:
            raise _refused(
                "this server loads no extension modules; its operator can list them with "
                f"{EXTENSIONS_VARIABLE}"
            )
        for listed in self.paths:
            path = listed / f"{name}{_SUFFIX}" if listed.is_dir() else listed
            if path.name != f"{name}{_SUFFIX}" or not os.path.lexists(path):
                continue
            problem = danger(path)
            if problem is not None:
                raise _refused(f"the extension module {name} is not loaded: {problem}")
            return str(path.resolve())
        raise _refused(
            f"there is no extension module {name} in {EXTENSIONS_VARIABLE} of this server; its "
            "operator can add it there"
        )


def extensions_from(variables: Mapping[str, str]) -> Extensions:
    """Return the extension modules that a variable lists.

    Raises
    ------
    ConfigurationError
        If the variable has something else than full paths.
    """
    text = Environment(variables).text(EXTENSIONS_VARIABLE, "")
    paths = tuple(Path(path) for path in text.split(":") if path)
    for path in paths:
        if not path.is_absolute():
            raise ConfigurationError(
                f"{EXTENSIONS_VARIABLE} lists full paths of modules and of directories with "
                f"modules, separated by a colon, and {path} is none"
            )
    return Extensions(paths)


def _refused(problem: str) -> Refused:
    return Refused(f"Install: {problem}", call="Install")


def danger(path: Path) -> str | None:
    """Return why somebody else could change what ``path`` leads to; ``None`` if nobody could.

    Parameters
    ----------
    path : of a file or a directory
    """
    try:
        path.stat()
        for place in _places(path):
            status = place.lstat()
            if status.st_uid not in (0, os.geteuid()):
                return f"{place} belongs to user {status.st_uid}"
            if stat.S_ISLNK(status.st_mode):
                continue
            # Nobody takes away what others have in a directory with the sticky bit, such as /tmp.
            is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
            if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_sticky:
                return f"others can write to {place}"
    except OSError as error:
        where = "" if error.filename == str(path) else f"{error.filename}: "
        return f"{where}{error.strerror}"
    return None


def _places(path: Path) -> set[Path]:
    """Return all files, links and directories that decide what ``path`` leads to."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        leading = waiting.pop()
        for place in {leading, *leading.parents} - found:
            found.add(place)
            if place.is_symlink():
                waiting.append(place.parent / place.readlink())
    return found
