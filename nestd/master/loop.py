"""Loop of rank 0: polls the socket, makes events of what arrives, and carries out instructions.

While NEST computes, nothing else runs in this process; messages that arrive meanwhile wait in the
socket until the loop takes them in, in order: after the command, or between two slices of a
simulation.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import zmq

from nestd.broker.client import BrokerClient
from nestd.confinement.memory import limit
from nestd.data_room import DataRoom, list_files, write_file
from nestd.file_names import FileNames
from nestd.master import events as ev
from nestd.master import instructions as ins
from nestd.master.queue import QueuedCommand
from nestd.master.reply_cache import ReplyCache
from nestd.master.state import MasterState
from nestd.network.callers import Callers
from nestd.network.event_publisher import EventPublisher
from nestd.ranks.transport import Ranks
from nestd.scripts.runner import ScriptRunner
from protocol.errors import (
    ConfigurationError,
    Diverged,
    InternalError,
    NestdError,
    ProtocolError,
)
from protocol.process.lease import LEASE_S
from protocol.runtime.data_directory import DataDirectory
from protocol.runtime.status_file import StatusWriter
from protocol.wire import frames
from protocol.wire.messages import (
    Action,
    Batch,
    Cancel,
    Command,
    EndScript,
    Failure,
    LeaseNotice,
    ListRecorders,
    Message,
    Script,
    Submit,
    Watch,
)

log = logging.getLogger(__name__)


class Stopped(SystemExit):
    """Raised in the main thread by a signal that asks this process to end."""


class Master:
    """The loop of rank 0, around a :class:`MasterState`.

    Parameters
    ----------
    socket : bound ROUTER socket
    ranks : that execute
    generation : of the kernel
    queue_limit : commands that may wait; one more is refused
    publisher : of events
    status : writes the status file
    broker : has the jobs
    scripts : runs scripts
    data : directory of files for callers
    replies : keeps answers, where links to gateways may be cut; ``None`` where none are
    lease_s : time after which objects of a client may go of which nothing is heard
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        ranks: Ranks,
        generation: str,
        queue_limit: int,
        publisher: EventPublisher,
        status: StatusWriter,
        broker: BrokerClient,
        scripts: ScriptRunner,
        data: DataDirectory,
        replies: ReplyCache | None = None,
        lease_s: float = LEASE_S,
    ) -> None:
        self._socket = socket
        # Made once: the socket's own poll makes a poller for each call.
        self._poller = zmq.Poller()
        self._poller.register(socket, zmq.POLLIN)
        self._callers = Callers.of(socket)
        if self._callers is not None:
            self._poller.register(self._callers.monitor, zmq.POLLIN)
        self._ranks = ranks
        self._generation = generation
        self._publisher = publisher
        self._status = status
        self._broker = broker
        self._scripts = scripts
        self._data, room, names = data, DataRoom(data), FileNames(data.path)
        self._state = MasterState(generation, queue_limit, names, ranks.size, replies, lease_s)
        #: Instructions that are not carried out yet, those of inner events last; reversed.
        self._left: list[list[ins.Instruction]] = []
        #: Whether the loop waits for a message, with nothing half done.
        self._is_idle = False
        #: When a signal has asked to drain, and the time limit.
        self._drain_asked: tuple[float, float | None] | None = None
        self._script_answer: Message | None = None
        self._carry_out: dict[type[ins.Instruction], Callable[[Any], ev.StateEvent | None]] = {
            ins.AnswerScript: self._answer_script,
            ins.AppendOutput: lambda it: it.job.print(it.output),
            ins.CheckRoom: lambda _: ev.RoomChecked(room.problem()),
            ins.ClaimJob: self._claim_job,
            ins.ClearUpScript: lambda _: scripts.clear_up(),
            ins.EndJob: self._end_job,
            ins.ExecuteOnRanks: self._execute_on_ranks,
            ins.InterruptScript: lambda it: ev.ScriptInterrupted(scripts.end(it.reason)),
            ins.Publish: lambda it: publisher.publish(it.kind, it.facts),
            ins.Receive: self._receive_between_slices,
            ins.Resend: lambda it: self._send([it.receiver, *it.frames]),
            ins.RunScript: self._run_script,
            ins.SendReply: self._send_reply,
            ins.StopProcess: self._stop,
            ins.WriteFile: lambda it: write_file(it, data),
            ins.WriteStatus: self._write_status,
        }

    def serve(self) -> None:
        """Execute commands until the process is asked to stop."""
        free = ev.RanksFree()
        while True:
            if self._drain_asked is not None:
                self.receive()
            if not self._state.has_waiting:
                self._wait()
            self._receive_messages()
            self._handle(free)

    def drain(self, limit_s: float | None) -> None:
        """Stop after the current command; for a signal handler.

        Parameters
        ----------
        limit_s : after which the command is ended where it is; ``None`` without a limit
        """
        if self._drain_asked is None:
            self._drain_asked = (time.monotonic(), limit_s)
        if self._is_idle:
            raise Stopped(0)

    def dismiss(self) -> None:
        """Answer all callers, as this process is about to end."""
        left, self._left = self._left, []
        for instructions in reversed(left):
            for instruction in reversed(instructions):
                if isinstance(instruction, (ins.SendReply, ins.EndJob)):
                    self._carry_out[type(instruction)](instruction)
        self._handle(ev.StopAsked())

    def close(self) -> None:
        """Close the sockets that this has opened."""
        if self._callers is not None:
            self._callers.close()

    # The executor of scripts

    def execute(self, command: Command) -> Message:
        """Execute an operation of the script that runs, and return its answer."""
        if command.operation.action is Action.LIST_FILES:
            return list_files(command, self._data, self._generation)
        self._handle(ev.ScriptOperation(command))
        assert self._script_answer is not None
        return self._script_answer

    def receive(self) -> None:
        """Take in what has arrived, and do what is due."""
        if self._drain_asked is not None and not self._state.is_draining:
            asked_s, limit_s = self._drain_asked
            self._handle(ev.DrainAsked(limit_s), asked_s)
        self._receive_messages()
        self._handle(ev.Tick())

    def print(self, output: bytes) -> None:
        """Publish what the script that runs has printed."""
        self._handle(ev.ScriptPrinted(output))

    # Events

    def _handle(self, event: ev.MasterEvent | None, now_s: float | None = None) -> None:
        """Give an event to the state, and carry out instructions until no event answers them."""
        while event is not None:
            instructions = self._state.handle(event, now_s or time.monotonic())
            event = now_s = None
            if instructions:
                instructions.reverse()
                self._left.append(instructions)
                while instructions:
                    event = self._carry_out[type(instructions[-1])](instructions[-1])
                    instructions.pop()
                self._left.pop()

    def _wait(self) -> None:
        """Wait for a message; what is due meanwhile is done."""
        while True:
            wait_s = self._state.wait_s(time.monotonic())
            self._is_idle = True
            try:
                if self._drain_asked is not None:
                    raise Stopped(0)
                if self._poller.poll(int(wait_s * 1000) + 1):
                    return
            finally:
                self._is_idle = False
            self._handle(ev.Tick())

    def _receive_messages(self) -> None:
        # Asking first costs less than the exception of a receive that finds nothing.
        while int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN:
            parts = self._socket.recv_multipart(copy=False)
            # The copies of short frames cost less than keeping their messages alive.
            received = [part.bytes if len(part) < 4096 else part.buffer for part in parts[1:]]
            sender = parts[0].bytes
            if self._callers is not None:
                left = self._callers.note(sender, parts[-1])
                self._handle(None if left is None else ev.CallerLeft(left))
            self._handle(self._event_of(sender, received))
        for left in () if self._callers is None else self._callers.left():
            self._handle(ev.CallerLeft(left))

    def _event_of(self, sender: bytes, received: list[Any]) -> ev.MasterEvent:
        """Return the event that a message is."""
        try:
            message = frames.decode(received, bounded=True)
        except ProtocolError as error:
            return ev.MessageRefused(sender, error)
        except MemoryError as error:
            text = f"the message can't be read: {limit.explain(error)}"
            return ev.MessageRefused(sender, ProtocolError(text))
        match message:
            case Command() | Batch() | Script():
                return QueuedCommand(message, sender)
            case Submit():
                return self._look_up(sender, message.id)
            case Cancel() | Watch() | ListRecorders() | EndScript() | LeaseNotice():
                return ev.RequestArrived(sender, message)
        return ev.MessageRefused(sender, ProtocolError("nestd takes commands only"))

    def _look_up(self, sender: bytes, id: str) -> ev.JobSubmitted:
        """Look a job up in the spool."""
        if self._state.knows(id):
            return ev.JobSubmitted(sender, id)
        try:
            job = self._broker.find(id)
        except NestdError as problem:
            return ev.JobSubmitted(sender, id, problem=problem)
        if job is None:
            return ev.JobSubmitted(sender, id)
        try:
            return ev.JobSubmitted(sender, id, QueuedCommand(job.request(), job=job))
        except InternalError as damaged:
            # Or the job was cancelled and removed meanwhile.
            job.end(Failure(id, self._generation, damaged))
            return ev.JobSubmitted(sender, id, problem=damaged)

    # Instructions

    def _execute_on_ranks(self, step: ins.ExecuteOnRanks) -> ev.StateEvent:
        try:
            return ev.RanksAnswered(self._ranks.execute(step.operation, step.references))
        except Diverged as error:
            self._handle(ev.KernelDiverged(error))
            raise
        except NestdError as error:
            return ev.RanksFailed(error)

    def _receive_between_slices(self, step: ins.Receive) -> ev.Received:
        self.receive()
        return ev.Received(self._scripts.ending)

    def _claim_job(self, step: ins.ClaimJob) -> ev.JobClaimed:
        return ev.JobClaimed(*step.job.take(step.by))

    def _run_script(self, step: ins.RunScript) -> ev.ScriptEnded:
        try:
            return ev.ScriptEnded(self._scripts.run(step.script, self._socket, self))
        except ConfigurationError as error:
            log.error("%s", error)
            failure = Failure(step.script.id, self._generation, InternalError(error.message))
            return ev.ScriptEnded(failure)

    def _answer_script(self, instruction: ins.AnswerScript) -> None:
        self._script_answer = instruction.message

    def _send_reply(self, instruction: ins.SendReply) -> None:
        message = instruction.message
        try:
            encoded = frames.encode(message)
        except ProtocolError as error:
            fault: NestdError = InternalError(f"the answer can't be sent: {error}")
            encoded = frames.encode(Failure(getattr(message, "id", ""), self._generation, fault))
        except MemoryError as error:
            fault = limit.refusal("encoding the answer", error)
            encoded = frames.encode(Failure(getattr(message, "id", ""), self._generation, fault))
        self._send([instruction.receiver, *encoded])
        if instruction.delivery_id:
            self._handle(ev.Replied(instruction.delivery_id, encoded))

    def _send(self, parts: list[Any]) -> None:
        # A receiver that has ended gets nothing: ROUTER drops what it can't route.
        self._socket.send_multipart(parts, copy=False)

    def _end_job(self, instruction: ins.EndJob) -> None:
        problem = instruction.job.end(instruction.answer)
        if problem is not None:
            log.error("job %s: %s", instruction.job.id, problem)

    def _write_status(self, instruction: ins.WriteStatus) -> None:
        status = self._state.activity.status(time.time() - time.monotonic())
        if self._broker.end:
            status = replace(status, jobs_problem=self._broker.end)
        self._status.write(status)

    def _stop(self, instruction: ins.StopProcess) -> None:
        raise Stopped(0)
