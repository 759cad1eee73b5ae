"""Identity of processes: a pid together with the moment the process started.

A pid alone is reused; together with its start time it names one process for as long as the
machine runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What ``-P`` does, for a Python that does not have it; with ``-m`` and a module as arguments.
_WITHOUT_CURRENT_DIRECTORY = (
    "import sys; del sys.path[0], sys.argv[:2]; import runpy; "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True)
class ProcessIdentity:
    """Identity of a process of this machine."""

    pid: int
    #: Clock ticks from boot to the start of the process; 0 where the system doesn't say.
    start_ticks: int

    def is_running(self) -> bool:
        """Return whether this very process still exists and is no zombie."""
        try:
            current = _stat(self.pid)
        except OSError:
            # No file can be opened here at the moment, which is no reason to take it for dead.
            return _exists(self.pid)
        if current is None:
            return _is_hidden(self.pid)
        return current[0] == self.start_ticks and current[1] not in "ZX"

    def is_stopped(self) -> bool:
        """Return whether the process exists and a signal (SIGSTOP, SIGTSTP) has stopped it."""
        try:
            current = _stat(self.pid)
        except OSError:
            return False
        return current is not None and current[0] == self.start_ticks and current[1] in "Tt"


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of the process that has ``pid`` now; ``None`` if there is none."""
    current = _stat(pid)
    return ProcessIdentity(pid, current[0]) if current is not None else None


def _exists(pid: int) -> bool:
    """Return whether any process has ``pid``, without opening a file."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_hidden(pid: int) -> bool:
    """Return whether a process of this user has ``pid``, though the system does not show it.

    Where /proc is mounted with hidepid, as by systemd's ProtectProc, it does not show processes
    that hide their memory, to their own user either.
    """
    try:
        # Numbers below 1 mean groups of processes.
        os.kill(pid if pid > 0 else 2**31 - 1, 0)
    except (OSError, OverflowError):
        return False
    return not os.access(f"/proc/{pid}/stat", os.R_OK)


def _stat(pid: int) -> tuple[int, str] | None:
    """Return start time and state of process ``pid`` (proc(5), ``/proc/<pid>/stat``).

    The state is one letter: R running, S sleeping, T stopped, Z zombie …
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The command name, in parentheses, may itself contain blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    return int(fields[19]), fields[0]


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Ask the system to send this process ``sig`` when its parent dies (Linux only); 0 for none.

    Elsewhere it does nothing, and children of a killed parent have to be stopped by hand.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        _prctl()(pr_set_pdeathsig, int(sig), 0, 0, 0)


def hide_memory() -> None:
    """Keep the memory of this process from other processes of its user (prctl(2), Linux only).

    None but root can attach to it, or read its memory, environment or open files, and it leaves no
    core dump. For processes that hold secrets.
    """
    if sys.platform == "linux":
        pr_set_dumpable = 4
        _prctl()(pr_set_dumpable, 0, 0, 0, 0)


@functools.cache
def _prctl() -> Any:
    """Return the system's prctl(2), looked up once: a process that was just forked has no time."""
    return ctypes.CDLL(None, use_errno=True).prctl


def signal_process(process: ProcessIdentity, sig: signal.Signals) -> None:
    """Send ``sig`` to a process of this machine, if it still exists.

    Another process that has got its pid meanwhile is not hit, except in the moment between the
    check and the signal.
    """
    if process.is_running():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, sig)


def describe_exit(returncode: int) -> str:
    """Describe how a process ended: ``signal 9 (SIGKILL)`` or ``exit code 3``."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = "unknown"
    return f"signal {-returncode} ({name})"


def become_subreaper() -> None:
    """Become the parent of whatever descendants outlive their own (prctl(2), Linux only)."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        _prctl()(pr_set_child_subreaper, 1, 0, 0, 0)


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs ``module`` with this Python.

    The current directory is not searched for modules: a ``random.py`` of the user is not ours, and
    it may be the data directory, into which callers have files written.
    """
    safe = ["-P"] if sys.version_info >= (3, 11) else ["-c", _WITHOUT_CURRENT_DIRECTORY]
    return [sys.executable, *safe, "-m", module, *arguments]
