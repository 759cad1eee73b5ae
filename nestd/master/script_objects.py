"""What a script asks of the kernel, and what becomes of it when the script has ended."""

from __future__ import annotations

from collections.abc import Callable

from nestd.master.activity import Activity
from protocol.errors import ProtocolError
from protocol.wire.messages import (
    OPEN_ACTIONS,
    Action,
    Command,
    Failure,
    Message,
    Operation,
    Result,
)


class ScriptObjects:
    """Executes a script's operations, and drops the objects that they made when it has ended.

    Parameters
    ----------
    perform : executes a command
    take_up : sees to what others ask meanwhile
    activity : that is told what the script prints
    """

    def __init__(
        self,
        perform: Callable[[Command], Message],
        take_up: Callable[[], None],
        activity: Activity,
    ) -> None:
        self._perform = perform
        self.take_up = take_up
        self.print = activity.print
        #: Number of the first object that the script made; ``None`` before its first operation.
        self._first: int | None = None

    def perform(self, command: Command) -> Message:
        """The answer to one of its operations."""
        if command.operation.action not in OPEN_ACTIONS or command.unmerged:
            error = ProtocolError(f"scripts can't ask for {command.operation.action.value}")
            return Failure(command.id, "", error)
        if self._first is None:
            marked = self._perform(Command("", Operation(Action.CHECKPOINT)))
            self._first = marked.value if isinstance(marked, Result) else 0
        return self._perform(command)

    def release(self) -> None:
        """Drop the objects that nobody can name any more."""
        if self._first:
            self._perform(Command("", Operation(Action.RELEASE_FROM, args=[self._first])))
