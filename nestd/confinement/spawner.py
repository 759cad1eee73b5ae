"""Starts programs outside of a confinement, for a process that has confined itself.

What a confined process starts is confined as it is. nestd has helpers that end and have to be
started again, and that need what nestd has given up: scripts' processes, and the one that knows the
keys. So a process that is started before (``spawner_process.py``) starts them, from commands that
are fixed by then; the confined process chooses among them, and passes sockets on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nestd.confinement import spawner_process

#: How long the start of a program may take.
_START_S = 30.0


@dataclass(frozen=True)
class HelperProgram:
    """HelperProgram that can be started."""

    #: With ``{0}`` for the number of the first descriptor that is passed on.
    command: tuple[str, ...]
    environment: dict[str, str]
    #: Whether that descriptor becomes its stdin.
    reads_stdin: bool = False


class SpawnedProcess:
    """Process of a program, which is no child of this one.

    Parameters
    ----------
    spawner : that has started it
    pid : its id
    descriptor : becomes readable when it ends (pidfd_open(2))
    """

    def __init__(self, spawner: Spawner, pid: int, descriptor: int) -> None:
        self._spawner = spawner
        self.pid = pid
        self._descriptor = descriptor

    def wait(self) -> None:
        """Wait until the process has ended."""
        if self._descriptor >= 0:
            select.select([self._descriptor], [], [])
            os.close(self._descriptor)
            self._descriptor = -1

    def kill(self) -> None:
        """Have the process killed, unless it has ended."""
        self._spawner.kill(self.pid)


class Spawner:
    """Process that starts programs.

    Parameters
    ----------
    programs : by their names
    """

    def __init__(self, programs: Mapping[str, HelperProgram]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            # Only what Python has built in is imported there, which takes no time.
            command = [sys.executable, "-I", "-S", str(Path(spawner_process.__file__))]
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
            fixed = {name: asdict(program) for name, program in programs.items()}
            stdin.write(json.dumps(fixed).encode())
        self._socket.settimeout(_START_S)

    def start(self, name: str, descriptors: Sequence[int]) -> SpawnedProcess:
        """Start a program, and pass descriptors on to it.

        Raises
        ------
        OSError
            If the program, or the process that starts it, does not run.
        """
        with self._lock:
            socket.send_fds(self._socket, [json.dumps({"start": name}).encode()], list(descriptors))
            packet, received, _, _ = socket.recv_fds(self._socket, 1 << 16, 1)
        if not packet:
            raise OSError(errno.EPIPE, "the process that starts others has ended")
        answer: dict[str, Any] = json.loads(packet)
        if "problem" in answer:
            raise OSError(answer["errno"], answer["problem"])
        return SpawnedProcess(self, answer["pid"], received[0])

    def kill(self, pid: int) -> None:
        """Kill one of the processes."""
        with self._lock, contextlib.suppress(OSError):
            self._socket.send(json.dumps({"kill": pid}).encode())

    def close(self) -> None:
        """Let the process that starts programs end; what it has started goes on."""
        self._socket.close()
        # It is not waited for: launchers give a rank a second to end.
        self._process.returncode = 0
