"""Process of one of the two programs a server consists of, as a child of the supervisor."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from functools import partial
from typing import IO

from protocol.process.identity import ProcessIdentity, die_with_parent, identify
from protocol.process.polling import poll_until
from protocol.process.ready_pipe import READY_VARIABLE
from protocol.process.sd_notify import MANAGER_VARIABLES

#: Variables that are for the supervisor alone. Secrets reach the gateway by file. A kernel that
#: writes a log file reads the token from its file, to keep it out of the log.
_NOT_FOR_CHILDREN = (
    "NEST_SERVER_ACCESS_TOKEN",
    "NEST_SERVER_TOKEN_FILE",
    "CREDENTIALS_DIRECTORY",
    *MANAGER_VARIABLES,
)


class Child:
    """One process, from its start to its end.

    Parameters
    ----------
    command : program and arguments
    variables : environment, beside the supervisor's own
    output : where stdout and stderr go; ``None`` for the console
    inherited : file descriptors that the process may use
    parent_death : the signal that the process gets when its parent dies
    says_ready : whether the process says that it serves (``protocol/process/ready_pipe.py``)
    """

    def __init__(
        self,
        command: list[str],
        variables: Mapping[str, str],
        output: IO[bytes] | None,
        inherited: tuple[int, ...] = (),
        parent_death: signal.Signals = signal.SIGKILL,
        says_ready: bool = False,
    ) -> None:
        self._command = command
        environment = {k: v for k, v in os.environ.items() if k not in _NOT_FOR_CHILDREN}
        self._environment = environment | {"PYTHONUNBUFFERED": "1"} | dict(variables)
        self._output = output
        self._inherited = inherited
        self._parent_death = parent_death
        self._says_ready = says_ready
        #: File descriptor that becomes readable when the process serves, until that is read.
        self.readiness: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.identity: ProcessIdentity | None = None

    @property
    def pid(self) -> int | None:
        """Process id while the process runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process."""
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

    def _popen(self, readiness: int | None) -> subprocess.Popen[bytes]:
        inherited, variables = self._inherited, {}
        if readiness is not None:
            inherited = (*inherited, readiness)
            variables = {READY_VARIABLE: str(readiness)}
        return subprocess.Popen(
            self._command,
            env=self._environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT if self._output else None,
            pass_fds=inherited,
            # Ctrl-C is for the supervisor, which stops its children in order.
            start_new_session=True,
            # The supervisor has one thread, so nothing can be half done at the fork.
            preexec_fn=partial(die_with_parent, self._parent_death),  # noqa: PLW1509
        )

    def read_ready(self) -> bool:
        """Return whether the process has said since the last call that it serves."""
        if self.readiness is None:
            return False
        try:
            byte = os.read(self.readiness, 1)
        except BlockingIOError:
            return False
        self._close_readiness()
        return byte != b""

    def _close_readiness(self) -> None:
        if self.readiness is not None:
            os.close(self.readiness)
            self.readiness = None

    def signal(self, sig: signal.Signals) -> None:
        """Send ``sig`` to the process if it runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sig)

    def poll_exit(self) -> int | None:
        """Return the exit status if the process has ended since the last call, else ``None``."""
        status = self._process.poll() if self._process is not None else None
        if status is not None:
            self._process = None
            self._close_readiness()
        return status

    def stop(self, grace_s: float) -> int | None:
        """End the process: SIGTERM, and SIGKILL after ``grace_s``.

        Returns its exit status, ``None`` if it was not running.
        """
        self._close_readiness()
        process = self._process
        if process is None:
            return None
        process.terminate()
        if poll_until(lambda: process.poll() is not None, grace_s) is None:
            process.kill()
        status = process.wait()
        self._process = None
        return status
