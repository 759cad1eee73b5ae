"""Interleavings of commands, requests, slices and signals, as lists of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nestd.master import events as ev
from nestd.master import instructions as ins
from nestd.master.activity import REFRESH_S
from nestd.master.events import Phase
from nestd.master.queue import QueuedCommand
from nestd.master.reply_cache import ReplyCache
from nestd.master.state import IllegalStep
from nestd.partial.slices import SimulationPause
from protocol.errors import (
    ArgumentError,
    Cancelled,
    ConfigurationError,
    InternalError,
    KernelError,
    KernelLost,
    KernelUnavailable,
    LinkLost,
    ProtocolError,
    ScriptError,
)
from protocol.runtime.status_file import LISTED, Status
from protocol.wire.messages import (
    Action,
    Batch,
    Command,
    EndScript,
    Executed,
    Failure,
    ListRecorders,
    Operation,
    Result,
)
from tests.unit.master.harness import CALLER, GENERATION, Harness, batch, command, script

SIMULATION = command("sim", "Simulate", 100.0)


def test_commands_are_executed_in_their_order_and_answered_to_their_callers() -> None:
    master = Harness().arrive(command("1"), b"first").arrive(command("2"), b"second")
    for id in ("1", "2"):
        master.feed(ev.RanksFree()).answer(id)
        assert master.value(id) == id
    assert [reply.receiver for reply in master.of(ins.SendReply)] == [b"first", b"second"]
    master.feed(ev.RanksFree())
    assert master.step is None


def test_error_of_the_ranks_is_the_answer() -> None:
    master = Harness().begin(command("1")).answer(error=ArgumentError("no"))
    assert master.error("1").message == "no"


def test_conversation_with_the_ranks_that_fails_is_the_answer() -> None:
    master = Harness().begin(command("1")).feed(ev.RanksFailed(InternalError("mixed up")))
    assert master.error("1").message == "mixed up"
    assert master.begin(command("2")).answer(3).value("2") == 3


def test_unmerged_answer_is_that_of_every_rank() -> None:
    master = Harness(ranks=2).begin(command("1", unmerged=True))
    master.feed(ev.RanksAnswered([Executed(1, 0, 5), Executed(1, 1, error=ArgumentError("no"))]))
    assert master.value("1") == [
        {"rank": 0, "value": 5},
        {"rank": 1, "error": "ArgumentError", "message": "no"},
    ]


def test_answers_that_differ_between_ranks_are_an_internal_error() -> None:
    master = Harness(ranks=2).begin(command("1"))
    master.feed(ev.RanksAnswered([Executed(1, 0, 5), Executed(1, 1, 6)]))
    assert isinstance(master.error("1"), InternalError)


# The queue


def test_job_that_is_submitted_twice_is_executed_once() -> None:
    master = Harness()
    job = master.submit(command("job00001"))
    assert master.submit(command("job00001")) is not job
    master.feed(ev.RanksFree()).claim().answer(1)
    assert [end.job for end in master.of(ins.EndJob)] == [job]
    assert not master.state.has_waiting


def test_job_that_can_not_be_submitted_is_answered_with_why() -> None:
    master = Harness().feed(ev.JobSubmitted(CALLER, "1", problem=KernelLost("another kernel")))
    assert isinstance(master.error("1"), KernelLost)
    master.feed(ev.JobSubmitted(CALLER, "2"))
    assert master.value("2") is True
    assert not master.state.has_waiting


def test_job_is_claimed_before_it_begins() -> None:
    master = Harness()
    master.submit(command("job00001"))
    master.feed(ev.RanksFree())
    assert isinstance(master.step, ins.ClaimJob) and master.step.by == GENERATION
    master.claim(False)
    assert master.step is None and not master.replies


def test_job_whose_claim_finds_no_room_fails_and_is_not_executed() -> None:
    master = Harness()
    master.submit(command("job00001"))
    master.feed(ev.RanksFree()).claim(True, "No space left on device")
    assert master.step is None
    assert "No space left" in master.error("job00001").message
    assert [facts["state"] for facts in master.published("state")] == ["failed"]


# Cancelling


def test_command_that_is_cancelled_before_it_arrives_is_never_executed() -> None:
    master = Harness().cancel("1")
    assert master.value("cancel") is None
    master.begin(command("1"))
    assert master.step is None
    assert isinstance(master.error("1"), Cancelled)
    # The reason is used once.
    assert master.state.handle(QueuedCommand(command("1"), CALLER), 0.0) == []


def test_early_cancels_are_forgotten_in_the_end() -> None:
    master = Harness().cancel("forgotten", "c")
    for number in range(1024):
        master.cancel(f"x{number}", f"c{number}")
    master.begin(command("forgotten"))
    assert master.operation.call == "Create"


def test_simulation_that_is_cancelled_ends_at_its_next_slice() -> None:
    master = Harness().begin(SIMULATION).pause(30.0).cancel("sim")
    assert master.value("cancel") == "running"
    assert master.state.activity.status(0.0).ending
    master.resume()
    assert master.operation.action is Action.ABORT
    master.answer()
    error = master.error("sim")
    assert isinstance(error, Cancelled)
    assert "ended at 30 ms of biological time, 70 ms before its end" in error.message
    assert master.state.activity.status(0.0).simulated_ms == 30.0
    # The next command has nothing to do with it.
    master.begin(command("sim2", "Simulate", 5.0)).pause(1.0, 5.0).resume()
    assert master.operation.action is Action.RESUME


def test_cancel_after_the_last_slice_comes_too_late() -> None:
    master = Harness().begin(SIMULATION).pause(30.0).resume().answer().cancel("sim")
    assert master.value("sim") is None
    assert master.value("cancel") is None


# Simulations


def test_simulation_goes_on_after_each_slice_and_others_get_their_turn() -> None:
    master = Harness().begin(SIMULATION)
    assert master.operation.budget == 0
    master.now_s += 0.5
    master.pause(10.0, steps=100)
    assert isinstance(master.step, ins.Receive)
    master.arrive(command("2")).resume()
    status = master.state.activity.status(0.0)
    assert (status.from_ms, status.at_ms, status.until_ms) == (0.0, 10.0, 100.0)
    assert (status.began_s, status.at_s, status.queue) == (1000.0, 1000.5, ["2"])
    assert master.operation == Operation(Action.RESUME, "Simulate", budget=44)
    master.now_s += 0.05
    master.pause(20.0, steps=44).resume()
    # 44 steps in 0.05 s: more at once, but not many times more.
    assert master.operation.budget == int(44 / 0.05 * 0.22)
    master.answer()
    assert master.value("sim") is None
    assert master.state.activity.status(0.0).simulated_ms == 100.0
    assert [facts["at_ms"] for facts in master.published("progress")] == [10.0]
    assert [facts["state"] for facts in master.published("state")] == ["running", "done"]


@pytest.mark.parametrize(
    ("call", "budget"), [("GetStatus", 2), ("NodeCollection.set", 0), ("Create", 0)]
)
def test_first_slice_after_a_change_is_short(call: str, budget: int) -> None:
    master = Harness().begin(SIMULATION)
    master.now_s += 1.0
    master.pause(10.0, steps=10).resume().answer()
    master.begin(command("2", call)).answer()
    master.begin(command("3", "Run", 10.0))
    assert master.operation.budget == budget


def test_rank_that_fails_while_others_have_paused_ends_the_simulation_everywhere() -> None:
    master = Harness(ranks=2).begin(command("0")).answer().begin(SIMULATION).answer(0.1)
    assert master.operation.min_delay_ms == 0.1
    pause = SimulationPause(1, 0.0, 1.0, 100.0)
    failed = Executed(1, 1, error=ArgumentError("boom"))
    master.feed(ev.RanksAnswered([Executed(1, 0, pause), failed]))
    assert master.operation.action is Action.ABORT
    master.answer()
    assert master.error("sim").message == "boom"


def test_ranks_agree_on_the_shortest_delay_before_the_first_run_only() -> None:
    master = Harness(ranks=2).begin(command("1", "Prepare"))
    assert master.operation.call == "GetKernelStatus"
    master.feed(ev.RanksFailed(InternalError("mixed up")))
    assert master.operation.call == "Prepare"
    master.answer().begin(command("2", "Run", 5.0)).answer()
    master.begin(command("3", "Simulate", 5.0))
    assert master.operation.call == "Simulate"
    master.answer().begin(command("4", "ResetKernel")).answer()
    master.begin(command("5", "Simulate", 5.0))
    assert master.operation.call == "GetKernelStatus"


# Batches


def test_batch_fills_in_earlier_values_and_answers_all() -> None:
    calls = [Operation(Action.CALL_JSON, "Create"), Operation(Action.CALL_JSON, "Connect")]
    calls[1].args.append({"$result": 0})
    master = Harness().begin(Batch("b", calls)).answer([1, 2])
    assert isinstance(master.step, ins.Receive)
    master.resume()
    assert master.operation.args == [[1, 2]]
    assert master.answer().value("b") == [[1, 2], None]


@pytest.mark.parametrize("index", [1, -1, "0", True])
def test_batch_that_refers_to_what_is_not_there_fails_with_the_results_so_far(
    index: object,
) -> None:
    calls = [
        Operation(Action.CALL_JSON, "Create"),
        Operation(Action.CALL_JSON, "Connect", [{"$result": index}]),  # type: ignore[dict-item]
    ]
    error = Harness().begin(Batch("b", calls)).answer(7).resume().error("b")
    assert "$result" in error.message
    assert (error.index, error.results) == (1, [7])


def test_batch_that_is_cancelled_ends_before_its_next_call() -> None:
    master = Harness().begin(batch("b", "Create", "Connect")).answer(1).cancel("b").resume()
    error = master.error("b")
    assert isinstance(error, Cancelled)
    assert (error.index, error.results) == (1, [1])


# Scripts


def test_script_asks_for_operations_and_its_objects_are_dropped_in_the_end() -> None:
    master = Harness().begin(script("s"))
    assert isinstance(master.step, ins.RunScript)
    master.feed(ev.ScriptOperation(command("op")))
    master.answer("made")
    (given,) = master.of(ins.AnswerScript)
    assert given.message == Result("op", GENERATION, "made")
    master.feed(ev.ScriptOperation(command("op2"))).answer()
    master.feed(ev.ScriptEnded(Result("s", "", {"data": 1})))
    assert master.operation == Operation(Action.RELEASE_OWNERS, args=[["~script"], ""])
    assert master.answer().value("s") == {"data": 1}
    assert isinstance(master.done[-1], ins.ClearUpScript)


def test_script_without_operations_has_nothing_to_drop() -> None:
    master = Harness().begin(script("s")).feed(ev.ScriptEnded(Result("s", "", 1)))
    assert master.value("s") == 1


def test_script_may_begin_with_a_kernel_as_a_new_process_has_it() -> None:
    master = Harness().begin(replace(script("s"), reset=True), replace(script("t"), reset=True))
    assert master.operation.call == "ResetKernel"
    assert isinstance(master.answer().step, ins.RunScript)
    master.feed(ev.ScriptEnded(Result("s", "", 1))).feed(ev.RanksFree())
    assert isinstance(master.answer(error=KernelError("no")).error("t"), KernelError)


def test_script_can_not_ask_for_what_is_between_ranks() -> None:
    operations = [
        Command("1", Operation(Action.RELEASE_OWNERS, args=[["a"], ""])),
        command("2", unmerged=True),
    ]
    master = Harness().begin(script("s"))
    for operation in operations:
        master.feed(ev.ScriptOperation(operation))
        assert isinstance(master.of(ins.AnswerScript)[-1].message.error, ProtocolError)
    assert isinstance(master.step, ins.RunScript)


def test_output_of_a_script_is_published_and_kept_with_its_job() -> None:
    master = Harness()
    job = master.submit(script("job00001"))
    master.feed(ev.RanksFree()).claim().feed(ev.ScriptPrinted(b"hello"))
    assert master.published("output") == [{"job": "job00001", "text": "hello"}]
    assert [(it.job, it.output) for it in master.of(ins.AppendOutput)] == [(job, b"hello")]


def test_simulation_ends_with_the_script_that_asked_for_it() -> None:
    master = Harness().begin(script("s")).feed(ev.ScriptOperation(command("1", "Simulate", 100.0)))
    master.pause(10.0).feed(ev.Received("its time is over")).answer()
    (given,) = master.of(ins.AnswerScript)
    assert isinstance(given.message.error, Cancelled)
    master.feed(ev.ScriptEnded(Failure("s", "", ScriptError("too long")))).answer()
    assert isinstance(master.error("s"), ScriptError)


def test_script_that_is_cancelled_is_interrupted_and_says_so() -> None:
    master = Harness().begin(script("s")).cancel("s")
    assert isinstance(master.step, ins.InterruptScript)
    master.feed(ev.ScriptInterrupted(True))
    assert master.value("cancel") == "running"
    master.feed(ev.ScriptEnded(Failure("s", "", ScriptError("ended", line=3))))
    error = master.error("s")
    assert isinstance(error, Cancelled) and error.line == 3


def test_script_is_ended_by_request() -> None:
    master = Harness().feed(ev.RequestArrived(CALLER, EndScript("1")))
    master.feed(ev.ScriptInterrupted(False))
    assert master.value("1") is False


def test_scripts_that_can_not_be_run_are_an_answer() -> None:
    error = InternalError(ConfigurationError("scripts can't be run").message)
    master = Harness().begin(script("s")).feed(ev.ScriptEnded(Failure("s", GENERATION, error)))
    assert master.error("s") is error


# Requests that wait in no queue


def test_recorders_are_listed_between_two_slices() -> None:
    master = Harness().begin(SIMULATION).pause(10.0)
    master.feed(ev.RequestArrived(CALLER, ListRecorders("r"))).answer([[1, 2, "spike_recorder"]])
    assert master.value("r") == [[1, 2, "spike_recorder"]]
    master.resume().answer()
    assert master.value("sim") is None


def test_recorders_that_can_not_be_listed_say_why() -> None:
    master = Harness().feed(ev.RequestArrived(CALLER, ListRecorders("r")))
    assert master.answer(error=ArgumentError("no")).error("r").message == "no"


def test_message_that_is_no_request_is_refused() -> None:
    master = Harness().feed(ev.MessageRefused(CALLER, ProtocolError("nonsense")))
    assert master.error("").message == "nonsense"


# Links that were cut


def test_command_that_arrives_again_is_executed_once_and_answered_on_the_new_link() -> None:
    master = Harness(replies=ReplyCache()).arrive(command("1", delivery_id="d"))
    master.arrive(command("1", delivery_id="d"), b"again").feed(ev.RanksFree()).answer(5)
    assert [(it.receiver, it.message.value) for it in master.of(ins.SendReply)] == [(b"again", 5)]
    master.arrive(command("1", delivery_id="d"), b"later")
    assert master.of(ins.Resend) == [ins.Resend(b"later", [b"1"])]
    assert not master.state.has_waiting


def test_answer_that_was_too_large_to_be_kept_says_that_it_is_lost() -> None:
    master = Harness(replies=ReplyCache(room_bytes=0)).begin(command("1", delivery_id="d")).answer()
    master.done.clear()
    assert isinstance(master.arrive(command("1", delivery_id="d")).error("1"), LinkLost)


def test_commands_without_a_delivery_id_are_all_executed() -> None:
    master = Harness(replies=ReplyCache()).begin(command("1"), command("1")).answer()
    assert master.state.has_waiting


def test_oldest_answers_are_dropped_from_the_cache() -> None:
    cache = ReplyCache(room_bytes=10, remembered=3)
    for number in range(4):
        cache.keep(str(number), [b"1234"])
    assert "0" not in cache and cache.find("0") is None
    assert "1" in cache and cache.find("1") is None
    assert cache.find("3") == [b"1234"]


# The end


def test_draining_master_ends_its_command_and_turns_others_away() -> None:
    master = Harness().begin(SIMULATION).pause(10.0)
    master.arrive(command("2")).feed(ev.DrainAsked(None)).arrive(command("3"))
    master.feed(ev.DrainAsked(1.0)).feed(ev.Tick())
    assert {type(master.error(id)) for id in ("2", "3")} == {KernelUnavailable}
    assert master.state.activity.status(0.0).stopping
    assert not master.of(ins.StopProcess)
    master.resume().answer()
    assert master.value("sim") is None
    master.arrive(command("4")).feed(ev.RanksFree())
    assert isinstance(master.error("4"), KernelUnavailable)
    assert len(master.of(ins.StopProcess)) == 1


def test_drain_ends_where_the_command_is_when_its_time_is_over() -> None:
    master = Harness().begin(SIMULATION).pause(10.0).feed(ev.DrainAsked(5.0)).feed(ev.Tick())
    master.now_s += 5.0
    master.feed(ev.Tick())
    assert len(master.of(ins.StopProcess)) == 1
    master.feed(ev.StopAsked())
    error = master.error("sim")
    assert isinstance(error, KernelLost)
    assert "had not ended in the time it was given" in error.message


@pytest.mark.parametrize(
    "event",
    [
        ev.RanksAnswered([]),
        ev.JobClaimed(True),
        ev.FileWritten(),
        ev.ScriptPrinted(b"x"),
        ev.ScriptOperation(command("1")),
        ev.Received(),
    ],
)
def test_event_that_nothing_waits_for_is_illegal_and_tells_the_events_before(
    event: ev.MasterEvent,
) -> None:
    master = Harness().arrive(command("1"))
    with pytest.raises(IllegalStep, match="QueuedCommand"):
        master.state.handle(event, 0.0)


def test_nothing_arrives_while_the_ranks_execute() -> None:
    master = Harness().begin(command("1"))
    with pytest.raises(IllegalStep, match=r"ExecuteOnRanks.*to be answered"):
        master.arrive(command("2"))


def test_next_command_does_not_begin_before_the_last_has_ended() -> None:
    master = Harness().begin(SIMULATION, command("2")).pause(10.0)
    with pytest.raises(IllegalStep):
        master.feed(ev.RanksFree())


def test_phases_that_end_are_followed_by_none() -> None:
    assert {phase for phase, following in ev.FOLLOWING.items() if not following} == {
        Phase.STOPPED,
        Phase.DIVERGED,
    }


# What others see


def test_status_tells_the_command_and_what_waits() -> None:
    master = Harness(queue_limit=LISTED + 5).begin(
        command("1", "Create"), *(command(f"w{number}") for number in range(LISTED + 5))
    )
    status = master.state.activity.status(500.0)
    assert (status.id, status.label, status.since_s) == ("1", "Create", 1500.0)
    assert len(status.queue) == LISTED
    master.answer()
    assert master.state.activity.status(500.0) == Status()


def test_label_that_is_too_long_is_cut() -> None:
    master = Harness().begin(command("1", "x" * 300))
    assert len(master.state.activity.status(0.0).label) == 200


def test_label_of_what_is_no_call_is_its_action() -> None:
    queued = QueuedCommand(Command("1", Operation(Action.DESCRIBE)))
    assert (queued.label, queued.call) == ("describe", "describe")
    assert (QueuedCommand(batch("b")).label, QueuedCommand(script("s")).call) == ("batch", None)


def test_status_is_written_again_from_time_to_time() -> None:
    master = Harness().begin(command("1")).answer()
    before = len(master.of(ins.WriteStatus))
    assert len(master.feed(ev.Tick()).of(ins.WriteStatus)) == before
    master.now_s += REFRESH_S
    assert len(master.feed(ev.Tick()).of(ins.WriteStatus)) == before + 1


def test_answer_is_sent_before_the_status_is_written() -> None:
    master = Harness().begin(command("1"))
    master.done.clear()
    master.answer()
    assert [type(it) for it in master.done] == [ins.SendReply, ins.Publish, ins.WriteStatus]
