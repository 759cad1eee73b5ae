"""Transport of operations from rank 0 to all ranks, and of their answers back.

Every rank answers every operation exactly once, with a value or an error. The two ends of the
transport stand here one after the other: :class:`ManyRanks` on rank 0, :class:`RankWorker` on
the others.

Ranks talk over ZeroMQ: an idle rank sleeps on its socket, costs nothing and wakes at once, where
waiting in MPI burns a core. Rank 0 binds, the others connect with a key that they got over MPI.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import zmq

from nestd.call_traits import traits_of
from nestd.logs.nest_messages import messages
from nestd.partial.answers import from_wire, to_wire
from nestd.ranks.memory_errors import check_memory, encoded_answer, is_out_of_memory, with_value
from protocol.errors import Diverged, InternalError, NestdError, facts_of
from protocol.logging import context, lines
from protocol.process.identity import ProcessIdentity
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import write_private
from protocol.runtime.rank_activity import RankActivityWriter
from protocol.wire import frames
from protocol.wire.messages import Answered, Execute, Executed, Operation
from protocol.wire.values import Buffer

if TYPE_CHECKING:
    from nestd.kernel.kernel import Kernel

log = logging.getLogger(__name__)

#: How long a rank that raised in a call in which the others may wait for it inside NEST waits for
#: a sign that they do not.
GRACE_S = 3.0
#: How long a rank that raised in another operation waits, as the others may just need long.
LONG_GRACE_S = 600.0
#: How often a waiting rank checks whether a signal has stopped one of the others.
LOOK_S = 0.25

EXIT_DIVERGED = 70  # EX_SOFTWARE of sysexits.h


class Ranks(Protocol):
    """The ranks of one kernel, as the master sees them."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def execute(self, operation: Operation, references: bool) -> list[Executed]:
        """Execute an operation, and return every rank's answer, in the order of ranks."""


class OneRank:
    """A kernel that is this process alone."""

    size = 1

    def __init__(self, kernel: Kernel, rank_activity: RankActivityWriter | None = None) -> None:
        self._kernel = kernel
        self._rank_activity = rank_activity
        self._number = 0

    def execute(self, operation: Operation, references: bool) -> list[Executed]:
        """Execute an operation, and return the only rank's answer."""
        self._number += 1
        execute = Execute(self._number, operation, references, context.current_request())
        own = answer(self._kernel, 0, execute, self._rank_activity)
        if own.error is not None:
            self._kernel.rollback()
        return [own]


def answer(
    kernel: Kernel, rank: int, execute: Execute, rank_activity: RankActivityWriter | None = None
) -> Executed:
    """Execute an operation on this rank's kernel; whatever it does becomes the answer."""
    if rank_activity is not None:
        rank_activity.begin()
    try:
        value = kernel.execute(execute.operation, execute.references)
        answered = Executed(execute.number, rank, value, warnings=messages.take())
    except NestdError as error:
        answered = Executed(execute.number, rank, error=error, warnings=messages.take())
    finally:
        if rank_activity is not None:
            rank_activity.end()
    lines.note(
        log,
        "a rank has executed it",
        action=execute.operation.action.value,
        call=execute.operation.call,
        operation=execute.number,
        error=answered.error.error_name if answered.error is not None else None,
    )
    return answered


def grace_s(operation: Operation, error: NestdError) -> float:
    """Return how long a rank that raised ``error`` in ``operation`` waits for the others."""
    traits = traits_of(operation)
    if traits.strands_others or (traits.communicates and is_out_of_memory(error)):
        return GRACE_S
    return LONG_GRACE_S


class Grace:
    """The time that a rank which raised in ``operation`` gives the others.

    The time begins anew while a signal keeps another rank from running, as that rank can't answer
    yet. Time is counted in waits, as a clock would go on while this rank itself is stopped.

    Parameters
    ----------
    operation : in which this rank raised
    error : what it raised
    local_ranks : the ranks of this host
    """

    def __init__(
        self, operation: Operation, error: NestdError, local_ranks: Sequence[ProcessIdentity]
    ) -> None:
        self._local_ranks = local_ranks
        self._left_s = self._whole_s = grace_s(operation, error)

    def wait(self, poll: Callable[[int], Any]) -> Any:
        """Return what ``poll(timeout_ms)`` gives: nothing when the time is over."""
        while True:
            ready = poll(int(LOOK_S * 1000))
            if ready:
                return ready
            self._left_s -= LOOK_S
            if any(process.is_stopped() for process in self._local_ranks):
                self._left_s = self._whole_s
            if self._left_s <= 0:
                return ready


def identity(rank: int) -> bytes:
    """Return the name of a rank's socket at rank 0."""
    return b"rank-%d" % rank


class ManyRanks:
    """All ranks of a kernel: sends each an operation, executes the own one, collects the answers.

    Parameters
    ----------
    socket : bound ROUTER socket
    kernel : of rank 0
    size : number of ranks
    rank_activity : where this rank writes what it executes
    local_ranks : the ranks of this host
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        kernel: Kernel,
        size: int,
        rank_activity: RankActivityWriter | None = None,
        local_ranks: Sequence[ProcessIdentity] = (),
    ) -> None:
        self.size = size
        self._rank_activity = rank_activity
        self._socket = socket
        self._socket.router_mandatory = True
        self._local_ranks = local_ranks
        self._kernel = kernel
        self._number = 0

    def execute(self, operation: Operation, references: bool) -> list[Executed]:
        """Execute an operation on all ranks, and return their answers, in the order of ranks.

        Raises
        ------
        Diverged
            If rank 0 raised while others hang; the kernel is of no use any more.
        """
        self._number += 1
        execute = Execute(self._number, operation, references, context.current_request())
        encoded = frames.encode(execute)
        for rank in range(1, self.size):
            self._socket.send_multipart([identity(rank), *encoded], copy=False)
        own = answer(self._kernel, 0, execute, self._rank_activity)
        answers = [own, *self._collect(own, operation)]
        check_memory(answers, operation)
        if any(answer.error is not None for answer in answers):
            self._kernel.rollback()
            answered = frames.encode(Answered(self._number))
            for rank in range(1, self.size):
                self._socket.send_multipart([identity(rank), *answered])
        return answers

    def _collect(self, own: Executed, operation: Operation) -> list[Executed]:
        grace = None if own.error is None else Grace(operation, own.error, self._local_ranks)
        received: dict[int, Executed] = {}
        while len(received) < self.size - 1:
            # Without an error here the wait ends with the job, should a rank die.
            if grace is not None and not grace.wait(self._socket.poll):
                missing = [rank for rank in range(1, self.size) if rank not in received]
                assert own.error is not None
                raise diverged(own.error, 0, missing)
            sender, *parts = self._socket.recv_multipart(copy=False)
            message = frames.decode([part.buffer for part in parts])
            if not isinstance(message, Executed) or message.number != self._number:
                raise InternalError("a rank answered another operation than it was given")
            if sender.bytes != identity(message.rank):
                raise InternalError("a rank answered in the name of another")
            received[message.rank] = with_value(message, from_wire, operation)
        return [received[rank] for rank in range(1, self.size)]


class RankWorker:
    """Loop of a rank other than 0: executes operations of rank 0, and answers.

    Parameters
    ----------
    socket : DEALER socket, connected to rank 0 under the rank's name
    kernel : of this rank
    rank : this rank
    directory : where to write a crash report
    generation : of the kernel
    rank_activity : where this rank writes what it executes
    local_ranks : the ranks of this host
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        kernel: Kernel,
        rank: int,
        directory: Path,
        generation: str,
        rank_activity: RankActivityWriter | None = None,
        local_ranks: Sequence[ProcessIdentity] = (),
    ) -> None:
        self._rank_activity = rank_activity
        self._socket = socket
        self._monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._kernel = kernel
        self._rank = rank
        self._directory = directory
        self._generation = generation
        self._local_ranks = local_ranks

    def serve(self) -> None:
        """Execute operations until rank 0 is gone."""
        failed: Executed | None = None
        operation: Operation | None = None
        while True:
            grace = None
            if failed is not None and failed.error is not None and operation is not None:
                grace = Grace(operation, failed.error, self._local_ranks)
            parts = self._receive(grace)
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
                context.set_current_request(message.context)
                answered = answer(self._kernel, self._rank, message, self._rank_activity)
                sent = with_value(answered, to_wire, operation)
                self._socket.send_multipart(encoded_answer(sent, operation), copy=False)
                failed = answered if answered.error is not None else None
            elif isinstance(message, Answered):
                self._kernel.rollback()
            else:
                raise InternalError("rank 0 sent what is no operation")

    def _receive(self, grace: Grace | None) -> list[Buffer] | None:
        """Return the parts of the next message: none after ``grace``, ``None`` without rank 0."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        ready = dict(poller.poll() if grace is None else grace.wait(poller.poll))
        if self._socket in ready:
            return [part.buffer for part in self._socket.recv_multipart(copy=False)]
        return None if self._monitor in ready else []

    def _give_up(self, error: NestdError) -> NoReturn:
        """Write the crash report, and end the job."""
        report = diverged(error, self._rank, [])
        write_crash_report(self._directory, self._generation, report)
        log.error("%s", report)
        # The launcher takes one rank's failure as the end of all.
        os._exit(EXIT_DIVERGED)


def diverged(error: NestdError, rank: int, missing: list[int]) -> Diverged:
    """Return the error that ``rank`` raised alone, while others hang."""
    others = f"{'rank' if len(missing) == 1 else 'ranks'} {', '.join(map(str, missing))}"
    verb = "waits for it inside NEST and" if len(missing) == 1 else "wait for it inside NEST and"
    if not missing:
        others = "other ranks"
    return Diverged(
        f"{error} (on rank {rank} only; {others} {verb} can't go on, so the "
        "kernel is restarted and the network is lost)",
        error_name=error.error_name,
        call=error.call,
        ranks=(rank,),
        module=error.module,
    )


def write_crash_report(directory: Path, generation: str, error: NestdError) -> None:
    """Write why this kernel ends, for whoever waits for its answer."""
    report = {"generation": generation, "error": facts_of(error)}
    write_private(RuntimeDirectory(directory).crash_report, json.dumps(report).encode())
