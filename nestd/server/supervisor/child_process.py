"""The two programs a server consists of, as children of the supervisor."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from functools import partial
from typing import IO

from protocol.process.identity import ProcessIdentity, die_with_parent, identify
from protocol.process.polling import poll_until
from protocol.process.ready_pipe import READY_VARIABLE
from protocol.process.sd_notify import MANAGER_VARIABLES

#: Variables that are for the supervisor alone. Secrets reach the gateway by file, and a
#: kernel not at all.
_NOT_FOR_CHILDREN = (
    "NEST_SERVER_ACCESS_TOKEN",
    "NEST_SERVER_TOKEN_FILE",
    "CREDENTIALS_DIRECTORY",
    *MANAGER_VARIABLES,
)

#: A child that lived longer than this is not part of a series of failures.
STABLE_AFTER_S = 60.0
_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 10.0


class Child:
    """One program that is started, watched and started again.

    Parameters
    ----------
    name : for messages
    command : program and arguments
    variables : environment, beside the supervisor's own
    output : where stdout and stderr go; ``None`` for the console
    inherited : file descriptors that it may use
    parent_death : the signal that it gets when its parent dies
    says_ready : whether it says that it serves (``protocol/process/ready_pipe.py``)
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        variables: Mapping[str, str],
        output: IO[bytes] | None,
        inherited: tuple[int, ...] = (),
        parent_death: signal.Signals = signal.SIGKILL,
        says_ready: bool = False,
    ) -> None:
        self.name = name
        self._command = command
        environment = {k: v for k, v in os.environ.items() if k not in _NOT_FOR_CHILDREN}
        self._environment = environment | {"PYTHONUNBUFFERED": "1"} | dict(variables)
        self._output = output
        self._inherited = inherited
        self._parent_death = parent_death
        self._says_ready = says_ready
        #: File descriptor that becomes readable when it serves, until it is heard.
        self.readiness: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._failures = 0
        self.identity: ProcessIdentity | None = None
        #: When to start again, by the monotonic clock; ``None`` while running.
        self.due_s: float | None = None
        self.restarts = -1

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def runs_since_s(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._started_s

    def start(self) -> None:
        """Run the program."""
        self.forget()
        writing: int | None = None
        if self._says_ready:
            self.readiness, writing = os.pipe()
            os.set_blocking(self.readiness, False)
        try:
            self._process = self._popen(writing)
        finally:
            if writing is not None:
                os.close(writing)
        self.identity = identify(self._process.pid)
        self._started_s = time.monotonic()
        self.due_s = None
        self.restarts += 1

    def _popen(self, readiness: int | None) -> subprocess.Popen[bytes]:
        inherited, told = self._inherited, {}
        if readiness is not None:
            inherited, told = (*inherited, readiness), {READY_VARIABLE: str(readiness)}
        return subprocess.Popen(
            self._command,
            env=self._environment | told,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT if self._output else None,
            pass_fds=inherited,
            # Ctrl-C is for the supervisor, which stops its children in order.
            start_new_session=True,
            # The supervisor has one thread, so nothing can be half done at the fork.
            preexec_fn=partial(die_with_parent, self._parent_death),  # noqa: PLW1509
        )

    def hear(self) -> bool:
        """Whether it has just said that it serves."""
        if self.readiness is None:
            return False
        try:
            said = os.read(self.readiness, 1)
        except BlockingIOError:
            return False
        self.forget()
        return said != b""

    def forget(self) -> None:
        """Hear no more of whether it serves."""
        if self.readiness is not None:
            os.close(self.readiness)
            self.readiness = None

    def signal(self, sig: signal.Signals) -> None:
        """Send it ``sig``, if it runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sig)

    def collect(self) -> int | None:
        """The exit status if the program has ended since, else ``None``; plans the restart."""
        if self._process is None:
            return None
        status = self._process.poll()
        if status is None:
            return None
        self._process = None
        now = time.monotonic()
        if now - self._started_s > STABLE_AFTER_S:
            self._failures = 0
        delay_s = 0.0
        if self._failures:
            delay_s = min(_FIRST_DELAY_S * 2 ** (self._failures - 1), _LONGEST_DELAY_S)
        self._failures += 1
        self.due_s = now + delay_s
        return status

    def stop(self, grace_s: float) -> int | None:
        """End it: TERM, and KILL after ``grace_s``.

        Returns its exit status, ``None`` if it was not running.
        """
        self.forget()
        process = self._process
        if process is None:
            return None
        process.terminate()
        if poll_until(lambda: process.poll() is not None, grace_s) is None:
            process.kill()
        status = process.wait()
        self._process = None
        return status
