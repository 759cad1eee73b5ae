"""State of one script in its process: events in, an instruction and the answer out, no I/O.

::

    STARTING --> RUNNING --> ENDING       the socket is open, and what arrives there is read
        |           |           |
        v           v           v
    UNREAD, SILENT, CLOSED                the socket is closed, the process's end is not reported
        |           |           |
        v           v           v
    ANSWERED, ENDED, UNTOUCHED            over: the caller's answer is known

``runner.py`` observes the process, its socket and the clock, and carries out the instructions.
"""

from __future__ import annotations

import enum
import os
import signal
from dataclasses import dataclass
from typing import TypeAlias

from nestd.scripts.script_output import ScriptOutput
from nestd.scripts.settings import ScriptSettings
from protocol.errors import InternalError, NestdError, ScriptError
from protocol.process.identity import describe_exit
from protocol.wire.messages import Command, Failure, Message, Result, Script


class ScriptState(enum.Enum):
    """State of a script, as far as nestd knows it."""

    #: A process has been handed the script, and nothing has come back.
    STARTING = enum.auto()
    #: The script has asked for an operation.
    RUNNING = enum.auto()
    #: The script is being ended, and its process may still answer.
    ENDING = enum.auto()
    #: The process closed its socket before it had read the whole script.
    UNREAD = enum.auto()
    #: The process closed its socket without having asked for anything.
    SILENT = enum.auto()
    #: The process closed its socket after the script had begun, or while it was being ended.
    CLOSED = enum.auto()
    #: The process gave the script's answer.
    ANSWERED = enum.auto()
    #: The process ended, or became useless, without the script's answer.
    ENDED = enum.auto()
    #: The process ended by itself before the script began: another process can run the script.
    UNTOUCHED = enum.auto()


_S = ScriptState

#: States that can follow each state.
TRANSITIONS: dict[ScriptState, frozenset[ScriptState]] = {
    _S.STARTING: frozenset(_S) - {_S.STARTING, _S.CLOSED},
    _S.RUNNING: frozenset([_S.ENDING, _S.CLOSED, _S.ANSWERED, _S.ENDED]),
    _S.ENDING: frozenset([_S.CLOSED, _S.ANSWERED, _S.ENDED]),
    _S.UNREAD: frozenset([_S.CLOSED, _S.ENDED, _S.UNTOUCHED]),
    _S.SILENT: frozenset([_S.CLOSED, _S.ENDED, _S.UNTOUCHED]),
    _S.CLOSED: frozenset([_S.ENDED]),
    _S.ANSWERED: frozenset(),
    _S.ENDED: frozenset(),
    _S.UNTOUCHED: frozenset(),
}

#: States with an open socket, the most frequent one first: a set would be slower, by Enum's hash.
_OPEN = (_S.RUNNING, _S.STARTING, _S.ENDING)
#: What a closed socket means in each state that has an open one.
_CLOSED_FROM = {_S.STARTING: _S.SILENT, _S.RUNNING: _S.CLOSED, _S.ENDING: _S.CLOSED}
#: What a request to end the script means in each state that is not over.
_ENDING_FROM = {
    _S.STARTING: _S.ENDING,
    _S.RUNNING: _S.ENDING,
    _S.UNREAD: _S.CLOSED,
    _S.SILENT: _S.CLOSED,
}


# Events


@dataclass(frozen=True)
class ProcessNamed:
    """Event: the fork server has reported the id of the script's process."""

    pid: int


@dataclass(frozen=True)
class OperationAsked:
    """Event: the script asks for an operation of the kernel."""

    command: Command


@dataclass(frozen=True)
class AnswerArrived:
    """Event: the process has sent what should be the script's answer."""

    answer: Message


@dataclass(frozen=True)
class SocketClosed:
    """Event: the process has closed its socket."""

    #: Whether some of what nestd sent was never read.
    unread: bool


@dataclass(frozen=True)
class ProcessEnded:
    """Event: the fork server has reported the end of the script's process."""

    #: Wait status.
    status: int
    #: Line of the script that was being executed, if it is known.
    line: int | None
    #: Whether the process had begun with the script.
    begun: bool
    #: Why the fork server ended the process, if it did.
    reason: str | None = None


@dataclass(frozen=True)
class ForkServerLost:
    """Event: the fork server has ended, and all its processes with it."""


@dataclass(frozen=True)
class EndAsked:
    """Event: another party wants the script to end."""

    reason: str


@dataclass(frozen=True)
class TimePassed:
    """Event: the clock has moved on."""

    #: Monotonic time.
    now_s: float


ScriptEvent: TypeAlias = (
    ProcessNamed
    | OperationAsked
    | AnswerArrived
    | SocketClosed
    | ProcessEnded
    | ForkServerLost
    | EndAsked
    | TimePassed
)


# Instructions


@dataclass(frozen=True)
class ExecuteOperation:
    """Instruction: have the kernel execute an operation, and send the script its answer."""

    command: Command


@dataclass(frozen=True)
class EndProcess:
    """Instruction: have the fork server end the process."""

    pid: int
    #: Whether the process is to report before at which line the script is.
    locate: bool


ScriptInstruction: TypeAlias = ExecuteOperation | EndProcess


class ScriptProcess:
    """State machine of one script in one process.

    Parameters
    ----------
    script : to run
    settings : of scripts
    pid : id of the process, if it is known
    now_s : monotonic time at which the script begins
    """

    def __init__(
        self, script: Script, settings: ScriptSettings, pid: int | None, now_s: float
    ) -> None:
        self.output = ScriptOutput(settings.output_bytes)
        self._script = script
        self._pid = pid
        self._wall_s = settings.wall_s
        self._due_s = None if settings.wall_s is None else now_s + settings.wall_s
        self.state = ScriptState.STARTING
        #: Why the script is being ended.
        self._reason: str | None = None
        self._answer: Result | Failure | None = None

    @property
    def is_over(self) -> bool:
        """Return whether the caller's answer is known."""
        return self._answer is not None

    @property
    def listens(self) -> bool:
        """Return whether the process's socket is to be read."""
        return self.state in _OPEN

    @property
    def takes_answers(self) -> bool:
        """Return whether answers are to be sent: a script that is being ended must not go on."""
        return self.state is ScriptState.RUNNING

    @property
    def ending(self) -> str | None:
        """Reason for which the script is being ended or has ended; ``None`` while it goes on."""
        return self._reason or ("the script was ended" if self.is_over else None)

    @property
    def due_s(self) -> float | None:
        """Monotonic time at which the time limit ends the script, if there is one to come."""
        return self._due_s if self._reason is None else None

    def on_event(self, event: ScriptEvent) -> ScriptInstruction | None:
        """Take note of an event, and return what is to be done about it, if anything is."""
        if self.is_over:
            return None
        match event:
            case OperationAsked(command):
                return self._on_operation(command)
            case TimePassed(now_s):
                if self.due_s is not None and now_s >= self.due_s:
                    return self._end(f"it took longer than its limit of {self._wall_s} s")
            case ProcessNamed(pid):
                self._pid = pid
                if self.state not in (ScriptState.STARTING, ScriptState.RUNNING):
                    return self._end_process(locate=self._reason is not None)
            case EndAsked(reason):
                return self._end(reason)
            case AnswerArrived(answer):
                if self.listens:
                    self._answer = self._checked(answer)
                    self._move(ScriptState.ANSWERED)
            case SocketClosed(unread):
                return self._on_closed(unread)
            case ProcessEnded(status, line, begun, reason):
                untouched = not begun and ScriptState.UNTOUCHED in TRANSITIONS[self.state]
                self._conclude(untouched, reason or self._reason or _fate(status), line)
            case ForkServerLost():
                self._conclude(self.state is ScriptState.UNREAD, "its process was lost", None)
        return None

    def answer(self) -> Result | Failure:
        """Return what the caller gets; to be called when the script is over."""
        assert self._answer is not None
        printed = self.output.text()
        if isinstance(self._answer, Failure):
            self._answer.error.output = printed or None
        elif printed:
            return Result(self._script.id, "", {**self._answer.value, "stdout": printed})
        return self._answer

    def _on_operation(self, command: Command) -> ExecuteOperation | None:
        if self.state is ScriptState.STARTING:
            self._move(ScriptState.RUNNING)
        # A script that is being ended is not worth its operation.
        return ExecuteOperation(command) if self.takes_answers else None

    def _on_closed(self, unread: bool) -> EndProcess | None:
        if not self.listens:
            return None
        starting = self.state is ScriptState.STARTING
        self._move(ScriptState.UNREAD if unread and starting else _CLOSED_FROM[self.state])
        # The process has ended, or is of no use any more.
        return self._end_process(locate=False)

    def _end(self, reason: str) -> EndProcess | None:
        if self._reason is not None:
            return None
        self._reason = reason
        if self.state in _ENDING_FROM:
            self._move(_ENDING_FROM[self.state])
        return self._end_process(locate=True)

    def _end_process(self, locate: bool) -> EndProcess | None:
        # The process is ended when its id is reported if that is not known yet.
        return None if self._pid is None else EndProcess(self._pid, locate)

    def _checked(self, answer: Message) -> Result | Failure:
        """Return the answer that the process has sent, or an error if it is no script's answer."""
        error: NestdError = InternalError("a script's process answered without a result")
        if isinstance(answer, Result) and isinstance(answer.value, dict):
            data = {"data": answer.value["data"]} if "data" in answer.value else {}
            return Result(self._script.id, "", data)
        if isinstance(answer, Failure):
            error = answer.error
            if not isinstance(error, ScriptError):
                error = InternalError("a script's process answered with a foreign error")
        return Failure(self._script.id, "", error)

    def _conclude(self, untouched: bool, reason: str, line: int | None) -> None:
        place = "" if line is None else f" at line {line}"
        error = ScriptError(
            f"the script was ended{place}: {reason}", error_name="ScriptEnded", line=line
        )
        self._answer = Failure(self._script.id, "", error)
        self._move(ScriptState.UNTOUCHED if untouched else ScriptState.ENDED)

    def _move(self, state: ScriptState) -> None:
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"a script went from {self.state} to {state}")
        self.state = state


def _fate(status: int) -> str:
    """Describe a wait status as the reason for a script's end."""
    code = os.waitstatus_to_exitcode(status)
    fate = f"it ended with {describe_exit(code)}"
    return f"{fate}, perhaps as the system had no memory left" if code == -signal.SIGKILL else fate
