"""Programs that are ended when they take too long, with everything they started."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from protocol.process.identity import describe_exit
from protocol.process.polling import poll_until
from tests.integration.servers import marked_processes

#: In the environment of all that a program starts. Servers of tests drop variables that begin
#: with NEST.
MARK = "CONFORMANCE_RUN"
_TERM_S = 5.0
_NO_END = "no end after"


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    #: Empty if it ended by itself and successfully; otherwise one line that says why not.
    failure: str
    wall_s: float
    #: Of the program and of those of its children that it waited for.
    cpu_s: float
    returncode: int = 0

    @property
    def interrupted(self) -> bool:
        """Whether it was killed for no reason of its own, so that it says nothing about it."""
        return self.returncode == -signal.SIGKILL and not self.failure.startswith(_NO_END)


def run_limited(
    arguments: list[str],
    cwd: Path,
    env: dict[str, str],
    said: Path,
    wall_limit_s: float,
    cpu_limit_s: int | None = None,
) -> Ended:
    """Run a program to its end, or to a limit.

    Parameters
    ----------
    arguments, cwd, env : of the program
    said : file for its standard output and error
    wall_limit_s, cpu_limit_s : when it is ended
    """
    mark = secrets.token_hex(8)

    def limit() -> None:
        if cpu_limit_s is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, cpu_limit_s + 5))

    began = time.monotonic()
    with said.open("wb") as out:
        program = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=env | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=limit,  # noqa: PLW1509
        )
    try:
        ended = _await(program, wall_limit_s)
        if not ended:
            # Not by Popen, whose methods reap, so that there would be nothing left to wait for.
            os.kill(program.pid, signal.SIGTERM)
            _await(program, _TERM_S)
    finally:
        os.kill(program.pid, signal.SIGKILL)
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
        end_marked(f"{MARK}={mark}")
    wall_s = time.monotonic() - began
    if not ended:
        failure = f"{_NO_END} {wall_limit_s:.0f} s"
    elif program.returncode == -signal.SIGXCPU:
        failure = f"{_NO_END} {cpu_limit_s} s of processor time"
    elif program.returncode:
        failure = _last_line(said) or describe_exit(program.returncode)
    else:
        failure = ""
    return Ended(failure, wall_s, usage.ru_utime + usage.ru_stime, program.returncode)


def _await(program: subprocess.Popen[bytes], deadline_s: float) -> bool:
    """Whether the program ends in that time; it stays to be waited for."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    found = poll_until(lambda: os.waitid(os.P_PID, program.pid, flags), deadline_s, 0.05)
    return found is not None


def end_marked(mark: str) -> list[int]:
    """Kill the processes that carry ``mark`` in their environment; gives their ids."""
    found = marked_processes(mark)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _last_line(said: Path) -> str:
    """The last line that begins at the margin: of a traceback the exception."""
    lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip() and line[0] not in " \t"), "")
