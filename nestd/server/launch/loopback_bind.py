"""Program that has ``mpirun`` listen on the loopback only.

Open MPI's ``mpirun`` listens on all interfaces for daemons of other hosts, does what any of them
asks, and no option of Open MPI 4.1 or 5.0 changes that
(docs/decisions/0012-mpirun-on-the-loopback.md lists those that were tried). Where all ranks are on
this host, no other host has to reach it. So ``python -m nestd.server.launch.loopback_bind COMMAND``
becomes COMMAND, with each bind(2) held up until a keeper, a process that lives as long, has put the
loopback's address in place of "any" (seccomp_unotify(2)).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from protocol.process.identity import python_command

#: Of prctl(2): names a process, beside ancestors, that may change this process's memory under Yama.
_PR_SET_PTRACER = 0x59616D61


def loopback_command(command: list[str]) -> list[str]:
    """Return ``command`` changed to listen on the loopback only, where the system can do that."""
    if sys.platform != "linux":
        return command
    return python_command("nestd.server.launch.loopback_bind", *command)


def main(command: list[str]) -> None:
    """Become ``command``, with its bind(2) held up."""
    try:
        _hold_up_binds()
    except (ImportError, OSError) as error:
        warning = f"other hosts may reach {command[0]}, whose bind(2) can not be held up: {error}"
        print(warning, file=sys.stderr, flush=True)
    os.execvp(command[0], command)  # noqa: S606


def _hold_up_binds() -> None:
    import pyseccomp

    held = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    held.add_rule(pyseccomp.NOTIFY, "bind")
    held.load()
    descriptors = Path("/proc/self/fd").iterdir()
    (notifications,) = (int(path.name) for path in descriptors if _is_notify(path))
    keeper = Path(__file__).with_name("loopback_bind_keeper.py")
    # By its path, as the keeper lives long and needs no other module of nestd.
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(keeper), str(notifications)],
        stdin=subprocess.DEVNULL,
        pass_fds=[notifications],
    )
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(process.pid), 0, 0, 0)


def _is_notify(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()) == "anon_inode:seccomp notify"
    except FileNotFoundError:
        # The descriptor of the iteration itself.
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
