"""Promises of the master whatever the order of events, as hypothesis finds it.

``NESTD_SEQUENCES`` is the number of sequences of events; ten thousand take some minutes.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nestd.master import events as ev
from nestd.master import instructions as ins
from nestd.master.queue import QueuedCommand
from nestd.master.reply_cache import ReplyCache
from nestd.master.state import IllegalStep
from nestd.partial.slices import NewEvents
from protocol.errors import (
    ArgumentError,
    Cancelled,
    Diverged,
    InternalError,
    KernelLost,
    KernelUnavailable,
    QueueFull,
    ScriptError,
)
from protocol.runtime.stored_job import CANCELLED, LOST
from protocol.wire.messages import (
    Action,
    Batch,
    Cancel,
    Command,
    EndScript,
    Failure,
    ListRecorders,
    Operation,
    Result,
    Script,
    Watch,
)
from tests.unit.master.harness import CALLER, GENERATION, FakeJob, Harness, brokered

SEQUENCES = int(os.environ.get("NESTD_SEQUENCES", "200"))
LIMIT = 2

#: Calls, each with its id as last argument, by which the machine sees what is executed.
CALLS = ["Create", "Simulate", "ResetKernel", "Prepare"]
SENDERS = [b"gateway-1", b"gateway-2"]


def task(kind: str, id: str, delivery_id: str = "") -> Command | Batch | Script:
    """Return a command of a kind: a call, ``batch`` or ``script``."""
    if kind == "script":
        return Script(id, "pass", delivery_id=delivery_id)
    if kind == "batch":
        operations = [Operation(Action.CALL_JSON, call, [id]) for call in ("Create", "Run")]
        return Batch(id, operations, delivery_id=delivery_id)
    return Command(id, Operation(Action.CALL_JSON, kind, [id]), delivery_id=delivery_id)


class Masters(RuleBasedStateMachine):
    """Any order of events that a loop can feed, beside a model of who is to get which answer."""

    def __init__(self) -> None:
        super().__init__()
        self.master = Harness()
        self.number = self.requests = 0
        #: Ids of commands that wait as the model has it, in their order, and of the current one.
        self.waiting: list[str] = []
        self.current: str | None = None
        self.jobs: dict[str, FakeJob] = {}
        #: Receivers of answers to commands that arrived over a socket.
        self.receivers: dict[str, bytes] = {}
        self.deliveries: dict[str, Command | Batch | Script] = {}
        #: Ids of requests and commands that have to be answered, with the errors that may be.
        self.owed: dict[str, tuple[type[Exception], ...]] = {}
        #: Jobs that somebody else has claimed, who answers them.
        self.others: set[str] = set()
        self.early: set[str] = set()
        #: Ids of commands that must never reach the ranks.
        self.barred: set[str] = set()
        self.cancelled: set[str] = set()
        self.executed: set[str] = set()
        self.is_draining = False
        #: How the master has ended.
        self.end: str | None = None

    @initialize(ranks=st.sampled_from([1, 2]))
    def start(self, ranks: int) -> None:
        """Start with some number of ranks."""
        self.master = Harness(LIMIT, ranks, ReplyCache())

    # What the machine knows

    @property
    def step(self) -> ins.Step | None:
        return self.master.step

    def is_listening(self) -> bool:
        """Return whether events may come from outside."""
        return self.end is None and isinstance(self.step, (type(None), ins.Receive, ins.RunScript))

    def is_idle(self) -> bool:
        return self.end is None and self.step is None

    def new_id(self) -> str:
        self.number += 1
        return f"id{self.number}"

    def owe(self, id: str, *errors: type[Exception]) -> None:
        """Note that an id has to be answered, by a value or one of the errors."""
        self.owed[id] = errors

    def feed(self, event: ev.MasterEvent) -> None:
        """Feed an event, and note what is executed."""
        self.master.feed(event)
        if isinstance(self.step, ins.ExecuteOnRanks):
            self.executed.update(arg for arg in self.step.operation.args if isinstance(arg, str))
        elif isinstance(self.step, ins.RunScript):
            self.executed.add(self.step.script.id)
        if self.current in self.master.replies:
            self.current = None

    def enqueue(self, id: str, is_job: bool) -> None:
        """Note in the model what becomes of a command that arrives."""
        early = id in self.early
        self.early.discard(id)
        if not is_job and early:
            self.owe(id, Cancelled)
            self.barred.add(id)
        elif not is_job and len(self.waiting) >= LIMIT:
            self.owe(id, QueueFull)
            self.barred.add(id)
        else:
            self.owe(id, ArgumentError, InternalError, ScriptError, Cancelled, Diverged, KernelLost)
            self.waiting.append(id)

    # Events from outside

    @precondition(is_listening)
    @rule(
        kind=st.sampled_from([*CALLS, "batch", "script"]),
        sender=st.sampled_from(SENDERS),
        is_kept=st.booleans(),
        is_early=st.booleans(),
    )
    def command_arrives(self, kind: str, sender: bytes, is_kept: bool, is_early: bool) -> None:
        early = sorted(self.early)
        id = early[0] if early and is_early else self.new_id()
        queued = task(kind, id, f"delivery-{id}" if is_kept else "")
        self.receivers[id] = sender
        if is_kept:
            self.deliveries[id] = queued
        self.enqueue(id, is_job=False)
        self.feed(QueuedCommand(queued, sender))

    @precondition(lambda self: self.is_listening() and self.deliveries)
    @rule(data=st.data(), sender=st.sampled_from(SENDERS))
    def command_arrives_again(self, data: st.DataObject, sender: bytes) -> None:
        id = data.draw(st.sampled_from(sorted(self.deliveries)))
        is_answered = id in self.master.replies
        before = len(self.master.of(ins.Resend))
        self.feed(QueuedCommand(self.deliveries[id], sender))
        resent = self.master.of(ins.Resend)[before:]
        if is_answered:
            assert resent == [ins.Resend(sender, [id.encode()])]
        else:
            assert not resent
            self.receivers[id] = sender

    @precondition(is_listening)
    @rule(kind=st.sampled_from([*CALLS, "batch", "script"]))
    def job_is_submitted(self, kind: str) -> None:
        id = self.new_id()
        self.jobs[id] = FakeJob(id)
        self.enqueue(id, is_job=True)
        # The submission is answered under the job's id, too; the job itself in the spool.
        queued = QueuedCommand(task(kind, id), job=brokered(self.jobs[id]))
        self.feed(ev.JobSubmitted(CALLER, id, queued))
        submission = self.master.done.pop()
        assert submission == ins.SendReply(CALLER, Result(id, GENERATION, True))

    @precondition(is_listening)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel a command that waits, is executed, has ended, or has not arrived yet."""
        early = f"id{self.number + 1}"
        known = [*self.waiting, *([self.current] if self.current else []), *sorted(self.owed)[:3]]
        target = data.draw(st.sampled_from([*known, early]))
        if target == early:
            # Another event must not take the id as a new one.
            self.number += 1
        self.requests += 1
        id = f"cancel-{self.requests}"
        self.owe(id)
        was_waiting, was_current = target in self.waiting, target == self.current
        if was_waiting:
            self.waiting.remove(target)
            self.owe(target, Cancelled)
            self.barred.add(target)
        elif was_current:
            self.cancelled.add(target)
        elif target == early:
            self.early.add(target)
        self.feed(ev.RequestArrived(CALLER, Cancel(id, target, "because")))
        self.answer_inner_steps(data)
        state = "queued" if was_waiting else "running" if was_current else None
        assert self.master.value(id) == state

    def answer_inner_steps(self, data: st.DataObject) -> None:
        """Answer the steps of a request, as a loop does before anything else comes."""
        while isinstance(self.step, (ins.ClaimJob, ins.InterruptScript)):
            self.answer_claim(data)

    def answer_claim(self, data: st.DataObject) -> None:
        step = self.step
        if isinstance(step, ins.InterruptScript):
            self.feed(ev.ScriptInterrupted(data.draw(st.booleans())))
            return
        assert isinstance(step, ins.ClaimJob)
        is_claimed = data.draw(st.booleans())
        if not is_claimed:
            del self.owed[step.job.id]
            self.others.add(step.job.id)
            self.barred.add(step.job.id)
        elif step.by == LOST:
            self.owe(step.job.id, KernelUnavailable, KernelLost)
            self.barred.add(step.job.id)
        elif step.by == CANCELLED:
            self.owe(step.job.id, Cancelled)
        self.feed(ev.JobClaimed(is_claimed))

    @precondition(is_listening)
    @rule(kind=st.sampled_from([EndScript, ListRecorders]), data=st.data())
    def ask(self, kind: Any, data: st.DataObject) -> None:
        id = self.new_id()
        self.owe(id, ArgumentError, InternalError)
        self.feed(ev.RequestArrived(CALLER, kind(id)))
        self.answer_inner_steps(data)

    @precondition(is_listening)
    @rule()
    def watch(self) -> None:
        id = self.new_id()
        self.owe(id)
        self.feed(ev.RequestArrived(CALLER, Watch(id, [1, 2])))

    @precondition(is_listening)
    @rule(seconds=st.sampled_from([0.0, 0.3, 3.0]), data=st.data())
    def time_passes(self, seconds: float, data: st.DataObject) -> None:
        self.master.now_s += seconds
        self.do_what_is_due(ev.Tick(), data)

    def do_what_is_due(self, event: ev.MasterEvent, data: st.DataObject) -> None:
        """Feed an event after which a draining master has turned all others away."""
        if self.is_draining:
            for id in self.waiting:
                self.owe(id, KernelUnavailable)
                self.barred.add(id)
            self.waiting.clear()
        self.feed(event)
        self.answer_inner_steps(data)
        if self.is_draining:
            # Whatever waited has its answer, and without a command the process stops.
            assert self.current is not None or self.master.of(ins.StopProcess)

    @precondition(is_listening)
    @rule(limit_s=st.sampled_from([None, 1.0]))
    def drain(self, limit_s: float | None) -> None:
        self.is_draining = True
        self.feed(ev.DrainAsked(limit_s))

    @precondition(lambda self: self.end is None)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        """Stop at any moment, which comes seldom: sequences are to get long."""
        if data.draw(st.integers(0, 9)):
            return
        self.end = "stopped"
        for id in self.waiting:
            self.owe(id, KernelLost)
        self.waiting.clear()
        # A request or a claim in which the signal came has no answer: its asker sees the end.
        self.feed(ev.StopAsked())
        while self.step is not None:
            self.answer_claim(data)

    # Events that answer steps

    @precondition(is_idle)
    @rule(data=st.data())
    def ranks_are_free(self, data: st.DataObject) -> None:
        if self.is_draining:
            self.do_what_is_due(ev.RanksFree(), data)
            return
        if self.waiting:
            self.current = self.waiting.pop(0)
        begun = self.current
        self.feed(ev.RanksFree())
        if isinstance(self.step, ins.ClaimJob):
            self.answer_claim(data)
            if begun in self.others:
                self.current = None
        assert begun is None or begun in self.others or self.step is not None

    @precondition(lambda self: isinstance(self.step, ins.ExecuteOnRanks) and self.end is None)
    @rule(how=st.sampled_from(["value", "value", "error", "fault"]))
    def ranks_answer(self, how: str) -> None:
        if how == "error":
            self.master_answers(None, ArgumentError("refused"))
        elif how == "fault":
            self.feed(ev.RanksFailed(InternalError("mixed up")))
        else:
            operation = self.master.operation
            gained = NewEvents({"times": np.ones(1), "senders": np.ones(1, np.int64)}, [1])
            is_reading = operation.action is Action.READ_NEW_EVENTS
            self.master_answers(gained if is_reading else 5)

    def master_answers(self, value: Any, error: Any = None) -> None:
        self.master.answer(value, error)
        self.feed_nothing()

    def feed_nothing(self) -> None:
        """Note what the last event has changed."""
        if isinstance(self.step, ins.ExecuteOnRanks):
            self.executed.update(arg for arg in self.step.operation.args if isinstance(arg, str))
        if self.current in self.master.replies:
            self.current = None

    @precondition(
        lambda self: (
            self.end is None
            and isinstance(self.step, ins.ExecuteOnRanks)
            and self.step.operation.call in ("Simulate", "Run")
            and self.step.operation.action is not Action.ABORT
        )
    )
    @rule(steps=st.integers(1, 1000))
    def ranks_pause(self, steps: int) -> None:
        self.master.now_s += 0.2
        self.master.pause(50.0, steps=steps)
        self.feed_nothing()

    @precondition(lambda self: isinstance(self.step, ins.ExecuteOnRanks) and self.end is None)
    @rule(data=st.data())
    def kernel_diverges(self, data: st.DataObject) -> None:
        """Diverge, which comes seldom: sequences are to get long."""
        if data.draw(st.integers(0, 9)):
            return
        self.end = "diverged"
        before = set(self.master.replies)
        self.master.feed(ev.KernelDiverged(Diverged("alone")))
        answered = set(self.master.replies) - before
        assert answered == ({self.current} if self.current else set())
        self.current = None

    @precondition(lambda self: isinstance(self.step, ins.Receive) and self.end is None)
    @rule()
    def slice_goes_on(self) -> None:
        self.feed(ev.Received())

    @precondition(lambda self: isinstance(self.step, ins.RunScript) and self.end is None)
    @rule(what=st.sampled_from(["operation", "simulation", "output", "end", "end", "error"]))
    def script_goes_on(self, what: str) -> None:
        assert self.current is not None
        match what:
            case "operation" | "simulation":
                call = "Create" if what == "operation" else "Simulate"
                self.feed(ev.ScriptOperation(Command("op", Operation(Action.CALL_JSON, call))))
            case "output":
                self.feed(ev.ScriptPrinted(b"hello"))
            case "end":
                self.feed(ev.ScriptEnded(Result(self.current, "", 1)))
            case "error":
                self.feed(ev.ScriptEnded(Failure(self.current, "", ScriptError("wrong"))))

    @precondition(lambda self: self.end is not None)
    @rule()
    def stop_again(self) -> None:
        before = len(self.master.done)
        self.feed(ev.StopAsked())
        assert self.step is None and len(self.master.done) == before

    # Promises

    @invariant()
    def each_is_answered_once_by_this_kernel(self) -> None:
        for id, answer in self.master.replies.items():
            assert answer.generation == GENERATION
            assert id in self.owed, answer
            if isinstance(answer, Failure):
                assert isinstance(answer.error, self.owed[id]), answer
            elif id in self.receivers.keys() | self.jobs.keys():
                assert id in self.executed, answer

    @invariant()
    def what_was_refused_or_cancelled_is_never_executed(self) -> None:
        assert not self.barred & self.executed

    @invariant()
    def answers_go_where_their_callers_are(self) -> None:
        for reply in self.master.of(ins.SendReply):
            receiver = self.receivers.get(reply.message.id)  # type: ignore[union-attr]
            assert receiver is None or reply.receiver == receiver
        for end in self.master.of(ins.EndJob):
            assert end.answer.id == end.job.id and end.job.id not in self.others

    @invariant()
    def nothing_happens_after_the_end(self) -> None:
        if self.end is not None:
            with pytest.raises(IllegalStep):
                self.master.state.handle(QueuedCommand(task("Create", "late"), CALLER), 0.0)

    def teardown(self) -> None:
        """See all that is owed answered, in the end."""
        while self.end is None and (self.step is not None or self.waiting):
            match self.step:
                case None:
                    if self.is_draining:
                        for id in self.waiting:
                            self.owe(id, KernelUnavailable)
                        self.waiting.clear()
                        self.feed(ev.Tick())
                    else:
                        self.current = self.waiting.pop(0)
                        self.feed(ev.RanksFree())
                case ins.ExecuteOnRanks():
                    self.master_answers(None, ArgumentError("the end"))
                case ins.Receive():
                    self.feed(ev.Received())
                case ins.ClaimJob():
                    self.feed(ev.JobClaimed(True))
                case ins.InterruptScript():
                    self.feed(ev.ScriptInterrupted(False))
                case ins.RunScript():
                    assert self.current is not None
                    self.feed(ev.ScriptEnded(Result(self.current, "", 1)))
        self.each_is_answered_once_by_this_kernel()
        answered = set(self.master.replies)
        if self.end is None:
            assert answered == set(self.owed)
            if self.is_draining:
                self.feed(ev.Tick())
                assert self.master.of(ins.StopProcess)
        elif self.end == "stopped":
            asked = {id for id in self.owed if id not in self.receivers.keys() | self.jobs.keys()}
            assert set(self.owed) - asked <= answered


def test_promises_hold_whatever_the_order(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "nestd.master")
    run_state_machine_as_test(
        Masters, settings=settings(max_examples=SEQUENCES, stateful_step_count=40)
    )
