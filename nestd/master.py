"""Rank 0's loop: takes commands from the socket, has the ranks execute them, answers.

While NEST computes, nothing else runs in this process; commands that arrive meanwhile wait
in the socket and are taken up afterwards, in order.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from nestd.merging import Placement, merge, put_off
from nestd.ranks import Ranks
from nestd.runner.runner import ScriptRunner
from nestd.spatial import Nodes, TextFile
from protocol import frames
from protocol.errors import (
    ArgumentError,
    ConfigurationError,
    Diverged,
    InternalError,
    NestdError,
    ProtocolError,
    QueueFull,
)
from protocol.messages import (
    OPEN_ACTIONS,
    Action,
    Command,
    EndScript,
    Executed,
    Failure,
    Message,
    Operation,
    Result,
    Script,
)
from protocol.values import Value

log = logging.getLogger(__name__)

#: An operation that takes longer than this is worth a line in the log.
SLOW_OPERATION_S = 1.0


class Stopped(SystemExit):
    """Raised in the main thread by a signal that asks this process to end."""


@dataclass(frozen=True)
class _Waiting:
    """A command in the queue, with the socket identity of who sent it."""

    sender: bytes
    command: Command | Script


class Master:
    """The owner of the queue of commands.

    Parameters
    ----------
    socket : bound ROUTER socket
    ranks : that execute
    generation : of the kernel, goes into every answer
    queue_limit : commands that may wait; one more is refused
    scripts : that runs scripts; ``None`` if none can be run
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        ranks: Ranks,
        generation: str,
        queue_limit: int,
        scripts: ScriptRunner | None = None,
    ) -> None:
        self._socket = socket
        self._ranks = ranks
        self._generation = generation
        self._queue_limit = queue_limit
        self._scripts = scripts
        self._queue: deque[_Waiting] = deque()

    def serve(self) -> None:
        """Execute commands until the process is told to stop."""
        while True:
            self._take_up(wait=not self._queue)
            if self._queue:
                self._execute(self._queue.popleft())

    def take_up(self) -> None:
        """Move what has arrived from the socket to the queue."""
        self._take_up(wait=False)

    def _take_up(self, wait: bool) -> None:
        # Asking first costs less than the exception of a receive that finds nothing.
        while wait or int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN:
            parts = self._socket.recv_multipart(copy=False)
            wait = False
            # The copies of short frames cost less than keeping their messages alive.
            sender, *received = [part.bytes if len(part) < 4096 else part.buffer for part in parts]
            self._enqueue(bytes(sender), received)

    def _enqueue(self, sender: bytes, received: list[Any]) -> None:
        try:
            message = frames.decode(received)
            if not isinstance(message, (Command, Script, EndScript)):
                raise ProtocolError("nestd takes commands only")
        except ProtocolError as error:
            log.warning("refused a message: %s", error)
            self._send(sender, Failure("", self._generation, error))
            return
        if isinstance(message, EndScript):
            # It is about what runs now, so it waits in no queue.
            ended = self._scripts is not None and self._scripts.end("its end was asked for")
            self._send(sender, Result(message.id, self._generation, ended))
            return
        if len(self._queue) >= self._queue_limit:
            full = QueueFull(f"{len(self._queue)} commands are waiting already", retry_after_s=1)
            self._send(sender, Failure(message.id, self._generation, full))
            return
        self._queue.append(_Waiting(sender, message))

    def _execute(self, waiting: _Waiting) -> None:
        command = waiting.command
        began = time.monotonic()
        try:
            if isinstance(command, Script):
                reply, what = self._run(command), "a script"
            else:
                reply, what = self.perform(command), command.operation.call
        except Diverged as error:
            self._send(waiting.sender, Failure(command.id, self._generation, error))
            raise
        took_s = time.monotonic() - began
        if took_s > SLOW_OPERATION_S:
            log.info("%s took %.1f s", what, took_s)
        self._send(waiting.sender, reply)

    def perform(self, command: Command) -> Message:
        """Have the ranks execute a command; its answer.

        Raises
        ------
        Diverged
            If the kernel is of no use any more.
        """
        try:
            answers = self._ranks.execute(command.operation, command.references)
            rest = put_off(command.operation, answers)
            if rest is not None:
                answers = self._ranks.execute(rest, command.references)
            if command.unmerged:
                value: Value = [_as_value(answer) for answer in answers]
            else:
                value = finish(self._ranks, merge(command.operation, answers), command.references)
            return Result(command.id, self._generation, value)
        except Diverged:
            raise
        except InternalError as error:
            log.error("%s", error, exc_info=error)
            return Failure(command.id, self._generation, error)
        except NestdError as error:
            return Failure(command.id, self._generation, error)

    def _run(self, script: Script) -> Message:
        """Run a script; nothing else reaches the kernel meanwhile."""
        if self._scripts is None:
            error = InternalError("this nestd runs no scripts")
            return Failure(script.id, self._generation, error)
        objects = _ScriptObjects(self)
        try:
            answer = self._scripts.run(script, self._socket, objects)
        except ConfigurationError as error:
            log.error("%s", error)
            return Failure(script.id, self._generation, InternalError(error.message))
        objects.release()
        if isinstance(answer, Result):
            return Result(script.id, self._generation, answer.value)
        return Failure(script.id, self._generation, answer.error)

    def _send(self, receiver: bytes, message: Message) -> None:
        try:
            encoded = frames.encode(message)
        except ProtocolError as error:
            fault = InternalError(f"the answer can't be sent: {error}")
            encoded = frames.encode(Failure(getattr(message, "id", ""), self._generation, fault))
        # A receiver that is gone gets nothing: ROUTER drops what it can't route.
        self._socket.send_multipart([receiver, *encoded], copy=False)


class _ScriptObjects:
    """Executes a script's operations, and drops the objects that they made when it has ended.

    Parameters
    ----------
    master : that executes
    """

    def __init__(self, master: Master) -> None:
        self._master = master
        self.take_up = master.take_up
        #: Number of the first object that the script made; ``None`` before its first operation.
        self._first: int | None = None

    def perform(self, command: Command) -> Message:
        """The answer to one of its operations."""
        if command.operation.action not in OPEN_ACTIONS or command.unmerged:
            error = ProtocolError(f"scripts can't ask for {command.operation.action.value}")
            return Failure(command.id, "", error)
        if self._first is None:
            marked = self._master.perform(Command("", Operation(Action.MARK)))
            self._first = marked.value if isinstance(marked, Result) else 0
        return self._master.perform(command)

    def release(self) -> None:
        """Drop the objects that nobody can name any more."""
        if self._first:
            self._master.perform(Command("", Operation(Action.RELEASE_FROM, args=[self._first])))


def finish(ranks: Ranks, value: Value, references: bool) -> Value:
    """``value`` with what merging could only name made real.

    Parameters
    ----------
    ranks : that make it
    value : merged
    references : whether kernel objects are answered as references
    """
    if isinstance(value, Nodes):
        if not references:
            return value.ids
        make = Operation(Action.CALL, "NodeCollection", [value.ids])
        return merge(make, ranks.execute(make, references))
    if isinstance(value, (list, tuple)) and any(
        isinstance(item, (Nodes, list, tuple)) for item in value
    ):
        return type(value)(finish(ranks, item, references) for item in value)
    if isinstance(value, Placement):
        place = Operation(Action.PLACE, args=[value.reference, value.rows, value.total])
        merge(place, ranks.execute(place, references))
        return value.reference
    if isinstance(value, TextFile):
        try:
            Path(value.path).write_text("\n".join([*value.lines, ""]), encoding="utf-8")
        except OSError as error:
            raise ArgumentError(f"can't write {value.path}: {error.strerror}") from error
        return None
    return value


def _as_value(answer: Executed) -> Value:
    """One rank's answer, as it is."""
    if answer.error is not None:
        error = answer.error
        return {"rank": answer.rank, "error": error.error_name, "message": error.message}
    return {"rank": answer.rank, "value": answer.value}
