"""Queue of commands for the kernel, and the command that is executed."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from nestd.broker.client import BrokeredJob
from protocol.errors import Cancelled, KernelLost, KernelUnavailable, NestdError, QueueFull
from protocol.wire.messages import Batch, Command, Script, Task

#: Cancelled commands that have not arrived yet, of which the queue remembers that they are.
_EARLY_CANCELS = 1024
#: When callers who are turned away while the process stops may find another kernel.
_RETRY_AFTER_STOP_S = 5


@dataclass
class QueuedCommand:
    """Task for the kernel, with the receiver of its answer."""

    command: Task
    #: Socket identity of the gateway that waits for the answer; ``None`` for a job, whose answer
    #: goes to the spool.
    sender: bytes | None = None
    job: BrokeredJob | None = None

    @property
    def id(self) -> str:
        """Return the command's id."""
        return self.command.id

    @property
    def label(self) -> str:
        """Return the command's name for a person: its call, ``batch`` or ``script``."""
        if isinstance(self.command, (Batch, Script)):
            return "batch" if isinstance(self.command, Batch) else "script"
        operation = self.command.operation
        return operation.call or operation.action.value

    @property
    def call(self) -> str | None:
        """Return the command's PyNEST call; ``None`` for a batch or a script."""
        return self.label if isinstance(self.command, Command) else None

    def refused(self) -> KernelUnavailable:
        """Return the error for a command that is turned away, as the process stops."""
        return KernelUnavailable(
            f"the server stops and takes nothing new; {self.label} was not executed",
            call=self.call,
            retry_after_s=_RETRY_AFTER_STOP_S,
        )

    def lost(self, late: str) -> KernelLost:
        """Return the error for a command during which the process ends.

        Parameters
        ----------
        late : clause about the time that it was given
        """
        return KernelLost(
            f"the kernel was stopped during {self.label}{late}; its network is lost",
            call=self.call,
        )

    def cancelled(self, reason: str) -> Cancelled:
        """Return the error for a command that was cancelled while it waited."""
        return Cancelled(f"{self.label} was cancelled before it began: {reason}")


class Queue:
    """Commands that wait, and the command that is executed.

    The length counts commands that wait; iteration begins with the command that is executed.

    Parameters
    ----------
    limit : commands that may wait; one more is refused
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[QueuedCommand] = deque()
        #: The command that is executed now.
        self.current: QueuedCommand | None = None
        #: Reasons why commands that have not arrived yet are not to be executed, by their ids.
        self._early: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of commands that wait."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[QueuedCommand]:
        """Iterate over the command that is executed, if any, and those that wait."""
        if self.current is not None:
            yield self.current
        yield from self._waiting

    def waiting(self) -> Iterator[QueuedCommand]:
        """Iterate over the commands that wait, the next command first."""
        return iter(self._waiting)

    def add(self, queued: QueuedCommand) -> NestdError | None:
        """Append a command, or return the error by which the queue refuses the command."""
        reason = self._early.pop(queued.command.id, None) if self._early else None
        # An accepted job is not refused any more.
        if queued.job is None:
            if reason is not None:
                return queued.cancelled(reason)
            if len(self._waiting) >= self._limit:
                waits = f"{len(self._waiting)} commands are waiting already"
                return QueueFull(waits, retry_after_s=1)
        self._waiting.append(queued)
        return None

    def take(self) -> QueuedCommand:
        """Remove the next command and return the command."""
        return self._waiting.popleft()

    def remove(self, target: str) -> QueuedCommand | None:
        """Remove the waiting command with the id ``target`` and return the command, if any."""
        queued = next((waiting for waiting in self._waiting if waiting.id == target), None)
        if queued is not None:
            self._waiting.remove(queued)
        return queued

    def cancel_early(self, target: str, reason: str) -> None:
        """Remember that a command is not to be executed, should the command arrive.

        Commands arrive on other connections than requests about them, and perhaps later.
        """
        self._early[target] = reason
        if len(self._early) > _EARLY_CANCELS:
            self._early.popitem(last=False)
