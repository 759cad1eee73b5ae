"""Courses that execute commands, batches and scripts, and answer their callers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from nestd.call_traits import traits_of
from nestd.file_names import FileNames
from nestd.leases import SCRIPT, Leases
from nestd.master.activity import Activity, SimulationProgress
from nestd.master.courses import Course, Turn
from nestd.master.events import JobClaimed
from nestd.master.instructions import (
    AnswerScript,
    ClaimJob,
    ClearUpScript,
    InterruptScript,
    Receive,
    RunScript,
)
from nestd.master.live_spikes import LiveSpikes
from nestd.master.queue import Queue, QueuedCommand
from nestd.master.rank_answers import each, whole
from nestd.master.reply_cache import Replies
from nestd.master.slicing import Slices
from protocol.errors import ArgumentError, Cancelled, InternalError, NestdError, ProtocolError
from protocol.logging import context, lines
from protocol.logging.context import RequestContext
from protocol.runtime.stored_job import CANCELLED, LOST
from protocol.warned import Warned, bounded
from protocol.wire.messages import (
    OPEN_ACTIONS,
    Action,
    Batch,
    Command,
    Executed,
    Failure,
    Message,
    Operation,
    Result,
    Script,
)
from protocol.wire.values import Value

log = logging.getLogger(__name__)

#: Length of an error's message in the log.
_REASON_CHARACTERS = 300
#: Key of an argument that stands for the value of an earlier call of the batch.
RESULT = "$result"

_RECEIVE = Receive()
#: How lines of the log say the end of a command, by the class of its error.
_WORDS = {
    type(None): "the kernel has executed it",
    Cancelled: "it was cancelled, as its caller or somebody else wanted",
}


class Execution:
    """Executes commands, one at a time.

    Parameters
    ----------
    turn : in which events are handled
    generation : of the kernel, goes into every answer
    ranks : number of ranks
    queue : of commands that wait meanwhile
    replies : answer callers
    activity : tells what is executed
    spikes : are published meanwhile
    names : checks names of files before any rank sees them
    leases : on the objects that commands make
    """

    def __init__(
        self,
        turn: Turn,
        generation: str,
        ranks: int,
        queue: Queue,
        replies: Replies,
        activity: Activity,
        spikes: LiveSpikes,
        names: FileNames,
        leases: Leases,
    ) -> None:
        self._turn = turn
        self._generation = generation
        self._queue = queue
        self._replies = replies
        self._activity = activity
        self._spikes = spikes
        self._names = names
        self._leases = leases
        self._slices = Slices(turn, ranks, activity, self._pause)
        #: Why the current command is to end, if it is.
        self._cancelled: str | None = None
        #: Whether the script has called anything, so there may be objects of it.
        self._script_calls = False
        #: What was warned of in the current command, or operation of the script that runs.
        self._warned: list[Warned] = []
        #: Index of the current call of a batch; -1 outside of batches.
        self._index = -1

    def run(self, queued: QueuedCommand) -> Course[None]:
        """Execute a command and answer its caller."""
        command = queued.command
        if queued.job is not None:
            claim: JobClaimed = yield ClaimJob(queued.job, self._generation)
            if claim.problem is not None:
                # Cancelled and removed since, or there is no room to say that the job begins.
                self.refuse(
                    queued,
                    InternalError(
                        f"it was not executed, as the spool can't be used: {claim.problem}"
                    ),
                )
                return
            if not claim.is_claimed:
                # Cancelled by somebody else.
                return
        context.set_current_request(self._owned(queued))
        began_s = self._turn.now_s
        self._queue.current, self._cancelled = queued, None
        self._warned = []
        self._activity.begin(queued, self._queue.waiting())
        if isinstance(command, Script):
            reply = yield from self._run_script(command)
        else:
            reply = yield from self.execute(command)
        self._note_executed(queued, reply, self._turn.now_s - began_s)
        self._conclude(queued, reply)
        context.set_current_request(context.NO_REQUEST)

    def _owned(self, queued: QueuedCommand) -> RequestContext:
        """Return the request of a command, with who will own the objects that it makes."""
        command, request = queued.command, queued.command.context
        if isinstance(command, Script):
            return replace(request, client=SCRIPT)
        if not command.references:
            return request
        owner = self._leases.owner(request.client, queued.job is not None)
        return request if owner == request.client else replace(request, client=owner)

    def _note_executed(self, queued: QueuedCommand, reply: Message, took_s: float) -> None:
        error = reply.error if isinstance(reply, Failure) else None
        lines.note(
            log,
            _WORDS.get(type(error), "the kernel failed to execute it"),
            always=took_s > lines.SLOW_S or isinstance(error, InternalError),
            call=queued.label,
            job=queued.id,
            took_s=took_s,
            error=error.error_name if error is not None else None,
            reason=error.message[:_REASON_CHARACTERS] if error is not None else None,
        )

    def _conclude(self, queued: QueuedCommand, reply: Message) -> None:
        """Answer the current command's caller, and end the command."""
        self._replies.answer(queued, reply)
        self._queue.current = None
        self._activity.end(reply)
        if isinstance(queued.command, Script):
            self._turn.instructions.append(ClearUpScript())

    def refuse(self, queued: QueuedCommand, error: NestdError) -> None:
        """Answer a command that will not be executed, and publish its end."""
        self._activity.publish_end(queued, self._replies.fail(queued, error))

    def cancel(self, target: str, reason: str) -> Course[str | None]:
        """End the command with the id ``target``, and return which state the command was in."""
        queued, current = self._queue.remove(target), self._queue.current
        if queued is not None:
            # A job that somebody else has claimed has its answer from there.
            if queued.job is None or (yield ClaimJob(queued.job, CANCELLED)).is_claimed:
                self.refuse(queued, queued.cancelled(reason))
            return "queued"
        if current is None or current.id != target:
            self._queue.cancel_early(target, reason)
            return None
        self._cancelled = reason
        self._activity.begin_ending()
        if isinstance(current.command, Script):
            yield InterruptScript(reason)
        return "running"

    def leave(self, sender: bytes) -> Course[None]:
        """End the commands of a client whose connection has closed; those of gateways go on."""
        for queued in list(self._queue):
            if queued.sender == sender and queued.command.context.direct:
                log.info("the caller of %s has gone; it is cancelled", queued.label)
                yield from self.cancel(queued.id, "its caller has gone")

    def turn_away(self, answer: Callable[[QueuedCommand], object]) -> Course[None]:
        """Have all commands that wait answered, as this kernel will not execute them."""
        while self._queue:
            queued = self._queue.take()
            # A job that somebody else has claimed has its answer from there.
            if queued.job is None or (yield ClaimJob(queued.job, LOST)).is_claimed:
                answer(queued)

    def execute(self, command: Command | Batch) -> Course[Result | Failure]:
        """Execute a command or a batch, and return its answer."""
        before, self._warned = self._warned, []
        answer = yield from self._execute(command)
        if self._warned:
            answer = replace(answer, warnings=bounded(self._warned))
        # Those of a script's operations are the script's, too.
        self._warned = bounded([*before, *self._warned]) if self._warned else before
        return answer

    def _execute(self, command: Command | Batch) -> Course[Result | Failure]:
        try:
            if isinstance(command, Batch):
                value: Value = yield from self._values(command)
            else:
                operation, references = command.operation, command.references
                answers = yield from self._answers(operation, references)
                if command.unmerged:
                    value = each(answers)
                else:
                    value = yield from whole(operation, answers, references)
            return Result(command.id, self._generation, value)
        except InternalError as error:
            log.error("%s", error, exc_info=error)
            return Failure(command.id, self._generation, error)
        except NestdError as error:
            return Failure(command.id, self._generation, error)

    def _run_script(self, script: Script) -> Course[Result | Failure]:
        """Run a script, drop the objects that nobody can name any more, and return the answer."""
        answer: Result | Failure
        if script.reset:
            reset = Operation(Action.CALL_JSON, "ResetKernel")
            answer = yield from self.execute(Command(script.id, reset))
            if isinstance(answer, Failure):
                return answer
        answer = yield RunScript(script)
        if self._script_calls:
            self._script_calls = False
            release = Operation(Action.RELEASE_OWNERS, args=[[SCRIPT], ""])
            yield from self.execute(Command("", release))
        if isinstance(answer, Result):
            return Result(script.id, self._generation, answer.value, bounded(self._warned))
        error = answer.error
        # The script's process may see the end of a simulation before its own.
        if self._cancelled is not None:
            error = Cancelled(error.message, line=error.line, output=error.output)
        return Failure(script.id, self._generation, error, bounded(self._warned))

    def execute_for_script(self, command: Command) -> Course[None]:
        """Execute an operation of the script that runs, and answer the script."""
        action = command.operation.action
        answer: Result | Failure
        if action not in OPEN_ACTIONS or command.unmerged:
            error = ProtocolError(f"scripts can't ask for {action.value}")
            answer = Failure(command.id, "", error)
        else:
            self._script_calls = True
            answer = yield from self.execute(command)
        self._turn.instructions.append(AnswerScript(answer))

    def _values(self, batch: Batch) -> Course[list[Value]]:
        """Execute all operations of a batch, and return their values.

        Raises
        ------
        NestdError
            What an operation raised, or that the batch was cancelled before the operation.
        """
        values: list[Value] = []
        for index, operation in enumerate(batch.operations):
            try:
                if index:
                    yield _RECEIVE
                    yield from self._spikes.publish_due()
                    if self._cancelled is not None:
                        raise Cancelled(
                            f"the batch was ended before call {index}, {operation.call}: "
                            f"{self._cancelled}",
                            call=operation.call,
                        )
                self._index = index
                filled = _filled(operation, values)
                answers = yield from self._answers(filled, batch.references)
                values.append((yield from whole(filled, answers, batch.references)))
            except NestdError as error:
                error.index, error.results = index, values
                raise
            finally:
                self._index = -1
        return values

    def _answers(self, operation: Operation, references: bool) -> Course[list[Executed]]:
        """Have the ranks execute an operation, and return every rank's answer."""
        traits = traits_of(operation)
        if traits.names_files:
            self._names.check(operation)
        takes_events = self._spikes.precedes(operation, traits)
        if takes_events:
            yield from self._spikes.publish_all()
        if traits.simulates:
            self._activity.enter(operation.call)
        answers = yield from self._slices.execute(operation, traits, references)
        for answered in answers:
            if answered.warnings:
                self._warned += [replace(item, index=self._index) for item in answered.warnings]
        if traits.simulates:
            self._spikes.note()
        if takes_events:
            yield from self._spikes.follow(traits)
        return answers

    def _pause(self, progress: SimulationProgress) -> Course[str | None]:
        """Give others their turn between two slices, and return why to end the simulation."""
        script_ending: str | None = yield _RECEIVE
        self._activity.move(progress, self._queue.waiting())
        self._spikes.note()
        yield from self._spikes.publish_due()
        # A simulation ends with the script that asked for it.
        return self._cancelled or script_ending


def _filled(operation: Operation, values: list[Value]) -> Operation:
    """Return an operation of a batch with earlier values where the operation refers to them."""

    def fill(argument: Value) -> Value:
        if not isinstance(argument, dict) or argument.keys() != {RESULT}:
            return argument
        index = argument[RESULT]
        if type(index) is not int or not 0 <= index < len(values):
            raise ArgumentError(
                f"{RESULT} must be the index of an earlier call of the batch, not {index!r:.40}",
                call=operation.call,
            )
        return values[index]

    args = [fill(argument) for argument in operation.args]
    kwargs = {name: fill(argument) for name, argument in operation.kwargs.items()}
    return replace(operation, args=args, kwargs=kwargs)
