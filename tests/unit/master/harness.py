"""Stands for the loop: feeds events to a state, and keeps what the state has it do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from nestd.broker.client import BrokeredJob
from nestd.file_names import FileNames
from nestd.master import events as ev
from nestd.master import instructions as ins
from nestd.master.queue import QueuedCommand
from nestd.master.reply_cache import ReplyCache
from nestd.master.state import MasterState
from nestd.partial.slices import SimulationPause
from protocol.errors import DataDirectoryFull, NestdError
from protocol.wire.messages import (
    Action,
    Batch,
    Cancel,
    Command,
    Executed,
    Failure,
    Operation,
    Result,
    Script,
)

GENERATION = "g1"
CALLER = b"caller"


class FakeJob:
    """A job without a directory."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.claimed_by: str | None = None


def brokered(job: FakeJob) -> BrokeredJob:
    """Return a job as the one that it stands for."""
    return cast(BrokeredJob, job)


def command(id: str, call: str = "Create", *args: Any, **facts: Any) -> Command:
    """Return a command that calls ``call``."""
    return Command(id, Operation(Action.CALL_JSON, call, list(args)), **facts)


def batch(id: str, *calls: str) -> Batch:
    """Return a batch of calls without arguments."""
    return Batch(id, [Operation(Action.CALL_JSON, call) for call in calls])


def script(id: str) -> Script:
    """Return a script."""
    return Script(id, "pass")


class Harness:
    """A state, the time, and all that the state has had done.

    Steps are answered by the test, by :meth:`answer` and the methods that call it.

    Parameters
    ----------
    queue_limit : commands that may wait
    ranks : number of ranks
    replies : keeps answers with a delivery id
    """

    def __init__(
        self, queue_limit: int = 3, ranks: int = 1, replies: ReplyCache | None = None
    ) -> None:
        self.state = MasterState(GENERATION, queue_limit, FileNames(Path("/data")), ranks, replies)
        self.ranks = ranks
        self.now_s = 1000.0
        #: Why nothing more may be written, if nothing may.
        self.full: DataDirectoryFull | None = None
        #: Steps that are to be answered, the next one last.
        self.steps: list[ins.Step] = []
        #: Everything else, in its order.
        self.done: list[ins.Instruction] = []

    def feed(self, event: ev.MasterEvent) -> Harness:
        """Feed an event, and keep what is to be done."""
        if type(event) in ev.ANSWERED_BY and not isinstance(
            event, (ev.ScriptOperation, ev.ScriptPrinted, ev.KernelDiverged)
        ):
            self.steps.pop()
        elif isinstance(event, (ev.StopAsked, ev.KernelDiverged)):
            self.steps.clear()
        instructions = self.state.handle(event, self.now_s)
        for number, instruction in enumerate(instructions, 1):
            if isinstance(instruction, ins.Step):
                assert number == len(instructions), instructions
                self.steps.append(instruction)
            else:
                self.done.append(instruction)
                if isinstance(instruction, ins.SendReply) and instruction.delivery_id:
                    frames = [instruction.message.id.encode()]  # type: ignore[union-attr]
                    self.state.handle(ev.Replied(instruction.delivery_id, frames), self.now_s)
        if isinstance(self.step, ins.CheckRoom):
            # The loop answers at once.
            return self.feed(ev.RoomChecked(self.full))
        return self

    @property
    def step(self) -> ins.Step | None:
        """Return the step that is to be answered next."""
        return self.steps[-1] if self.steps else None

    @property
    def operation(self) -> Operation:
        """Return the operation that the ranks are to execute."""
        assert isinstance(self.step, ins.ExecuteOnRanks), self.step
        return self.step.operation

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the instructions of a kind that were given so far."""
        return [instruction for instruction in self.done if isinstance(instruction, kind)]

    @property
    def replies(self) -> dict[str, Any]:
        """Return the answers by the ids of their commands; each was answered once."""
        found: dict[str, Any] = {}
        for reply in [*self.of(ins.SendReply), *self.of(ins.EndJob)]:
            message = reply.message if isinstance(reply, ins.SendReply) else reply.answer
            assert message.id not in found, (message, found[message.id])
            found[message.id] = message
        return found

    def value(self, id: str) -> Any:
        """Return the value of the answer to a command."""
        answer = self.replies[id]
        assert isinstance(answer, Result), answer
        assert answer.generation == GENERATION
        return answer.value

    def error(self, id: str) -> NestdError:
        """Return the error of the answer to a command."""
        answer = self.replies[id]
        assert isinstance(answer, Failure), answer
        return answer.error

    def published(self, kind: str) -> list[dict[str, Any]]:
        """Return the facts of all events of a kind."""
        return [event.facts for event in self.of(ins.Publish) if event.kind == kind]

    def arrive(self, task: Command | Batch | Script, sender: bytes = CALLER) -> Harness:
        """Have a command arrive."""
        return self.feed(QueuedCommand(task, sender))

    def submit(self, task: Command | Batch | Script) -> FakeJob:
        """Have a job arrive, and return the job."""
        job = FakeJob(task.id)
        self.feed(ev.JobSubmitted(CALLER, f"{task.id}", QueuedCommand(task, job=brokered(job))))
        # The answer to the submission has the id of the job, too.
        submission = self.done.pop()
        assert isinstance(submission, ins.SendReply) and submission.message.value is True  # type: ignore[union-attr]
        return job

    def cancel(self, target: str, id: str = "cancel") -> Harness:
        """Have a gateway cancel a command."""
        return self.feed(ev.RequestArrived(CALLER, Cancel(id, target, "the caller asked for it")))

    def begin(self, *tasks: Command | Batch | Script) -> Harness:
        """Have commands arrive, and begin with the first."""
        for task in tasks:
            self.arrive(task)
        return self.feed(ev.RanksFree())

    def answer(self, value: Any = None, error: NestdError | None = None) -> Harness:
        """Have all ranks answer with a value, or with an error."""
        answers = [Executed(1, rank, value, error) for rank in range(self.ranks)]
        return self.feed(ev.RanksAnswered(answers))

    def pause(self, at_ms: float, until_ms: float = 100.0, steps: int = 10) -> Harness:
        """Have all ranks pause a simulation."""
        return self.answer(SimulationPause(steps, 0.0, at_ms, until_ms))

    def resume(self) -> Harness:
        """Have no more messages arrive between two slices."""
        return self.feed(ev.Received())

    def claim(self, is_claimed: bool = True, problem: str | None = None) -> Harness:
        """Answer a claim of a job."""
        return self.feed(ev.JobClaimed(is_claimed, problem))
