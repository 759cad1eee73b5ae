"""Runs scripts in processes of their own, one at a time, and ends them.

What happens to a script is decided in ``script_process.py``; the processes are those of
``process/fork_client.py``. This module waits for what happens, and does what is decided.
"""

from __future__ import annotations

import logging
import select
import time
from typing import Any, Protocol

import zmq

from nestd.confinement.spawner import Spawner
from nestd.scripts.process.fork_client import ForkClient
from nestd.scripts.process.forked_process import ForkedProcess
from nestd.scripts.sandbox.seccomp import REMEDY
from nestd.scripts.script_process import (
    AnswerArrived,
    EndAsked,
    EndProcess,
    ExecuteOperation,
    ForkServerLost,
    ScriptEvent,
    ScriptProcess,
    ScriptState,
    SocketClosed,
    TimePassed,
)
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ProtocolError, Refused
from protocol.logging import lines
from protocol.wire.messages import Command, Failure, Message, Result, Script

log = logging.getLogger(__name__)

#: Processes to which a script is given, if they end before they begin with it.
ATTEMPTS = 4
#: How often others are attended to while a script computes by itself.
ATTEND_MS = 500
#: How long the end of a script's process may take when the fork server has ended.
LOST_MS = 1000


class Executor(Protocol):
    """Part of nestd that works for a script while the script runs."""

    def execute(self, command: Command) -> Message:
        """Execute a script's operation, and return its answer."""

    def receive(self) -> None:
        """Receive what has arrived from others meanwhile."""

    def print(self, output: bytes) -> None:
        """Take note of what the script has printed, as far as that is kept."""


class ScriptRunner:
    """Runs scripts, one at a time.

    Parameters
    ----------
    settings : of scripts
    spawner : that can start the fork server
    """

    def __init__(self, settings: ScriptSettings, spawner: Spawner) -> None:
        self._settings = settings
        self._forks = ForkClient(spawner, settings.memory_bytes)
        #: Why no script is run, if none is.
        self._refusal: str | None = None
        #: The script that runs, and its process.
        self._script: ScriptProcess | None = None
        self._process: ForkedProcess | None = None
        #: The process of the last script, until it is cleared up.
        self._used: ForkedProcess | None = None

    def set_up(self, description: dict[str, Any]) -> str:
        """Describe to scripts what the kernel offers, and wait until scripts can be run.

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
        problem = self._forks.set_up({"description": description})
        if not self._settings.restricted:
            return "unrestricted"
        if problem is None:
            return "restricted"
        # Python's own guards are no boundary: whoever gets past them has all that nestd's account
        # has.
        self._refusal = f"scripts are off here, as the system can't confine them: {problem}. "
        self._refusal += REMEDY
        self._forks.close()
        log.warning("SCRIPTS ARE OFF, as the system can't confine them: %s. %s", problem, REMEDY)
        return f"off: {problem}"

    def run(
        self, script: Script, sender: zmq.Socket[bytes], executor: Executor
    ) -> Result | Failure:
        """Run ``script`` to its end, and return its answer.

        Parameters
        ----------
        script : to run
        sender : socket on which others' messages arrive meanwhile
        executor : executes the script's operations, and receives those messages

        Raises
        ------
        Diverged
            If one of the script's operations ends the kernel.
        """
        if self._refusal is not None:
            return Failure(script.id, "", Refused(self._refusal))
        for _ in range(ATTEMPTS):
            current, process = self._begin(script)
            lines.note(log, "a process begins with the script", process=process.pid)
            try:
                self._attend(current, process, sender, executor)
            finally:
                self._script, self._process, self._used = None, None, process
            if current.state is not ScriptState.UNTOUCHED:
                break
            log.warning("a process ended before it began with its script, which goes to another")
        return current.answer()

    @property
    def ending(self) -> str | None:
        """Reason for which the script that runs is ending; to be asked between its slices."""
        script = self._script
        if script is None:
            return None
        # If its process was killed, nobody waits for what the script has asked for.
        self._receive_reports()
        self._note_time(script)
        return script.ending

    def end(self, reason: str) -> bool:
        """End the script that runs; return whether there was one.

        Parameters
        ----------
        reason : for its caller
        """
        if self._script is None or self._script.is_over:
            return False
        self._step(EndAsked(reason))
        return True

    def clear_up(self) -> None:
        """Have the last script's process ended, and the next one forked.

        To be called when the answer is on its way, as this keeps the processors busy; the next
        script does so at the latest.
        """
        used, self._used = self._used, None
        if used is not None:
            if used.pid is not None:
                self._forks.end_process(used.pid, locate=False)
            used.close()
            self._forks.prepare()

    def close(self) -> None:
        """Let the fork server end, and all scripts with it."""
        if self._used is not None:
            self._used.close()
            self._used = None
        self._forks.close()

    def _begin(self, script: Script) -> tuple[ScriptProcess, ForkedProcess]:
        """Hand the script to a process that waits for one."""
        self.clear_up()
        self._receive_reports()
        while True:
            process = self._forks.take()
            try:
                process.send(script)
            except OSError:
                log.warning("a process that waited for a script has ended")
                process.close()
                continue
            current = ScriptProcess(script, self._settings, process.pid, time.monotonic())
            self._script, self._process = current, process
            return current, process

    def _attend(
        self,
        script: ScriptProcess,
        process: ForkedProcess,
        sender: zmq.Socket[bytes],
        executor: Executor,
    ) -> None:
        """Attend to all parties until the script is over."""
        connected = process.connected.fileno()
        # Of a ZeroMQ socket only changes show here; the executor receives all there is.
        # A poller of ZeroMQ's would cost each of a script's calls twice as much.
        poller = select.poll()
        poller.register(int(sender.get(zmq.FD)), select.POLLIN)
        poller.register(process.output, select.POLLIN)
        if self._forks.is_alive:
            poller.register(self._forks.fileno(), select.POLLIN)
        while not script.is_over:
            executor.receive()
            if script.listens:
                poller.register(connected, process.poll_events)
            # A signal that arrives meanwhile is acted on when others are attended to.
            ready = [descriptor for descriptor, _ in poller.poll(_wait_ms(script))]
            if process.output in ready:
                if not self._read_output(script, process):
                    poller.unregister(process.output)
                self._print(script, executor)
            if connected in ready:
                self._exchange(script, process, executor)
                if not script.listens:
                    poller.unregister(connected)
            if self._forks.is_alive and self._forks.fileno() in ready:
                self._receive_reports()
            if not self._forks.is_alive:
                self._note_loss()
            self._note_time(script)
        self._read_output(script, process)
        self._print(script, executor)

    def _exchange(self, script: ScriptProcess, process: ForkedProcess, executor: Executor) -> None:
        """Receive what the script's process has sent, and answer it."""
        event = process.receive()
        operation = None if event is None else self._step(event)
        if operation is None:
            return
        answer = executor.execute(operation.command)
        # A script that is being ended meanwhile is not to go on with the answer.
        if script.takes_answers:
            try:
                process.send(answer)
            except (OSError, ProtocolError) as error:
                log.info("a script did not get an answer: %s", error)

    def _step(self, event: ScriptEvent) -> ExecuteOperation | None:
        """Give the script an event; do what follows, unless it is an operation to be executed."""
        assert self._script is not None
        instruction = self._script.on_event(event)
        if isinstance(instruction, EndProcess):
            self._forks.end_process(instruction.pid, instruction.locate)
            return None
        return instruction

    def _receive_reports(self) -> None:
        """Take note of what the fork server has reported, or of its end."""
        for process, event in self._forks.reports():
            if process is self._process and self._script is not None:
                if process.pid is None:
                    self._receive_last(process)
                self._step(event)
        if not self._forks.is_alive:
            self._note_loss()

    def _note_loss(self) -> None:
        """Note the end of the script whose process was lost with the fork server, if one runs."""
        if self._process is not None and self._script is not None and not self._script.is_over:
            # The system ends the process with the fork server, but a moment later.
            self._process.await_hang_up(LOST_MS)
            self._receive_last(self._process)
            self._step(ForkServerLost())

    def _note_time(self, script: ScriptProcess) -> None:
        if script.due_s is not None:
            self._step(TimePassed(time.monotonic()))

    def _receive_last(self, process: ForkedProcess) -> None:
        """Receive an answer that the script's process may have sent just before its end."""
        event = process.receive()
        if isinstance(event, (AnswerArrived, SocketClosed)):
            self._step(event)

    @staticmethod
    def _read_output(script: ScriptProcess, process: ForkedProcess) -> bool:
        """Read what the script has printed; return whether more may come."""
        while (piece := process.read_output()) is not None:
            # A script that prints without end must not keep others from being heard.
            if not piece or not script.output.add(piece):
                return True
        return False

    @staticmethod
    def _print(script: ScriptProcess, executor: Executor) -> None:
        printed = script.output.take_new()
        if printed:
            executor.print(printed)


def _wait_ms(script: ScriptProcess) -> int:
    """Return how long to wait for what happens to a script."""
    if script.due_s is None:
        return ATTEND_MS
    return min(ATTEND_MS, max(0, int((script.due_s - time.monotonic()) * 1000) + 1))
