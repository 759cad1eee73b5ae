"""Has ``mpirun`` listen on the loopback only: ``python -m nestd.server.launch.loopback_bind
COMMAND``.

Open MPI's ``mpirun`` listens on all interfaces for those of other hosts, whom it believes whatever
they say, and no option of it changes that. Where all ranks are on this host nobody has to reach it
from another. So this program becomes COMMAND, with each bind(2) of it held up until a keeper, a
process that lives as long, has put the loopback's address in place of "any" (seccomp_unotify(2)).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from protocol.process.identity import python_command

#: Of prctl(2): who, beside an ancestor, may change this process's memory where Yama decides that.
_PR_SET_PTRACER = 0x59616D61


def loopback_command(command: list[str]) -> list[str]:
    """How to start ``command`` so that it listens on the loopback only, where the system can."""
    if sys.platform != "linux":
        return command
    return python_command("nestd.server.launch.loopback_bind", *command)


def main(command: list[str]) -> None:
    """Become ``command``."""
    try:
        _hold_up_binds()
    except (ImportError, OSError) as error:
        said = f"other hosts may reach {command[0]}, whose bind(2) can not be held up: {error}"
        print(said, file=sys.stderr, flush=True)
    os.execvp(command[0], command)  # noqa: S606


def _hold_up_binds() -> None:
    import pyseccomp

    held = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    held.add_rule(pyseccomp.NOTIFY, "bind")
    held.load()
    (told,) = (int(one.name) for one in Path("/proc/self/fd").iterdir() if _is_notify(one))
    keeper = Path(__file__).with_name("loopback_bind_keeper.py")
    # By its path, as it needs nothing else of ours and is there all the time.
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(keeper), str(told)],
        stdin=subprocess.DEVNULL,
        pass_fds=[told],
    )
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(process.pid), 0, 0, 0)


def _is_notify(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()) == "anon_inode:seccomp notify"
    except FileNotFoundError:
        # Of the iteration itself.
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
