"""Events that reach the supervisor, and instructions that its state answers with."""

from __future__ import annotations

import enum
import signal
from dataclasses import dataclass

from nestd.server.supervisor.shutdown import ShutdownStage


class ServerProgram(enum.Enum):
    """Programs that a supervisor starts; values are their names in the log."""

    KERNEL = "nestd"
    GATEWAY = "gateway"


@dataclass(frozen=True)
class ChildId:
    """One started process of a program; a program that is started again has another number."""

    program: ServerProgram
    number: int

    def __str__(self) -> str:
        return f"{self.program.value} (start {self.number})"


# Events


@dataclass(frozen=True)
class ChildExited:
    """A child has ended."""

    child: ChildId
    #: Exit code, or minus the signal that ended the child.
    status: int
    #: How the child ended, for a person.
    how: str


@dataclass(frozen=True)
class GatewayServes:
    """A gateway has written its ready byte."""

    child: ChildId


@dataclass(frozen=True)
class KernelConnected:
    """A kernel has written its connection file, so its ranks are known."""

    child: ChildId


@dataclass(frozen=True)
class ServerAnswered:
    """The server has answered a request as its users send it."""


@dataclass(frozen=True)
class LivenessProbed:
    """Signs of life have been looked for."""

    #: Whether the kernel gave one; ``None`` while no kernel is connected.
    kernel: bool | None
    #: Whether the gateway answers; ``None`` if there is no gateway to ask.
    gateway: bool | None


@dataclass(frozen=True)
class SignalArrived:
    """A signal was sent to the supervisor."""

    signal: signal.Signals


@dataclass(frozen=True)
class DeadlinePassed:
    """Time has passed, perhaps beyond ``SupervisorState.due_s``."""


SupervisorEvent = (
    ChildExited
    | GatewayServes
    | KernelConnected
    | ServerAnswered
    | LivenessProbed
    | SignalArrived
    | DeadlinePassed
)


# Instructions


@dataclass(frozen=True)
class StartChild:
    """Start a process."""

    child: ChildId


@dataclass(frozen=True)
class RetireGateway:
    """Tell a gateway to take nothing new and to end with its last answer."""

    child: ChildId


@dataclass(frozen=True)
class RecordGateway:
    """Write down that a gateway serves, where ``nest-server`` reads it."""

    child: ChildId


@dataclass(frozen=True)
class StopKernel:
    """Stop the kernel as hard as ``stage`` says."""

    stage: ShutdownStage


@dataclass(frozen=True)
class ProbeKernel:
    """Look for the connection file of a kernel; answered by ``KernelConnected`` if it is there."""

    child: ChildId


@dataclass(frozen=True)
class ProbeServer:
    """Ask for ``path`` over HTTP; answered by ``ServerAnswered`` if that succeeds."""

    #: ``None`` if there is no gateway to ask, and so nothing to wait for.
    path: str | None


@dataclass(frozen=True)
class ProbeLiveness:
    """Look for signs of life; answered by ``LivenessProbed``."""

    #: Whether the gateway has to answer, too.
    asks_gateway: bool


class Notify(enum.Enum):
    """Tell the service manager what a server does."""

    #: The server serves; its user is told, too.
    READY = enum.auto()
    #: The server is alive, for the watchdog.
    ALIVE = enum.auto()
    STOPPING = enum.auto()


@dataclass(frozen=True)
class WriteLog:
    """Write a line to the log."""

    #: A level of :mod:`logging`.
    level: int
    text: str
    #: Whether the line also belongs on the console of a server in the foreground.
    is_for_console: bool = False


@dataclass(frozen=True)
class GiveUp:
    """End the supervisor with an error, as the server does not start."""

    reason: str
    #: The child whose output tells more; ``None`` if no child ended.
    child: ChildId | None = None


SupervisorInstruction = (
    StartChild
    | RetireGateway
    | RecordGateway
    | StopKernel
    | ProbeKernel
    | ProbeServer
    | ProbeLiveness
    | Notify
    | WriteLog
    | GiveUp
)
