"""Program that is nestd, but tries what its confinement forbids in place of serving.

``python -m tests.integration.inside_kernel ATTEMPTS [arguments of nestd]`` tries each attempt, of a
JSON list, on each rank (RANK is its number), as code that has taken over the kernel would. Each
rank writes into the data directory what became of them: ``done``, or the error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PTRACE_ATTACH = 16


def _open(path: str, flags: int) -> None:
    os.close(os.open(path, flags, 0o600))


def _connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5):
        return


def _attach(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(_PTRACE_ATTACH, pid, None, None):
        raise OSError(ctypes.get_errno(), "ptrace")


def _in_a_thread(path: str) -> None:
    """Read in a thread, as each has a confinement of its own."""
    problems: list[OSError] = []

    def read() -> None:
        try:
            _open(path, os.O_RDONLY)
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]


def _threads(_: Any) -> None:
    """Check that each thread is confined: a status of the system shows what came with it."""
    for status in Path("/proc/self/task").glob("*/status"):
        if "NoNewPrivs:\t1" not in status.read_text():
            raise OSError(0, f"{status} is not confined")


ATTEMPTS: dict[str, Callable[[Any], object]] = {
    "read": lambda path: _open(path, os.O_RDONLY),
    "write": lambda path: _open(path, os.O_WRONLY | os.O_CREAT),
    "truncate": lambda path: os.truncate(path, 0),
    "list": os.listdir,
    "remove": os.remove,
    "make": os.mkdir,
    "link": lambda paths: Path(paths[1]).hardlink_to(paths[0]),
    "symlink": lambda paths: Path(paths[1]).symlink_to(paths[0]),
    "rename": lambda paths: Path(paths[0]).rename(paths[1]),
    "run": lambda command: subprocess.run(command, check=True),
    "connect": _connect,
    "kill": lambda pid: os.kill(pid, signal.SIGCONT),
    "attach": _attach,
    "open to all": lambda path: Path(path).chmod(0o666),
    "thread": _in_a_thread,
    "threads": _threads,
    "import": __import__,
}


def attempt(kind: str, subject: Any) -> str:
    """What becomes of an attempt."""
    try:
        ATTEMPTS[kind](subject)
    except (OSError, subprocess.SubprocessError, ImportError) as error:
        return type(error).__name__
    return "done"


def main() -> None:
    """Run nestd, with its loops replaced."""
    attempts = json.loads(sys.argv.pop(1))

    from nestd import cli
    from nestd.confinement.kernel import import_numpy

    import_numpy()

    from nestd.master.loop import Master
    from nestd.ranks import mpi
    from nestd.ranks.transport import RankWorker

    def act(self: Any) -> None:
        rank = mpi.launched_rank()
        own = json.loads(json.dumps(attempts).replace("RANK", str(rank)))
        results = [attempt(kind, subject) for kind, subject in own]
        directory = Path(sys.argv[sys.argv.index("--connection-file") + 1]).parent
        Path(directory, "data", f"result-{rank}").write_text(json.dumps(results))
        os._exit(0)

    Master.serve = RankWorker.serve = act  # type: ignore[assignment, method-assign]
    cli.main()


if __name__ == "__main__":
    main()
