"""What waits for the kernel, in its order, and what it is at."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from protocol.errors import Cancelled, NestdError, QueueFull
from protocol.runtime.stored_job import StoredJob
from protocol.wire.messages import Batch, Command, Script, Task

#: Cancelled commands that have not arrived yet, of which it is remembered that they are.
_EARLY_CANCELS = 1024


@dataclass
class QueuedCommand:
    """A task in the queue."""

    command: Task
    #: Socket identity of who waits for the answer; ``None`` for a job, whose goes to the spool.
    sender: bytes | None = None
    job: StoredJob | None = None

    @property
    def id(self) -> str:
        """Of the command."""
        return self.command.id

    @property
    def label(self) -> str:
        """What it is, for a person."""
        if isinstance(self.command, (Batch, Script)):
            return "batch" if isinstance(self.command, Batch) else "script"
        operation = self.command.operation
        return operation.call or operation.action.value

    @property
    def call(self) -> str | None:
        """The PyNEST call, if it is one."""
        return self.label if isinstance(self.command, Command) else None

    def cancelled(self, reason: str) -> Cancelled:
        """The error for one that was cancelled while it waited."""
        return Cancelled(f"{self.label} was cancelled before it began: {reason}")


class Queue:
    """Commands that wait, and the one that is executed.

    Parameters
    ----------
    limit : commands that may wait; one more is refused
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[QueuedCommand] = deque()
        #: What is executed now.
        self.current: QueuedCommand | None = None
        #: Why commands that have not arrived yet are not to be executed, by their names.
        self._early: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[QueuedCommand]:
        """Those that wait, the next one first."""
        return iter(self._waiting)

    def ids(self) -> Iterator[str]:
        """Of those that wait."""
        return (one.id for one in self._waiting)

    def everything(self) -> list[QueuedCommand]:
        """The one that is executed, if any, and those that wait."""
        current = [] if self.current is None else [self.current]
        return [*current, *self._waiting]

    def add(self, waiting: QueuedCommand) -> NestdError | None:
        """Put a command at the end; gives why it is refused, if it is."""
        reason = self._early.pop(waiting.id, None)
        # What was accepted as a job is not refused any more.
        if waiting.job is None:
            if reason is not None:
                return waiting.cancelled(reason)
            if len(self._waiting) >= self._limit:
                waits = f"{len(self._waiting)} commands are waiting already"
                return QueueFull(waits, retry_after_s=1)
        self._waiting.append(waiting)
        return None

    def take(self) -> QueuedCommand:
        """The next one, which waits no longer."""
        return self._waiting.popleft()

    def remove(self, target: str) -> QueuedCommand | None:
        """Take out the command of that name, if it waits."""
        found = next((one for one in self._waiting if one.id == target), None)
        if found is not None:
            self._waiting.remove(found)
        return found

    def cancel_early(self, target: str, reason: str) -> None:
        """Remember that a command is not to be executed, should it come: commands come on other
        connections than what is about them, and perhaps later."""
        self._early[target] = reason
        if len(self._early) > _EARLY_CANCELS:
            self._early.popitem(last=False)
