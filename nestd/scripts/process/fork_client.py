"""nestd's end of the fork server: starts it, has it fork processes, and hears what becomes of them.

Processes are forked before there are scripts for them, so that a script finds one ready. The fork
server and each of its processes may be killed at any moment.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nestd.confinement.spawner import HelperProgram, SpawnedProcess, Spawner
from nestd.scripts.process.control import FORK, ControlSocket
from nestd.scripts.process.environment import script_environment
from nestd.scripts.process.forked_process import ForkedProcess
from nestd.scripts.script_process import ProcessEnded, ProcessNamed
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ConfigurationError
from protocol.process.identity import python_command
from protocol.wire.streams import PolledStream

log = logging.getLogger(__name__)

#: Name of the fork server among the programs of nestd's spawner.
FORK_SERVER = "fork server"
#: Processes that wait for scripts: one for the next, and one that is being made meanwhile.
SPARES = 2
#: How often the fork server is started for one script, if it ends each time before that has begun.
STARTS = 4
#: How long the fork server may take to import everything.
READY_DEADLINE_S = 120.0


def fork_server_program(settings: ScriptSettings, owner: Path) -> HelperProgram:
    """Return the program of the fork server.

    The settings are fixed with it: nestd, should it be taken over, can't have scripts run that may
    do more.

    Parameters
    ----------
    settings : of scripts
    owner : directory of the server, which the list of processes shows
    """
    command = python_command(
        "nestd.scripts.process.fork_server", "{0}", str(owner), settings.to_json()
    )
    return HelperProgram(tuple(command), script_environment(os.environ, settings.restricted))


class _EndedEarly(Exception):
    """Raised if the fork server ends before it is ready."""


class ForkClient:
    """nestd's end of the fork server.

    Parameters
    ----------
    spawner : starts the fork server, outside of nestd's confinement
    message_bytes : most bytes of a message that a script's process may send
    """

    def __init__(self, spawner: Spawner, message_bytes: int) -> None:
        self._spawner = spawner
        self._message_bytes = message_bytes
        self._setup: dict[str, Any] = {}
        self._control: ControlSocket | None = None
        self._server: SpawnedProcess | None = None
        self._idle: deque[ForkedProcess] = deque()
        #: Forked processes whose ids have not been reported, in the order of the forks.
        self._unnamed: list[ForkedProcess] = []
        #: Processes by their ids, until their end is reported.
        self._named: dict[int, ForkedProcess] = {}
        self._start()

    @property
    def is_alive(self) -> bool:
        """Return whether the fork server runs, as far as is known."""
        return self._control is not None

    def fileno(self) -> int:
        """Return the descriptor to poll for reports; only while the fork server runs."""
        assert self._control is not None
        return self._control.fileno()

    def set_up(self, setup: dict[str, Any]) -> str | None:
        """Send the fork server its setup, and wait until it is ready.

        Parameters
        ----------
        setup : the description of what the kernel offers

        Returns
        -------
        Why the system can't confine scripts, if it can't.

        Raises
        ------
        ConfigurationError
            If scripts can't be run with the settings.
        """
        self._setup = setup
        try:
            problem = self._greet()
        except _EndedEarly as error:
            raise ConfigurationError(
                "scripts can't be run: their process does not start"
            ) from error
        if problem is None:
            self.prepare()
        return problem

    def prepare(self) -> OSError | None:
        """Have processes forked for the next scripts; return why they can't be, if so."""
        while self._control is not None and len(self._idle) < SPARES:
            try:
                self._fork(self._control)
            except OSError as error:
                return error
        return None

    def take(self) -> ForkedProcess:
        """Return a process that waits for a script, which is the caller's from now on.

        Raises
        ------
        ConfigurationError
            If there is none, and none can be made.
        """
        starts = 0
        while True:
            if self._control is None:
                if starts == STARTS:
                    raise ConfigurationError(
                        f"scripts can't be run: their process has ended {STARTS} times in a row"
                    )
                starts += 1
                self._start_again()
            problem = self.prepare()
            if self._idle:
                return self._idle.popleft()
            if problem is not None:
                raise _cant_run(problem) from problem

    def end_process(self, pid: int, locate: bool) -> None:
        """Have a process ended.

        Parameters
        ----------
        pid : its id
        locate : whether the process is to report before at which line the script is
        """
        if self._control is not None:
            try:
                self._control.send({"end": pid, "locate": locate})
            except OSError:
                self.forget()

    def reports(self) -> list[tuple[ForkedProcess, ProcessNamed | ProcessEnded]]:
        """Return what the fork server has reported of processes since the last call."""
        reports: list[tuple[ForkedProcess, ProcessNamed | ProcessEnded]] = []
        while self._control is not None:
            try:
                received = self._control.receive()
            except BlockingIOError:
                break
            except OSError:
                received = None
            if received is None:
                self.forget()
                break
            report, _ = received
            if "forked" in report:
                process = self._unnamed.pop(0)
                process.pid = report["forked"]
                self._named[report["forked"]] = process
                reports.append((process, ProcessNamed(report["forked"])))
            elif "ended" in report:
                process = self._named.pop(report["ended"])
                process.pid = None
                self._drop_idle(process)
                line, begun = report["line"] or None, bool(report["begun"])
                ended = ProcessEnded(report["status"], line, begun, report.get("reason"))
                reports.append((process, ended))
        return reports

    def forget(self) -> None:
        """Take note that the fork server has ended, and all its processes with it."""
        if self._control is not None:
            self._control.close()
        self._control = None
        self.discard_idle()
        while self._named:
            self._named.popitem()[1].pid = None
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        self._server = None

    def discard_idle(self) -> None:
        """Close nestd's ends of the processes that wait for scripts."""
        while self._idle:
            self._idle.popleft().close()

    def close(self) -> None:
        """Let the fork server end, and all scripts with it.

        The fork server ends by itself when its socket is closed. Its end is not waited for, as
        launchers give a rank a second to end.
        """
        self.discard_idle()
        if self._control is not None:
            self._control.close()
            self._control = None
        self._server = None

    def _start(self) -> None:
        with ExitStack() as undone:
            try:
                ours, theirs = ControlSocket.pair()
                undone.callback(ours.close)
                with theirs:
                    self._server = self._spawner.start(FORK_SERVER, [theirs.fileno()])
            except OSError as error:
                raise _cant_run(error) from error
            undone.pop_all()
        self._control = ours
        self._unnamed = []

    def _greet(self) -> str | None:
        """Set the fork server up; return why the system can't confine scripts, if it can't.

        Raises
        ------
        ConfigurationError
            If scripts can't be run with the settings, or the fork server is not ready in time.
        _EndedEarly
            If the fork server has ended instead.
        """
        assert self._control is not None
        self._control.settimeout(READY_DEADLINE_S)
        try:
            self._control.send({"setup": self._setup})
            received = self._control.receive()
        except TimeoutError as error:
            raise ConfigurationError(
                f"scripts can't be run: their process was not ready in {READY_DEADLINE_S:g} s"
            ) from error
        except OSError as error:
            raise _EndedEarly from error
        finally:
            self._control.settimeout(0)
        if received is None:
            raise _EndedEarly
        report, _ = received
        if not report["ready"]:
            raise ConfigurationError(f"scripts can't be run: {report['problem']}")
        problem: str | None = report["problem"]
        return problem

    def _start_again(self) -> None:
        log.warning("the process that runs scripts has ended and is started again")
        self._start()
        try:
            problem = self._greet()
            if problem is not None:
                raise ConfigurationError(f"scripts can't be run: {problem}")
        except _EndedEarly:
            self.forget()
        except ConfigurationError:
            self.forget()
            raise

    def _fork(self, control: ControlSocket) -> None:
        with ExitStack() as passed_on, ExitStack() as kept:
            ours, theirs = socket.socketpair()
            kept.callback(ours.close)
            passed_on.callback(theirs.close)
            output, printing = os.pipe()
            kept.callback(os.close, output)
            passed_on.callback(os.close, printing)
            os.set_blocking(output, False)
            try:
                control.send(FORK, [theirs.fileno(), printing])
            except OSError:
                self.forget()
                return
            kept.pop_all()
        process = ForkedProcess(PolledStream(ours, self._message_bytes), ours, output)
        self._idle.append(process)
        self._unnamed.append(process)

    def _drop_idle(self, process: ForkedProcess) -> None:
        if process in self._idle:
            log.warning("a process that waited for a script ended by itself")
            self._idle.remove(process)
            process.close()


def _cant_run(problem: OSError) -> ConfigurationError:
    """Return the error for a system that makes no process, socket or pipe for a script."""
    return ConfigurationError(f"scripts can't be run: {problem.strerror}")
