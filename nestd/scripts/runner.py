"""nestd's end of scripts: has them run in processes of their own, and ends them.

The processes come from a warm one (``zygote.py``), which is started before MPI is, without the
secrets and the MPI of this one, and always has one ready for the next script.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import subprocess
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import zmq

from nestd.scripts.process.control import FORK, ControlSocket
from nestd.scripts.process.environment import script_environment
from nestd.scripts.script_process import IdleProcess, ScriptProcess
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ConfigurationError
from protocol.logging import lines
from protocol.process.identity import python_command
from protocol.wire.messages import Command, Failure, Message, Result, Script
from protocol.wire.streams import PolledStream

log = logging.getLogger(__name__)

#: Processes that wait for scripts: one for the next, and one that is being made meanwhile.
SPARES = 2
#: Processes to which a script is given, if they end before they begin with it.
ATTEMPTS = 4
#: How often the warm process is started for one script, if it ends each time before that has begun.
STARTS = 4
#: How often others are looked at while a script computes by itself.
LOOK_MS = 500
#: How long the end of a script's process may take when the warm one has ended.
LOST_MS = 1000
#: How long the warm process may take to import everything.
READY_DEADLINE_S = 120.0


class Executor(Protocol):
    """What runs in nestd while a script does."""

    def execute(self, command: Command) -> Message:
        """The answer to a script's operation."""

    def receive(self) -> None:
        """Look at what has arrived from others meanwhile."""

    def print(self, output: bytes) -> None:
        """Take note of what the script has printed, as far as it is kept."""


class _EndedEarly(Exception):
    """The warm process has ended before it was ready."""


class ScriptRunner:
    """Runs scripts, one at a time.

    Parameters
    ----------
    settings : of scripts
    owner : directory of the server, which the list of processes shows
    """

    def __init__(self, settings: ScriptSettings, owner: Path) -> None:
        self._settings = settings
        self._owner = owner
        self._setup: dict[str, Any] = {}
        self._control: ControlSocket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._prepared: deque[IdleProcess] = deque()
        #: Forked processes that have not said their pid yet, in their order.
        self._unnamed: list[IdleProcess] = []
        self._run: ScriptProcess | None = None
        #: The process of the last script, until it is cleared up.
        self._used: ScriptProcess | None = None
        self._start()

    def _start(self) -> None:
        with ExitStack() as undone:
            try:
                ours, theirs = ControlSocket.pair()
                undone.callback(ours.close)
                with theirs:
                    self._process = subprocess.Popen(
                        python_command(
                            "nestd.scripts.process.fork_server",
                            str(theirs.fileno()),
                            str(self._owner),
                        ),
                        pass_fds=(theirs.fileno(),),
                        env=script_environment(os.environ, self._settings.restricted),
                        stdin=subprocess.DEVNULL,
                        start_new_session=True,
                    )
            except OSError as error:
                raise _cant_run(error) from error
            undone.pop_all()
        self._control = ours
        self._unnamed = []

    def set_up(self, description: dict[str, Any]) -> str:
        """Say what the kernel offers, and wait until scripts can be run.

        Parameters
        ----------
        description : a value of :class:`nest_remote.description.Description`

        Returns
        -------
        How scripts are confined, for a person.

        Raises
        ------
        ConfigurationError
            If scripts can't be run with the settings.
        """
        self._setup = {"settings": self._settings.to_json(), "description": description}
        try:
            problem = self._greet()
        except _EndedEarly as error:
            raise ConfigurationError(
                "scripts can't be run: their process does not start"
            ) from error
        self._prepare()
        if not self._settings.restricted:
            return "unrestricted"
        if problem is None:
            return "restricted"
        log.warning(
            "SCRIPTS ARE CONFINED BY PYTHON ALONE, the system gives no second wall: %s", problem
        )
        return f"restricted by Python alone: {problem}"

    def _greet(self) -> str | None:
        """Set the warm process up; what is wrong with the second wall, if anything is.

        Raises
        ------
        ConfigurationError
            If scripts can't be run with the settings, or it does not get ready in time.
        _EndedEarly
            If it has ended instead.
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
        said, _ = received
        if not said["ready"]:
            raise ConfigurationError(f"scripts can't be run: {said['problem']}")
        problem: str | None = said["problem"]
        return problem

    def _start_again(self) -> None:
        """Start the warm process, as the last one has ended."""
        log.warning("the process that runs scripts has ended and is started again")
        self._start()
        try:
            self._greet()
        except _EndedEarly:
            self._forget()
        except ConfigurationError:
            self._forget()
            raise

    def _prepare(self) -> OSError | None:
        """Have processes made for the next scripts; why they can't be, if that is so."""
        while self._control is not None and len(self._prepared) < SPARES:
            try:
                self._fork(self._control)
            except OSError as error:
                return error
        return None

    def _fork(self, control: ControlSocket) -> None:
        with ExitStack() as given, ExitStack() as kept:
            ours, theirs = socket.socketpair()
            kept.callback(ours.close)
            given.callback(theirs.close)
            output, printing = os.pipe()
            kept.callback(os.close, output)
            given.callback(os.close, printing)
            os.set_blocking(output, False)
            try:
                control.send(FORK, [theirs.fileno(), printing])
            except OSError:
                self._forget()
                return
            kept.pop_all()
        prepared = IdleProcess(PolledStream(ours), ours, output)
        self._prepared.append(prepared)
        self._unnamed.append(prepared)

    def run(
        self, script: Script, sender: zmq.Socket[bytes], executor: Executor
    ) -> Result | Failure:
        """Run ``script`` to its end and give its answer.

        Parameters
        ----------
        script : to run
        sender : socket on which others' messages arrive meanwhile
        executor : executes the script's operations, and looks at those messages

        Raises
        ------
        Diverged
            If one of its operations ends the kernel.
        """
        for _ in range(ATTEMPTS):
            run = self._begin(script)
            answer = self._run_to_end(run, sender, executor)
            if not run.is_untouched:
                break
            log.warning("a process ended before it began with its script, which goes to another")
        return answer

    def _run_to_end(
        self, run: ScriptProcess, sender: zmq.Socket[bytes], executor: Executor
    ) -> Result | Failure:
        self._run = run
        lines.note(log, "a process begins with the script", process=run.prepared.pid)
        try:
            self._attend(run, sender, executor)
            return run.answer()
        finally:
            self._run, self._used = None, run

    def clear_up(self) -> None:
        """Have the last script's process ended and the next one made.

        To be called when its answer is on its way, as this keeps the processors busy: it is done
        at the latest for the next script.
        """
        run, self._used = self._used, None
        if run is not None:
            if run.prepared.pid is not None and not run.ended:
                # It has said what it had to say; nobody waits for its process.
                self._tell({"end": run.prepared.pid})
            run.prepared.close()
            self._prepare()

    def _begin(self, script: Script) -> ScriptProcess:
        """Hand the script to a process that waits for one.

        The warm process, and each of its own, may be killed at any moment, this one included.
        """
        self.clear_up()
        self._look()
        starts = 0
        while True:
            if self._control is None:
                if starts == STARTS:
                    raise ConfigurationError(
                        f"scripts can't be run: their process has ended {STARTS} times in a row"
                    )
                starts += 1
                self._start_again()
            problem = self._prepare()
            if not self._prepared:
                if problem is not None:
                    raise _cant_run(problem) from problem
                continue
            prepared = self._prepared.popleft()
            try:
                return ScriptProcess(script, prepared, self._settings)
            except OSError:
                log.warning("a process that waited for a script has ended")
                prepared.close()

    def _attend(self, run: ScriptProcess, sender: zmq.Socket[bytes], executor: Executor) -> None:
        """Listen to everybody until the script has given its answer, or can't any more."""
        connected, output = run.prepared.connected.fileno(), run.prepared.output
        # Of a ZeroMQ socket only changes show here; receive looks itself whether there is more.
        # A poller of ZeroMQ's would cost each of a script's calls twice as much.
        others = int(sender.get(zmq.FD))
        poller = select.poll()
        poller.register(others, select.POLLIN)
        poller.register(output, select.POLLIN)
        if self._control is not None:
            poller.register(self._control.fileno(), select.POLLIN)
        while not run.is_over:
            executor.receive()
            if not run.is_deaf:
                poller.register(connected, run.events)
            wait_ms = run.wait_ms
            # A signal that arrives meanwhile is acted on when others are looked at.
            wait_ms = LOOK_MS if wait_ms is None else min(wait_ms, LOOK_MS)
            ready = {descriptor for descriptor, _ in poller.poll(wait_ms)}
            if output in ready:
                if not run.read_output():
                    poller.unregister(output)
                self._pass_on(run, executor)
            if connected in ready:
                for command in run.exchange():
                    answer = executor.execute(command)
                    # One that is being ended is not to go on with the answer until then.
                    if run.reason is None:
                        run.reply(answer)
                if run.is_deaf:
                    poller.unregister(connected)
                    # It has ended, or is of no use any more.
                    self._tell({"end": run.prepared.pid})
            if self._control is not None and self._control.fileno() in ready:
                self._look()
            if run.is_late and run.prepared.pid is not None:
                self.end(run.too_late)
            self._miss(run)
        run.read_output()
        self._pass_on(run, executor)

    def _miss(self, run: ScriptProcess) -> None:
        """Note the end of a script whose process can't say it any more."""
        if self._control is None and not run.is_over:
            # The system ends it with the warm one, but a moment later.
            run.await_end(LOST_MS)
            run.note_end(None, None, "its process was lost")
            run.is_untouched = run.is_unread and run.reason is None

    def _pass_on(self, run: ScriptProcess, executor: Executor) -> None:
        printed = run.new_output()
        if printed:
            executor.print(printed)

    @property
    def ending(self) -> str | None:
        """Why the script that runs is being ended, if it is; between its operations' slices."""
        run = self._run
        if run is None:
            return None
        # Its process may have been killed, and what it has asked for is nobody's then.
        self._look()
        self._miss(run)
        if run.is_late:
            self.end(run.too_late)
        return run.reason or ("the script was ended" if run.is_over else None)

    def end(self, reason: str) -> bool:
        """End the script that runs; whether there was one.

        Parameters
        ----------
        reason : for its caller
        """
        run = self._run
        if run is None or run.is_over:
            return False
        if run.reason is None:
            run.reason = reason
            if run.prepared.pid is not None:
                self._tell({"end": run.prepared.pid, "look": True})
        return True

    def _tell(self, said: dict[str, Any]) -> None:
        if self._control is not None:
            try:
                self._control.send(said)
            except OSError:
                self._forget()

    def _look(self) -> None:
        """Hear what the warm process says."""
        while self._control is not None:
            try:
                received = self._control.receive()
            except BlockingIOError:
                return
            except OSError:
                received = None
            if received is None:
                self._forget()
                return
            said, _ = received
            if "forked" in said:
                named = self._unnamed.pop(0)
                named.pid = said["forked"]
                if self._run is not None and self._run.prepared is named and self._run.reason:
                    self._tell({"end": named.pid, "look": True})
            elif "ended" in said:
                self._note_end(said)

    def _note_end(self, said: dict[str, Any]) -> None:
        pid = said["ended"]
        if self._run is not None and self._run.prepared.pid == pid:
            self._run.is_untouched = not (said["begun"] or self._run.reason)
            self._run.note_end(said["status"], said["line"] or None, said.get("reason"))
        if self._used is not None and self._used.prepared.pid == pid:
            self._used.ended = True
        for waiting in [one for one in self._prepared if one.pid == pid]:
            log.warning("a process that waited for a script ended by itself")
            self._prepared.remove(waiting)
            waiting.close()

    def _forget(self) -> None:
        """The warm process is gone, and all its scripts with it."""
        if self._control is not None:
            self._control.close()
        self._control = None
        self._discard()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _discard(self) -> None:
        while self._prepared:
            self._prepared.popleft().close()

    def close(self) -> None:
        """Let the warm process end, and all its scripts with it.

        It does so by itself when its socket is closed. Nobody waits for it, as launchers give a
        rank a second to end.
        """
        self._discard()
        if self._used is not None:
            self._used.prepared.close()
            self._used = None
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.returncode = 0
            self._process = None


def _cant_run(problem: OSError) -> ConfigurationError:
    """The error if the system makes no process, socket or pipe for a script."""
    return ConfigurationError(f"scripts can't be run: {problem.strerror}")
