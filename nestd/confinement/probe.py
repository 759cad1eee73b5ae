"""Probe of the confinement: a process confines itself, and tries what it has given up.

``python -m nestd.confinement.probe`` prints what is wrong, or nothing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from nestd.confinement import landlock
from protocol.process.identity import python_command

_DEADLINE_S = 30.0
MISSING = (
    "this system has no Landlock, which needs Linux 5.13 or newer with Landlock switched on; a "
    "container has that of its host"
)


def landlock_problem() -> str | None:
    """Return why the system can't confine the kernel; ``None`` if it can."""
    if not landlock.is_available():
        return MISSING
    try:
        done = subprocess.run(
            python_command("nestd.confinement.probe"),
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"the process that tries Landlock takes longer than {_DEADLINE_S:.0f} s"
    if done.returncode:
        return f"the process that tries Landlock ended with {done.returncode}"
    return done.stdout.strip() or None


def main() -> None:
    """Confine this process to nothing, and print what is wrong with that."""
    place = Path(tempfile.gettempdir(), f"nestd-probe-{os.getpid()}")
    try:
        landlock.restrict(landlock.Access())
    except OSError as error:
        print(f"this system refuses Landlock: {error.strerror}")
        return
    forbidden: dict[str, Callable[[], object]] = {
        "reading": lambda: list(Path("/").iterdir()),
        "writing": place.touch,
    }
    for what, attempt in forbidden.items():
        with contextlib.suppress(PermissionError):
            attempt()
            print(f"this system takes Landlock's rules, and does not forbid {what}")


if __name__ == "__main__":
    main()
