"""State of the master: events in, instructions out, without I/O and without a clock.

:meth:`MasterState.handle` takes an event and its time, and returns what the loop is to do. What
needs several steps, such as the execution of a command, is a course, see :mod:`.courses`. An event
that nothing waits for is a fault of the loop, and raises :class:`IllegalStep` with the events
before.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import Any

from nestd.file_names import FileNames
from nestd.leases import Leases, sweep
from nestd.master import events as ev
from nestd.master.activity import REFRESH_S, Activity
from nestd.master.courses import Course, Courses, Turn
from nestd.master.events import FOLLOWING, Phase
from nestd.master.execution import Execution
from nestd.master.instructions import (
    EndJob,
    Instruction,
    InterruptScript,
    Receive,
    RunScript,
    SendReply,
    StopProcess,
)
from nestd.master.live_spikes import LiveSpikes
from nestd.master.queue import Queue, QueuedCommand
from nestd.master.rank_answers import list_recorders
from nestd.master.reply_cache import Replies, ReplyCache
from protocol.errors import NestdError
from protocol.process.lease import LEASE_S
from protocol.wire.messages import (
    Cancel,
    EndScript,
    Failure,
    LeaseNotice,
    ListRecorders,
    Message,
    Result,
    Watch,
)

log = logging.getLogger(__name__)

#: Events of which an illegal step tells.
_HISTORY = 50


class IllegalStep(Exception):
    """An event came that nothing waits for; the message has the events before."""


class MasterState:
    """The queue of commands, what is executed, and who waits for which answer.

    Parameters
    ----------
    generation : of the kernel, goes into every answer
    queue_limit : commands that may wait; one more is refused
    names : checks names of files before any rank sees them
    ranks : number of ranks
    replies : keeps answers, where links to gateways may be cut; ``None`` where none are
    lease_s : time after which objects of a client may go of which nothing is heard
    """

    def __init__(
        self,
        generation: str,
        queue_limit: int,
        names: FileNames,
        ranks: int = 1,
        replies: ReplyCache | None = None,
        lease_s: float = LEASE_S,
    ) -> None:
        self._generation = generation
        self._turn = Turn()
        self._replies = Replies(self._turn, generation, replies)
        self._queue = Queue(queue_limit)
        #: What the kernel is at, for the status file.
        self.activity = Activity(self._turn)
        self._spikes = LiveSpikes(self._turn, self.activity)
        self._leases = Leases(lease_s)
        self._execution = Execution(
            self._turn,
            generation,
            ranks,
            self._queue,
            self._replies,
            self.activity,
            self._spikes,
            names,
            self._leases,
        )
        self._courses = Courses(self._turn)
        self._phase = Phase.SERVING
        #: Whether another phase may follow.
        self._is_open = True
        self._drain_limit_s: float | None = None
        self._drain_until_s = math.inf
        self._history: deque[tuple[float, str]] = deque(maxlen=_HISTORY)

    @property
    def has_waiting(self) -> bool:
        """Return whether a command waits."""
        return len(self._queue) > 0

    @property
    def is_draining(self) -> bool:
        """Return whether the process stops after the current command."""
        return self._phase is Phase.DRAINING

    def knows(self, id: str) -> bool:
        """Return whether a command waits or is executed."""
        return any(queued.id == id for queued in self._queue)

    def wait_s(self, now_s: float) -> float:
        """Return the time for which the loop may wait for messages before a tick."""
        due_in_s = self._spikes.due_in_s(now_s)
        return REFRESH_S if due_in_s is None else min(due_in_s, REFRESH_S)

    def handle(self, event: ev.MasterEvent, now_s: float) -> list[Instruction]:
        """Take an event, and return what the loop is to do, in this order.

        Parameters
        ----------
        event : that has happened
        now_s : its time, by the monotonic clock

        Raises
        ------
        IllegalStep
            If nothing waits for the event.
        """
        kind = type(event)
        self._history.append((now_s, kind.__name__))
        top, step = self._courses.top, ev.ANSWERED_BY.get(kind)
        if step is None:
            is_legal = kind in _ANY_TIME or (top in _LISTENING and self._is_open)
        else:
            is_legal = top is step
        if not is_legal:
            raise self._illegal(event)
        self._turn.now_s = now_s
        _HANDLERS[kind](self, event)
        instructions = self._turn.instructions
        self._turn.instructions = []
        return instructions

    def _illegal(self, event: ev.MasterEvent) -> IllegalStep:
        steps = [step.__name__ for step in self._courses.steps]
        return IllegalStep(
            f"{type(event).__name__} came while {self._phase.value}, with {steps or 'no step'} to "
            f"be answered, after {list(self._history)[:-1]}"
        )

    def _enter(self, phase: Phase) -> None:
        if phase not in FOLLOWING[self._phase]:
            raise IllegalStep(f"{phase.value} can't follow {self._phase.value}")
        self._phase = phase
        self._is_open = bool(FOLLOWING[phase])

    # Commands

    def _script_operation(self, event: ev.ScriptOperation) -> None:
        self._courses.begin(self._execution.execute_for_script(event.command))

    def _script_printed(self, event: ev.ScriptPrinted) -> None:
        self.activity.print(event.output)

    def _command_arrived(self, queued: QueuedCommand) -> None:
        self._leases.renew(queued.command.context.client)
        if not self._replies.arrives_again(queued, self._queue):
            self._enqueue(queued)

    def _enqueue(self, queued: QueuedCommand) -> None:
        refused = self._queue.add(queued)
        if refused is not None:
            self._execution.refuse(queued, refused)

    def _job_submitted(self, event: ev.JobSubmitted) -> None:
        if event.problem is not None:
            self._replies.reply(event.sender, Failure(event.id, self._generation, event.problem))
            return
        if event.queued is not None and not self.knows(event.id):
            self._enqueue(event.queued)
        self._replies.reply(event.sender, Result(event.id, self._generation, True))

    def _ranks_free(self, event: ev.RanksFree) -> None:
        if self._courses.top is not None:
            raise self._illegal(event)
        if self.is_draining:
            self._courses.begin(self._drain())
        elif self._leases.is_due(self._turn.now_s):
            self._courses.begin(sweep(self._leases, self._queue))
        elif self._queue:
            self._courses.begin(self._execution.run(self._queue.take()))

    # Requests about the queue, which wait in none

    def _request_arrived(self, event: ev.RequestArrived) -> None:
        sender, request = event.sender, event.request
        match request:
            case Cancel():
                self._courses.begin(self._cancel(sender, request))
            case Watch():
                self._spikes.watch(request)
                self._replies.reply(sender, Result(request.id, self._generation, True))
            case ListRecorders():
                self._courses.begin(self._list_recorders(sender, request))
            case EndScript():
                self._courses.begin(self._end_script(sender, request))
            case LeaseNotice():
                self._leases.take_note(request)
                self._replies.reply(sender, Result(request.id, self._generation, True))

    def _replied(self, event: ev.Replied) -> None:
        self._replies.keep(event.delivery_id, event.frames)

    def _message_refused(self, event: ev.MessageRefused) -> None:
        log.warning("refused a message: %s", event.error)
        self._replies.reply(event.sender, Failure("", self._generation, event.error))

    def _cancel(self, sender: bytes, request: Cancel) -> Course[None]:
        """End a command, and answer which state the command was in."""
        state = yield from self._execution.cancel(request.target, request.reason)
        self._replies.reply(sender, Result(request.id, self._generation, state))

    def _end_script(self, sender: bytes, request: EndScript) -> Course[None]:
        """End the script that runs, and answer whether a script ran."""
        was_running = yield InterruptScript("its end was asked for")
        self._replies.reply(sender, Result(request.id, self._generation, was_running))

    def _list_recorders(self, sender: bytes, request: ListRecorders) -> Course[None]:
        """Answer which recorders there are."""
        answer: Message
        try:
            answer = Result(request.id, self._generation, (yield from list_recorders()))
        except NestdError as error:
            answer = Failure(request.id, self._generation, error)
        self._replies.reply(sender, answer)

    # Time, and the end

    def _tick(self, event: ev.Tick) -> None:
        self.activity.refresh()
        is_due = self._leases.is_due(self._turn.now_s)
        if self.is_draining:
            self._courses.begin(self._drain())
        elif self._queue.current is None and not self._queue:
            course = sweep(self._leases, self._queue) if is_due else self._spikes.publish_due()
            self._courses.begin(course)

    def _drain_asked(self, event: ev.DrainAsked) -> None:
        if self._phase is not Phase.SERVING:
            return
        self._enter(Phase.DRAINING)
        self._drain_limit_s = limit_s = event.limit_s
        if limit_s is not None:
            self._drain_until_s = self._turn.now_s + limit_s
        current = self._queue.current
        at = "nothing runs"
        if current is not None:
            extent = "to its end" if limit_s is None else f"for at most {limit_s:g} s"
            at = f"{current.label} goes on {extent}"
        log.info("nothing new is taken, %s", at)
        self.activity.begin_stopping()

    def _drain(self) -> Course[None]:
        """Turn away commands that wait, and stop when it is time."""
        yield from self._execution.turn_away(
            lambda queued: self._execution.refuse(queued, queued.refused())
        )
        current = self._queue.current
        if current is not None:
            if self._turn.now_s < self._drain_until_s:
                return
            limit_s = self._drain_limit_s
            log.warning("the time limit of %g s is over, %s ends", limit_s, current.label)
        self._turn.instructions.append(StopProcess())

    def _stop_asked(self, event: ev.StopAsked) -> None:
        """Answer all callers, wherever the process was when the signal came."""
        self._courses.clear()
        # Answers of a turn that the signal has interrupted.
        self._turn.instructions = [
            it for it in self._turn.instructions if isinstance(it, (SendReply, EndJob))
        ]
        if self._is_open:
            late = ", which had not ended in the time it was given" if self.is_draining else ""
            self._enter(Phase.STOPPED)
            self._courses.begin(self._dismiss(late))

    def _dismiss(self, late: str) -> Course[None]:
        """Answer the current command's caller, and those of all commands that wait."""
        queued, self._queue.current = self._queue.current, None
        if queued is not None:
            self._execution.refuse(queued, queued.lost(late))
        yield from self._execution.turn_away(
            lambda queued: self._execution.refuse(queued, queued.lost(late))
        )

    def _kernel_diverged(self, event: ev.KernelDiverged) -> None:
        """Answer the current command's caller; others learn the end from the crash report."""
        self._courses.clear()
        self._enter(Phase.DIVERGED)
        current = self._queue.current
        if current is not None:
            answer = self._replies.fail(current, event.error)
            self._queue.current = None
            self.activity.end(answer)


#: Events that are legal whatever is to be answered.
_ANY_TIME = frozenset([ev.StopAsked, ev.Replied])
#: Steps during which events come from outside; so they do while nothing is to be answered.
_LISTENING = frozenset([None, Receive, RunScript])

_HANDLERS: dict[type[ev.MasterEvent], Callable[[MasterState, Any], None]] = {
    QueuedCommand: MasterState._command_arrived,
    ev.CallerLeft: lambda state, it: state._courses.begin(state._execution.leave(it.sender)),
    ev.DrainAsked: MasterState._drain_asked,
    ev.FileWritten: lambda state, event: state._courses.resume(event.problem),
    ev.JobClaimed: lambda state, event: state._courses.resume(event),
    ev.JobSubmitted: MasterState._job_submitted,
    ev.KernelDiverged: MasterState._kernel_diverged,
    ev.MessageRefused: MasterState._message_refused,
    ev.RanksAnswered: lambda state, event: state._courses.resume(event.answers),
    ev.RanksFailed: lambda state, event: state._courses.fail(event.error),
    ev.RanksFree: MasterState._ranks_free,
    ev.Received: lambda state, event: state._courses.resume(event.script_ending),
    ev.Replied: MasterState._replied,
    ev.RequestArrived: MasterState._request_arrived,
    ev.RoomChecked: lambda state, event: state._courses.resume(event.problem),
    ev.ScriptEnded: lambda state, event: state._courses.resume(event.answer),
    ev.ScriptInterrupted: lambda state, event: state._courses.resume(event.was_running),
    ev.ScriptOperation: MasterState._script_operation,
    ev.ScriptPrinted: MasterState._script_printed,
    ev.StopAsked: MasterState._stop_asked,
    ev.Tick: MasterState._tick,
}
