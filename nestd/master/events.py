"""Events that reach the master's state, and which may follow what.

:class:`QueuedCommand` is the event of a new command. Events of the second half answer a step, see
:data:`ANSWERED_BY`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nestd.master.instructions import (
    CheckRoom,
    ClaimJob,
    ExecuteOnRanks,
    InterruptScript,
    Receive,
    RunScript,
    Step,
    WriteFile,
)
from nestd.master.queue import QueuedCommand
from protocol.errors import CallerError, Diverged, NestdError
from protocol.wire.messages import (
    Cancel,
    Command,
    EndScript,
    Executed,
    Failure,
    LeaseNotice,
    ListRecorders,
    Result,
    Watch,
)
from protocol.wire.values import Buffer


class StateEvent:
    """Event that reaches the state."""


@dataclass(frozen=True)
class RequestArrived(StateEvent):
    """A gateway asks for something that waits in no queue."""

    sender: bytes
    request: Cancel | Watch | ListRecorders | EndScript | LeaseNotice


@dataclass(frozen=True)
class MessageRefused(StateEvent):
    """A message arrived that is no request."""

    sender: bytes
    error: NestdError


@dataclass(frozen=True)
class JobSubmitted(StateEvent):
    """A gateway passes on a job, which was looked up in the spool."""

    sender: bytes
    #: Id of the job, and of the request.
    id: str
    #: The job, if it is to be executed.
    queued: QueuedCommand | None = None
    #: Why the job can't be executed here, for the gateway.
    problem: NestdError | None = None


@dataclass(frozen=True)
class CallerLeft(StateEvent):
    """A connection has closed; who has sent work over it itself waits no more."""

    sender: bytes


@dataclass(frozen=True)
class RanksFree(StateEvent):
    """The loop has nothing else to do, so the next command may begin."""


@dataclass(frozen=True)
class Tick(StateEvent):
    """Time has passed; what happens at a certain time happens now."""


@dataclass(frozen=True)
class DrainAsked(StateEvent):
    """The process is asked to stop after the current command."""

    #: Time after which the command is ended where it is; ``None`` without a limit.
    limit_s: float | None


@dataclass(frozen=True)
class StopAsked(StateEvent):
    """The process is about to end, wherever it is."""


@dataclass(frozen=True)
class Replied(StateEvent):
    """An answer was sent to a command with a delivery id."""

    delivery_id: str
    frames: Sequence[Buffer]


@dataclass(frozen=True)
class ScriptOperation(StateEvent):
    """The script that runs asks for an operation."""

    command: Command


@dataclass(frozen=True)
class ScriptPrinted(StateEvent):
    """The script that runs has printed something."""

    output: bytes


@dataclass(frozen=True)
class KernelDiverged(StateEvent):
    """A rank raised alone while others hang: the kernel is of no use any more."""

    error: Diverged


@dataclass(frozen=True)
class RanksAnswered(StateEvent):
    """All ranks have executed an operation."""

    answers: list[Executed]


@dataclass(frozen=True)
class RanksFailed(StateEvent):
    """The conversation with the ranks failed, but the kernel goes on."""

    error: NestdError


@dataclass(frozen=True)
class Received(StateEvent):
    """All messages that had arrived were taken in, between two slices or calls of a batch."""

    #: Why the script that runs is being ended, if it is.
    script_ending: str | None = None


@dataclass(frozen=True)
class JobClaimed(StateEvent):
    """A job was claimed in the spool, or has a claim of somebody else."""

    is_claimed: bool
    #: Why the spool could not be written, if it could not.
    problem: str | None = None


@dataclass(frozen=True)
class FileWritten(StateEvent):
    """A file was written, or could not be."""

    problem: NestdError | None = None


@dataclass(frozen=True)
class RoomChecked(StateEvent):
    """The room that files of callers have was looked at."""

    #: Why nothing may be written, if so.
    problem: CallerError | None = None


@dataclass(frozen=True)
class ScriptInterrupted(StateEvent):
    """The script runner was asked to end its script."""

    was_running: bool


@dataclass(frozen=True)
class ScriptEnded(StateEvent):
    """The script runner has run a script to its end."""

    answer: Result | Failure


#: All events; a command is the event of its arrival.
MasterEvent: TypeAlias = StateEvent | QueuedCommand

#: Transition table: the instruction that each answering event must follow.
ANSWERED_BY: dict[type[MasterEvent], type[Step]] = {
    KernelDiverged: ExecuteOnRanks,
    RanksAnswered: ExecuteOnRanks,
    RanksFailed: ExecuteOnRanks,
    Received: Receive,
    JobClaimed: ClaimJob,
    FileWritten: WriteFile,
    RoomChecked: CheckRoom,
    ScriptInterrupted: InterruptScript,
    ScriptEnded: RunScript,
    ScriptOperation: RunScript,
    ScriptPrinted: RunScript,
}


class Phase(enum.Enum):
    """Phases of a master."""

    SERVING = "serving"
    #: Nothing new is taken, and the current command may end.
    DRAINING = "draining"
    #: All callers have their answers.
    STOPPED = "stopped"
    #: The kernel is of no use any more, and its caller knows.
    DIVERGED = "diverged"


#: Phases that may follow a phase.
FOLLOWING: dict[Phase, tuple[Phase, ...]] = {
    Phase.SERVING: (Phase.DRAINING, Phase.STOPPED, Phase.DIVERGED),
    Phase.DRAINING: (Phase.STOPPED, Phase.DIVERGED),
    Phase.STOPPED: (),
    Phase.DIVERGED: (),
}
