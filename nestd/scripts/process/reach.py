"""Reach of a script's process: what the system leaves it, by Landlock, before its script arrives.

This holds beside the filter of system calls (``sandbox/seccomp.py``), and without it. A restricted
script can open nothing, connect to nothing and signal nobody. An unrestricted script has all that
its account has, but for the directory of the user's servers, with token, keys and jobs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from nestd.confinement import landlock
from protocol.runtime.paths import RuntimeDirectory

#: Directory for temporary files where the usual one has servers in it.
_OTHER_TEMPORARY = Path("/var/tmp")  # noqa: S108


class Reach:
    """Rules of Landlock, made in the process that forks and enforced in the forked ones.

    Parameters
    ----------
    restricted : whether the processes run restricted scripts
    files : directory of the server
    """

    def __init__(self, restricted: bool, files: RuntimeDirectory) -> None:
        self._restricted = restricted
        self._files = files
        #: Descriptor of the rules; -1 if there are none.
        self._ruleset = -1
        self._enforce: Callable[[], None] | None = None
        #: When something was last made in the directories that lead to the closed one.
        self._changed: list[int] | None = None

    def renew(self) -> None:
        """Make the rules, again if there is something new that they should name.

        Raises
        ------
        OSError
            If the system refuses.
        """
        if not landlock.is_available():
            return
        if self._restricted:
            if self._ruleset < 0:
                nothing = landlock.Access(tcp=False, abstract_sockets=False, signals=False)
                self._ruleset = landlock.make_ruleset(nothing)
                self._enforce = landlock.prepare(self._ruleset)
            return
        closed = self._files.of_all_servers.resolve()
        changed = [directory.stat().st_mtime_ns for directory in closed.parents]
        if changed == self._changed:
            return
        if self._ruleset >= 0:
            os.close(self._ruleset)
            self._ruleset, self._enforce = -1, None
        whole = [*everything_but(closed), self._files.data]
        self._ruleset = landlock.make_ruleset(landlock.Access(whole=whole, listed=[Path("/")]))
        self._enforce = landlock.prepare(self._ruleset)
        self._changed = changed

    def limit(self) -> None:
        """Confine this process for ever, and all that it starts; without Landlock, do nothing.

        Raises
        ------
        OSError
            If the system refuses.
        """
        if self._enforce is not None:
            self._enforce()


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
