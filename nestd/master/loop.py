"""Rank 0's loop: takes commands from the socket, has the ranks execute them, answers.

While NEST computes, nothing else runs in this process; what arrives meanwhile waits in the socket
and is taken up afterwards, in order, or between two slices of a simulation.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import zmq

from nestd.master.activity import BEAT_S, Activity
from nestd.master.drain import Drain
from nestd.master.execution import Execution
from nestd.master.live_spikes import LiveSpikes
from nestd.master.queue import Queue, QueuedCommand
from nestd.master.reply_cache import ReplyCache
from nestd.master.script_objects import ScriptObjects
from nestd.master.slicing import SimulationProgress
from nestd.ranks.transport import Ranks
from nestd.scripts.runner import ScriptRunner
from protocol.errors import (
    Cancelled,
    ConfigurationError,
    Diverged,
    InternalError,
    KernelLost,
    KernelUnavailable,
    LinkLost,
    NestdError,
    ProtocolError,
    Unavailable,
)
from protocol.logging import context, lines
from protocol.runtime.job_store import Spool
from protocol.runtime.stored_job import CANCELLED, LOST, StoredJob
from protocol.wire import frames
from protocol.wire.messages import (
    Batch,
    Cancel,
    Command,
    EndScript,
    Failure,
    ListRecorders,
    Message,
    Result,
    Script,
    Submit,
    Task,
    Watch,
)
from protocol.wire.values import Buffer

log = logging.getLogger(__name__)

#: When those who are turned away while it stops may find another kernel.
_RETRY_AFTER_STOP_S = 5


class Stopped(SystemExit):
    """Raised in the main thread by a signal that asks this process to end."""


class Master:
    """The owner of the queue of commands.

    Parameters
    ----------
    socket : bound ROUTER socket
    ranks : that execute
    generation : of the kernel, goes into every answer
    queue_limit : commands that may wait; one more is refused
    activity : says what is executed
    spool : of jobs
    scripts : that runs scripts; ``None`` if none can be run
    sent : answers, where links to gateways may be cut; ``None`` where none are
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        ranks: Ranks,
        generation: str,
        queue_limit: int,
        activity: Activity,
        spool: Spool,
        scripts: ScriptRunner | None = None,
        sent: ReplyCache | None = None,
    ) -> None:
        self._sent = sent
        self._socket = socket
        self._spikes = LiveSpikes(ranks, activity)
        self._execution = Execution(ranks, generation, activity, self._spikes)
        self._generation = generation
        self._activity = activity
        self._spool = spool
        self._scripts = scripts
        self._queue = Queue(queue_limit)
        #: Why the current command is to end, if it is.
        self._cancelled: str | None = None
        #: Whether it waits for a command, with nothing half done.
        self._is_idle = False
        #: When it was told to stop after the current command, which may go on until then.
        self._drain: Drain | None = None

    def serve(self) -> None:
        """Execute commands until the process is told to stop."""
        while True:
            self._keep_drain()
            if not self._queue:
                self._tell_spikes()
                self._wait()
            self._take_up()
            if self._queue:
                self._execute(self._queue.take())

    def drain(self, limit_s: float | None) -> None:
        """Stop after the current command; for a signal handler.

        Parameters
        ----------
        limit_s : after which the command is ended where it is; ``None`` without a limit
        """
        if self._drain is None:
            self._drain = Drain(limit_s)
        if self._is_idle:
            raise Stopped(0)

    def _wait(self) -> None:
        """Wait for the next message."""
        self._is_idle = True
        try:
            if self._drain is not None:
                raise Stopped(0)
            while not self._socket.poll(int(1000 * BEAT_S)):
                self._activity.beat()
        finally:
            self._is_idle = False

    def _keep_drain(self) -> None:
        """If this is to stop: turn away what waits, and end when it is time."""
        drain = self._drain
        if drain is None:
            return
        if not drain.is_told:
            drain.is_told = True
            current = self._queue.current
            at = f"{current.label} goes on {drain}" if current else "nothing runs"
            log.info("nothing new is taken, %s", at)
            self._activity.stopping()
        # What has arrived since the last look, too.
        self._take_up()
        while self._queue:
            self._turn_away(self._queue.take())
        current = self._queue.current
        if current is None:
            raise Stopped(0)
        if drain.is_over:
            log.warning("the time limit of %g s is over, %s ends", drain.limit_s, current.label)
            raise Stopped(0)

    def _turn_away(self, waiting: QueuedCommand) -> None:
        """Answer a command that will not be executed, as this kernel stops."""
        if waiting.job is not None and not _taken(waiting.job, LOST):
            # Somebody has cancelled it.
            return
        error = KernelUnavailable(
            f"the server stops and takes nothing new; {waiting.label} was not executed",
            call=waiting.call,
            retry_after_s=_RETRY_AFTER_STOP_S,
        )
        answer = Failure(waiting.id, self._generation, error)
        self._answer(waiting, answer)
        self._activity.conclude(waiting.id, waiting.label, answer)

    def _tell_spikes(self) -> None:
        """Tell what recorders have recorded, unless something else comes before it is time."""
        wait_s = self._spikes.wait_s
        if wait_s is not None and not self._socket.poll(int(wait_s * 1000) + 1):
            self._spikes.tell()

    def dismiss(self) -> None:
        """Answer everybody who waits, as this process is about to end."""
        late = "" if self._drain is None else ", which had not ended in the time it was given"
        for one in self._queue.everything():
            is_current = one is self._queue.current
            if not is_current and one.job is not None and not _taken(one.job, LOST):
                # Somebody has cancelled it.
                continue
            error = KernelLost(
                f"the kernel was stopped during {one.label}{late}; its network is lost",
                call=one.call,
            )
            self._answer(one, Failure(one.command.id, self._generation, error))

    def take_up(self) -> None:
        """Move what has arrived from the socket to the queue."""
        self._take_up()
        self._keep_drain()
        self._activity.beat()

    def _take_up(self) -> None:
        # Asking first costs less than the exception of a receive that finds nothing.
        while int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN:
            parts = self._socket.recv_multipart(copy=False)
            # The copies of short frames cost less than keeping their messages alive.
            sender, *received = [part.bytes if len(part) < 4096 else part.buffer for part in parts]
            self._receive(bytes(sender), received)

    def _receive(self, sender: bytes, received: list[Any]) -> None:
        try:
            message = frames.decode(received)
        except ProtocolError as error:
            self._refuse(sender, error)
            return
        match message:
            case Command() | Batch() | Script():
                if self._sent is None or not message.delivery_id or not self._has(message, sender):
                    self._enqueue(QueuedCommand(message, sender=sender))
            # What follows is about the queue, so it waits in none.
            case Submit():
                self._send(sender, self._submit(message))
            case Cancel():
                state = self._cancel(message.target, message.reason)
                self._send(sender, Result(message.id, self._generation, state))
            case Watch():
                self._spikes.watch(message)
                self._send(sender, Result(message.id, self._generation, True))
            case ListRecorders():
                self._send(sender, self._list_recorders(message))
            case EndScript():
                ended = self._scripts is not None and self._scripts.end("its end was asked for")
                self._send(sender, Result(message.id, self._generation, ended))
            case _:
                self._refuse(sender, ProtocolError("nestd takes commands only"))

    def _has(self, message: Task, sender: bytes) -> bool:
        """Whether a command has arrived before, on a link that was cut; its answer goes to
        the new one."""
        assert self._sent is not None
        for waiting in self._queue.everything():
            if waiting.command.delivery_id == message.delivery_id and waiting.sender is not None:
                waiting.sender = sender
                return True
        if message.delivery_id not in self._sent:
            return False
        answer = self._sent.find(message.delivery_id)
        if answer is None:
            error = LinkLost("it was executed, but its answer got lost when the network was cut")
            answer = frames.encode(Failure(message.id, self._generation, error))
        self._socket.send_multipart([sender, *answer], copy=False)
        return True

    def _refuse(self, sender: bytes, error: ProtocolError) -> None:
        log.warning("refused a message: %s", error)
        self._send(sender, Failure("", self._generation, error))

    def _enqueue(self, waiting: QueuedCommand) -> None:
        refused = self._queue.add(waiting)
        if refused is not None:
            self._answer(waiting, Failure(waiting.id, self._generation, refused))

    def _submit(self, message: Submit) -> Message:
        """Take a job from the spool into the queue, where it may be already."""
        known = [one.id for one in self._queue.everything()]
        try:
            job = self._spool.find(message.id)
        except Unavailable as unreadable:
            # The gateway sends the name again.
            return Failure(message.id, self._generation, unreadable)
        if job is None:
            error = ProtocolError(f"there is no job {message.id:.80} in the spool")
            return Failure(message.id, self._generation, error)
        if job.facts.generation != self._generation:
            # The kernel that it was accepted for took it along; the gateway says so.
            lost = KernelLost(f"job {message.id} was accepted for kernel {job.facts.generation}")
            return Failure(message.id, self._generation, lost)
        if message.id not in known and job.claim is None and job.ended_s is None:
            try:
                self._enqueue(QueuedCommand(job.request(), job=job))
            except InternalError as error:
                # Cancelled and removed since it was found, or damaged.
                answer = Failure(message.id, self._generation, error)
                job.end(answer)
                return answer
        return Result(message.id, self._generation, True)

    def _list_recorders(self, message: ListRecorders) -> Message:
        try:
            return Result(message.id, self._generation, self._spikes.recorders())
        except Diverged:
            raise
        except NestdError as error:
            return Failure(message.id, self._generation, error)

    def _cancel(self, target: str, reason: str) -> str | None:
        """End a command; which state it was in."""
        waiting = self._queue.remove(target)
        if waiting is not None:
            if waiting.job is not None and not _taken(waiting.job, CANCELLED):
                # Somebody was faster.
                return "queued"
            answer = Failure(target, self._generation, waiting.cancelled(reason))
            self._answer(waiting, answer)
            self._activity.conclude(target, waiting.label, answer)
            return "queued"
        current = self._queue.current
        if current is None or current.id != target:
            self._queue.cancel_early(target, reason)
            return None
        self._cancelled = reason
        self._activity.ending()
        if self._scripts is not None:
            self._scripts.end(reason)
        return "running"

    def _execute(self, waiting: QueuedCommand) -> None:
        command = waiting.command
        try:
            if waiting.job is not None and not waiting.job.take(self._generation):
                # Somebody has cancelled it.
                return
        except OSError as error:
            # Cancelled and removed since, or there is no room to say that it begins.
            why = InternalError(
                f"it was not executed, as the spool can't be used: {error.strerror}"
            )
            answer = Failure(command.id, self._generation, why)
            self._answer(waiting, answer)
            self._activity.conclude(command.id, waiting.label, answer)
            return
        context.set_current_request(command.context)
        began = time.monotonic()
        self._queue.current, self._cancelled = waiting, None
        self._activity.begin(command.id, waiting.label, waiting.job, self._queue.ids())
        try:
            reply = self._run(command) if isinstance(command, Script) else self.perform(command)
        except Diverged as error:
            self._conclude(waiting, Failure(command.id, self._generation, error))
            raise
        took_s = time.monotonic() - began
        raised = reply.error if isinstance(reply, Failure) else None
        lines.note(
            log,
            "the kernel has executed it" if raised is None else "it failed in the kernel",
            always=took_s > lines.SLOW_S or isinstance(raised, InternalError),
            call=waiting.label,
            job=command.id,
            took_s=took_s,
            error=raised.error_name if raised is not None else None,
        )
        self._conclude(waiting, reply)
        context.set_current_request(context.NO_REQUEST)

    def _conclude(self, waiting: QueuedCommand, reply: Message) -> None:
        self._answer(waiting, reply)
        self._queue.current = None
        self._activity.end(reply)
        if self._scripts is not None and isinstance(waiting.command, Script):
            self._scripts.clear_up()

    def _answer(self, waiting: QueuedCommand, reply: Message) -> None:
        if waiting.sender is not None:
            sent = self._send(waiting.sender, reply)
            if self._sent is not None and waiting.command.delivery_id:
                self._sent.keep(waiting.command.delivery_id, sent)
        if waiting.job is not None:
            problem = waiting.job.end(reply)
            if problem is not None:
                log.error("job %s: %s", waiting.job.id, problem)

    def pause(self, progress: SimulationProgress) -> str | None:
        """Give others their turn between two slices; why the simulation is to end, if it is."""
        self.take_up()
        self._activity.move(progress, self._queue.ids())
        self._spikes.note()
        self._spikes.tell()
        if self._scripts is not None:
            # A simulation ends with the script that asked for it.
            return self._cancelled or self._scripts.ending
        return self._cancelled

    def turn(self) -> str | None:
        """Give others their turn between two calls of a batch; why it is to end, if it is."""
        self.take_up()
        self._spikes.tell()
        return self._cancelled

    def simulated(self, biological_ms: float) -> None:
        """A simulation has ended."""
        self._activity.simulated(biological_ms)

    def perform(self, command: Command | Batch) -> Message:
        """Have the ranks execute a command or a batch; its answer.

        Raises
        ------
        Diverged
            If the kernel is of no use any more.
        """
        return self._execution.perform(command, self)

    def _run(self, script: Script) -> Message:
        """Run a script; nothing else reaches the kernel meanwhile."""
        if self._scripts is None:
            error = InternalError("this nestd runs no scripts")
            return Failure(script.id, self._generation, error)
        objects = ScriptObjects(self.perform, self.take_up, self._activity)
        try:
            answer = self._scripts.run(script, self._socket, objects)
        except ConfigurationError as error:
            log.error("%s", error)
            return Failure(script.id, self._generation, InternalError(error.message))
        objects.release()
        if isinstance(answer, Result):
            return Result(script.id, self._generation, answer.value)
        raised = answer.error
        # Its process may see the end of a simulation before its own.
        if self._cancelled is not None:
            raised = Cancelled(raised.message, line=raised.line, output=raised.output)
        return Failure(script.id, self._generation, raised)

    def _send(self, receiver: bytes, message: Message) -> list[Buffer]:
        """Send a message; its frames."""
        try:
            encoded = frames.encode(message)
        except ProtocolError as error:
            fault = InternalError(f"the answer can't be sent: {error}")
            encoded = frames.encode(Failure(getattr(message, "id", ""), self._generation, fault))
        # A receiver that is gone gets nothing: ROUTER drops what it can't route.
        self._socket.send_multipart([receiver, *encoded], copy=False)
        return encoded


def _taken(job: StoredJob, by: str) -> bool:
    """Whether this call has taken a job; with no room to say so, nobody has."""
    try:
        return job.take(by)
    except OSError:
        return job.claim is None
