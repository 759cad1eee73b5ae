"""Reach of a script's process: what the system leaves it, by Landlock, before its script arrives.

This holds beside the filter of system calls (``sandbox/seccomp.py``), and without it. A restricted
script can open nothing, connect to nothing and signal nobody. An unrestricted script has all that
its account has, but for the directory of the user's servers, with token, keys and jobs.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from nestd.confinement import landlock
from protocol.runtime.paths import RuntimeDirectory

#: Directory for temporary files where the usual one has servers in it.
_OTHER_TEMPORARY = Path("/var/tmp")  # noqa: S108


def limit_reach(restricted: bool, files: RuntimeDirectory) -> None:
    """Confine this process for ever, and all that it starts; without Landlock, do nothing.

    Parameters
    ----------
    restricted : whether the process runs restricted scripts
    files : directory of the server

    Raises
    ------
    OSError
        If the system refuses.
    """
    if not landlock.is_available():
        return
    if restricted:
        landlock.restrict(tcp=False, abstract_sockets=False, signals=False)
        return
    closed = files.of_all_servers
    landlock.restrict(whole=[*everything_but(closed), files.data], listed=[Path("/")])


def choose_temporary_directory(files: RuntimeDirectory) -> None:
    """Have unrestricted scripts make temporary files where they still can, by ``TMPDIR``.

    In the directories that lead to the closed one, nothing new can be made.
    """
    temporary = Path(os.environ.get("TMPDIR") or "/tmp").resolve()  # noqa: S108
    closed = files.of_all_servers.resolve()
    other = _OTHER_TEMPORARY.resolve()
    has_servers = closed.is_relative_to(temporary) and not other.is_relative_to(temporary)
    if has_servers and landlock.is_available():
        os.environ["TMPDIR"] = str(other)


def everything_but(closed: Path) -> list[Path]:
    """Return paths that, with all below them, are the file system as it is without ``closed``.

    Landlock has rules for what is allowed only: so these are the neighbours of ``closed``, of the
    directory that it is in, and so on. What is made in those directories later is not among them.
    """
    found: list[Path] = []
    here = Path("/")
    for part in closed.resolve().parts[1:]:
        with contextlib.suppress(OSError), os.scandir(here) as entries:
            # A link would stand for the place that it leads to.
            found += [
                Path(entry.path)
                for entry in entries
                if entry.name != part and not entry.is_symlink()
            ]
        here /= part
    return found
