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
from nestd.spatial import Nodes, TextFile
from protocol import frames
from protocol.errors import (
    ArgumentError,
    Diverged,
    InternalError,
    NestdError,
    ProtocolError,
    QueueFull,
)
from protocol.messages import Action, Command, Executed, Failure, Message, Operation, Result
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
    command: Command


class Master:
    """The owner of the queue of commands.

    Parameters
    ----------
    socket : bound ROUTER socket
    ranks : that execute
    generation : of the kernel, goes into every answer
    queue_limit : commands that may wait; one more is refused
    """

    def __init__(
        self, socket: zmq.Socket[bytes], ranks: Ranks, generation: str, queue_limit: int
    ) -> None:
        self._socket = socket
        self._ranks = ranks
        self._generation = generation
        self._queue_limit = queue_limit
        self._queue: deque[_Waiting] = deque()

    def serve(self) -> None:
        """Execute commands until the process is told to stop."""
        while True:
            self._take_up(wait=not self._queue)
            if self._queue:
                self._execute(self._queue.popleft())

    def _take_up(self, wait: bool) -> None:
        """Move what has arrived from the socket to the queue."""
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
            if not isinstance(message, Command):
                raise ProtocolError("nestd takes commands only")
        except ProtocolError as error:
            log.warning("refused a message: %s", error)
            self._send(sender, Failure("", self._generation, error))
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
            answers = self._ranks.execute(command.operation, command.references)
            rest = put_off(command.operation, answers)
            if rest is not None:
                answers = self._ranks.execute(rest, command.references)
            if command.unmerged:
                value: Value = [_as_value(answer) for answer in answers]
            else:
                value = finish(self._ranks, merge(command.operation, answers), command.references)
            reply: Message = Result(command.id, self._generation, value)
        except Diverged as error:
            self._send(waiting.sender, Failure(command.id, self._generation, error))
            raise
        except InternalError as error:
            log.error("%s", error, exc_info=error)
            reply = Failure(command.id, self._generation, error)
        except NestdError as error:
            reply = Failure(command.id, self._generation, error)
        took_s = time.monotonic() - began
        if took_s > SLOW_OPERATION_S:
            log.info("%s took %.1f s", command.operation.call, took_s)
        self._send(waiting.sender, reply)

    def _send(self, receiver: bytes, message: Message) -> None:
        try:
            encoded = frames.encode(message)
        except ProtocolError as error:
            fault = InternalError(f"the answer can't be sent: {error}")
            encoded = frames.encode(Failure(getattr(message, "id", ""), self._generation, fault))
        # A receiver that is gone gets nothing: ROUTER drops what it can't route.
        self._socket.send_multipart([receiver, *encoded], copy=False)


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
    if isinstance(value, list) and any(isinstance(item, (Nodes, list)) for item in value):
        return [finish(ranks, item, references) for item in value]
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
