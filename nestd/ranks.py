"""Has every rank execute an operation and collects what each answers.

Every rank answers every operation exactly once, with a value or an error. The two ends of the
conversation stand here one after the other: :class:`ManyRanks` on rank 0, :class:`Worker` on
the others.

They talk over ZeroMQ: an idle rank sleeps on its socket, costs nothing and wakes at once, where
waiting in MPI burns a core. Rank 0 binds, the others connect with a key that they got over MPI.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

import zmq

from protocol import frames
from protocol.board import BoardWriter
from protocol.connection_file import LAST_WORDS_FILE
from protocol.errors import Diverged, InternalError, NestdError, facts_of
from protocol.messages import Execute, Executed, Operation, Settled
from protocol.private_files import write_private
from protocol.values import Buffer

if TYPE_CHECKING:
    from nestd.kernel.kernel import Kernel

log = logging.getLogger(__name__)

#: During these, ranks wait for each other inside NEST: one that raises alone leaves the others
#: waiting for ever.
COMMUNICATING = frozenset(["Simulate", "Run", "Prepare", "Cleanup", "SyncProcesses", "ResetKernel"])
#: How long a rank that raised in one of them waits for a sign that the others did not hang.
GRACE_S = 3.0
#: The same for other operations, in which the others may just need long.
LONG_GRACE_S = 600.0

EXIT_DIVERGED = 70  # EX_SOFTWARE of sysexits.h


class Ranks(Protocol):
    """The ranks of one kernel, as the master sees them."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def execute(self, operation: Operation, references: bool) -> list[Executed]:
        """One answer of every rank, in the order of ranks; never raises for the operation."""


class OneRank:
    """A kernel that is this process alone."""

    size = 1

    def __init__(self, kernel: Kernel, board: BoardWriter | None = None) -> None:
        self._kernel = kernel
        self._board = board
        self._number = 0

    def execute(self, operation: Operation, references: bool) -> list[Executed]:
        """The only rank's answer."""
        self._number += 1
        return [answer(self._kernel, 0, Execute(self._number, operation, references), self._board)]


def answer(
    kernel: Kernel, rank: int, execute: Execute, board: BoardWriter | None = None
) -> Executed:
    """Execute an operation on this rank's kernel; whatever it does becomes the answer."""
    if board is not None:
        board.begin()
    try:
        value = kernel.execute(execute.operation, execute.references)
        return Executed(execute.number, rank, value)
    except NestdError as error:
        return Executed(execute.number, rank, error=error)
    finally:
        if board is not None:
            board.end()


def grace_s(operation: Operation) -> float:
    """How long a rank that raised in ``operation`` waits for the others."""
    return GRACE_S if operation.call in COMMUNICATING else LONG_GRACE_S


def identity(rank: int) -> bytes:
    """Name of a rank's socket at rank 0."""
    return b"rank-%d" % rank


class ManyRanks:
    """Rank 0's end: sends an operation to all, executes it itself, collects the answers.

    Parameters
    ----------
    socket : bound ROUTER socket
    kernel : of rank 0
    size : number of ranks
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        kernel: Kernel,
        size: int,
        board: BoardWriter | None = None,
    ) -> None:
        self.size = size
        self._board = board
        self._socket = socket
        self._socket.router_mandatory = True
        self._kernel = kernel
        self._number = 0

    def execute(self, operation: Operation, references: bool) -> list[Executed]:
        """One answer of every rank.

        Raises
        ------
        Diverged
            If rank 0 raised while others hang; the kernel is of no use any more.
        """
        self._number += 1
        execute = Execute(self._number, operation, references)
        encoded = frames.encode(execute)
        for rank in range(1, self.size):
            self._socket.send_multipart([identity(rank), *encoded], copy=False)
        own = answer(self._kernel, 0, execute, self._board)
        answers = [own, *self._collect(own, operation)]
        if any(answer.error is not None for answer in answers):
            settled = frames.encode(Settled(self._number))
            for rank in range(1, self.size):
                self._socket.send_multipart([identity(rank), *settled])
        return answers

    def _collect(self, own: Executed, operation: Operation) -> list[Executed]:
        deadline = None if own.error is None else time.monotonic() + grace_s(operation)
        received: dict[int, Executed] = {}
        while len(received) < self.size - 1:
            left_ms = None if deadline is None else max(0, (deadline - time.monotonic()) * 1000)
            # Without a deadline the wait ends with the job, should a rank die.
            if not self._socket.poll(None if left_ms is None else int(left_ms)):
                missing = [rank for rank in range(1, self.size) if rank not in received]
                assert own.error is not None
                raise diverged(own.error, 0, missing)
            _, *parts = self._socket.recv_multipart(copy=False)
            message = frames.decode([part.buffer for part in parts])
            if not isinstance(message, Executed) or message.number != self._number:
                raise InternalError("a rank answered another operation than it was given")
            received[message.rank] = message
        return [received[rank] for rank in range(1, self.size)]


class Worker:
    """The other ranks' end: executes what comes and answers.

    Parameters
    ----------
    socket : DEALER socket, connected to rank 0 under the rank's name
    kernel : of this rank
    rank : this rank
    directory : where to leave last words
    generation : of the kernel
    board : to say on what this rank is at
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        kernel: Kernel,
        rank: int,
        directory: Path,
        generation: str,
        board: BoardWriter | None = None,
    ) -> None:
        self._board = board
        self._socket = socket
        self._monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._kernel = kernel
        self._rank = rank
        self._directory = directory
        self._generation = generation

    def serve(self) -> None:
        """Execute operations until rank 0 is gone."""
        failed: Executed | None = None
        operation: Operation | None = None
        while True:
            wait_s = grace_s(operation) if failed is not None and operation is not None else None
            parts = self._receive(wait_s)
            if parts is None:
                log.warning("rank 0 is gone, rank %d ends", self._rank)
                return
            if not parts:
                assert failed is not None and failed.error is not None
                self._give_up(failed.error)
            message = frames.decode(parts)
            failed = None
            if isinstance(message, Execute):
                operation = message.operation
                answered = answer(self._kernel, self._rank, message, self._board)
                self._socket.send_multipart(frames.encode(answered), copy=False)
                failed = answered if answered.error is not None else None
            elif not isinstance(message, Settled):
                raise InternalError("rank 0 sent what is no operation")

    def _receive(self, wait_s: float | None) -> list[Buffer] | None:
        """The next message; none of it after ``wait_s``, ``None`` when rank 0 is gone."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        ready = dict(poller.poll(None if wait_s is None else int(wait_s * 1000)))
        if self._socket in ready:
            return [part.buffer for part in self._socket.recv_multipart(copy=False)]
        return None if self._monitor in ready else []

    def _give_up(self, error: NestdError) -> NoReturn:
        """Say what happened here where it will be found, and end the job."""
        report = diverged(error, self._rank, [])
        leave_last_words(self._directory, self._generation, report)
        log.error("%s", report)
        # The launcher takes one rank's failure as the end of all.
        os._exit(EXIT_DIVERGED)


def diverged(error: NestdError, rank: int, missing: list[int]) -> Diverged:
    """The error that ``rank`` raised alone, while others hang."""
    others = f"rank {', '.join(map(str, missing))}" if missing else "other ranks"
    return Diverged(
        f"{error} (on rank {rank} only; {others} wait for it inside NEST and can't go on, so the "
        "kernel is restarted and the network is lost)",
        error_name=error.error_name,
        call=error.call,
        ranks=(rank,),
    )


def leave_last_words(directory: Path, generation: str, error: NestdError) -> None:
    """Write why this kernel ends, for whoever waits for its answer."""
    said = {"generation": generation, "error": facts_of(error)}
    write_private(directory / LAST_WORDS_FILE, json.dumps(said).encode())
