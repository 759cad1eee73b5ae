"""State machine of a script, tested by lists of events: no process, no socket, no clock."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.scripts.script_output import ScriptOutput
from nestd.scripts.script_process import (
    TRANSITIONS,
    AnswerArrived,
    EndAsked,
    EndProcess,
    ExecuteOperation,
    ForkServerLost,
    OperationAsked,
    ProcessEnded,
    ProcessNamed,
    ScriptEvent,
    ScriptInstruction,
    ScriptProcess,
    ScriptState,
    SocketClosed,
    TimePassed,
)
from nestd.scripts.settings import MIB, ScriptSettings
from protocol.errors import InternalError, KernelLost, ScriptError
from protocol.wire.messages import Action, Answered, Command, Failure, Operation, Result, Script

PID = 77
ASK = OperationAsked(Command("", Operation(Action.CALL_JSON, "ResetKernel")))
EXECUTE = ExecuteOperation(ASK.command)
ANSWER = AnswerArrived(Result("whatever", "", {"data": 42}))
OWN_FAILURE = AnswerArrived(Failure("whatever", "", ScriptError("NameError at line 1: x")))
END = EndAsked("somebody wants its end")
LATE, EARLY = TimePassed(105.0), TimePassed(104.9)
READ, UNREAD = SocketClosed(unread=False), SocketClosed(unread=True)
KILL, LOCATE = EndProcess(PID, locate=False), EndProcess(PID, locate=True)
LOST = ForkServerLost()
KILLED = signal.SIGKILL


def ended(status: int = 0, line: int | None = None, begun: bool = True, why: Any = None) -> Any:
    return ProcessEnded(status, line, begun, why)


def make(pid: int | None = PID, wall_s: int | None = None) -> ScriptProcess:
    return ScriptProcess(Script("id", "source"), ScriptSettings(wall_s=wall_s), pid, 100.0)


def after(*events: ScriptEvent, wall_s: int | None = None) -> ScriptProcess:
    """The script after these events."""
    made = make(wall_s=wall_s)
    for event in events:
        made.on_event(event)
    return made


def message(script: ScriptProcess) -> str:
    answer = script.answer()
    assert isinstance(answer, Failure)
    return answer.error.message


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "STARTING"),
        ([ASK], "RUNNING"),
        ([END], "ENDING"),
        ([ASK, END], "ENDING"),
        ([UNREAD], "UNREAD"),
        ([READ], "SILENT"),
        ([ASK, UNREAD], "CLOSED"),
        ([END, UNREAD], "CLOSED"),
        ([UNREAD, END], "CLOSED"),
        ([READ, END], "CLOSED"),
        ([ANSWER], "ANSWERED"),
        ([ASK, ANSWER], "ANSWERED"),
        # The process was quicker than its end.
        ([END, ANSWER], "ANSWERED"),
        # Nothing is read of a socket that is closed.
        ([READ, ANSWER], "SILENT"),
        ([ended(begun=False)], "UNTOUCHED"),
        ([UNREAD, ended(begun=False)], "UNTOUCHED"),
        ([READ, ended(begun=False)], "UNTOUCHED"),
        # What has asked for operations has begun, whatever its process says.
        ([ASK, ended(begun=False)], "ENDED"),
        ([ASK, READ, ended(begun=False)], "ENDED"),
        ([ended()], "ENDED"),
        ([READ, ended()], "ENDED"),
        # No other process is given what is not wanted any more.
        ([END, ended(begun=False)], "ENDED"),
        ([UNREAD, END, ended(begun=False)], "ENDED"),
        ([UNREAD, LOST], "UNTOUCHED"),
        ([READ, LOST], "ENDED"),
        ([LOST], "ENDED"),
        ([ASK, UNREAD, LOST], "ENDED"),
        ([UNREAD, END, LOST], "ENDED"),
    ],
)
def test_events_lead_to_a_state(events: list[ScriptEvent], state: str) -> None:
    script = after(*events)
    assert script.state is ScriptState[state]
    assert script.is_over is (not TRANSITIONS[script.state])


@pytest.mark.parametrize(
    ("before", "event", "instruction"),
    [
        ([], ASK, EXECUTE),
        ([ASK], ASK, EXECUTE),
        ([END], ASK, None),
        ([], END, LOCATE),
        ([END], END, None),
        # The process may live on without its socket.
        ([], READ, KILL),
        ([READ], READ, None),
        ([READ], END, LOCATE),
        ([], ANSWER, None),
        ([ANSWER], END, None),
        ([ANSWER], ASK, None),
    ],
)
def test_events_lead_to_an_instruction(
    before: list[ScriptEvent], event: ScriptEvent, instruction: ScriptInstruction | None
) -> None:
    assert after(*before).on_event(event) == instruction


@pytest.mark.parametrize(
    ("before", "instruction"), [([], None), ([ASK], None), ([END], LOCATE), ([READ], KILL)]
)
def test_process_whose_id_was_not_known_is_ended_when_it_is(
    before: list[ScriptEvent], instruction: ScriptInstruction | None
) -> None:
    script = make(pid=None)
    for event in before:
        assert script.on_event(event) in (None, EXECUTE)
    assert script.on_event(ProcessNamed(PID)) == instruction
    # From then on it is known.
    script = make(pid=None)
    script.on_event(ProcessNamed(PID))
    assert script.on_event(END) == LOCATE


def test_script_that_takes_too_long_is_ended_once_and_says_so() -> None:
    script = after(EARLY, wall_s=5)
    assert (script.due_s, script.ending) == (105.0, None)
    assert script.on_event(LATE) == LOCATE
    assert script.on_event(LATE) is None
    # There is nothing to wait for any more but its process.
    assert script.due_s is None
    assert script.ending == "it took longer than its limit of 5 s"
    script.on_event(ended(KILLED, line=3))
    assert message(script) == (
        "the script was ended at line 3: it took longer than its limit of 5 s"
    )


def test_script_without_a_time_limit_is_never_late() -> None:
    script = make()
    assert script.due_s is None
    assert script.on_event(TimePassed(1e9)) is None


def test_answers_are_sent_while_a_script_runs_and_not_while_it_is_ended() -> None:
    assert after(ASK).takes_answers
    assert not after(ASK, END).takes_answers
    assert not after(ASK, READ).takes_answers
    assert not after(ASK, ANSWER).takes_answers


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], None),
        ([ASK], None),
        ([END], END.reason),
        ([END, EndAsked("another reason")], END.reason),
        ([ended()], "the script was ended"),
        ([END, ended()], END.reason),
    ],
)
def test_simulations_hear_why_their_script_is_ending(
    events: list[ScriptEvent], reason: str | None
) -> None:
    assert after(*events).ending == reason


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([ended(3 << 8)], "the script was ended: it ended with exit code 3"),
        ([ended(3 << 8, 4)], "the script was ended at line 4: it ended with exit code 3"),
        ([ended(KILLED)], "the script was ended: it ended with signal 9 (SIGKILL), perhaps"),
        ([ended(KILLED, why="it had 9 processes")], "the script was ended: it had 9 processes"),
        ([END, ended(KILLED, 2)], f"the script was ended at line 2: {END.reason}"),
        ([END, ended(KILLED, why="it had 9 processes")], "the script was ended: it had 9 proc"),
        ([LOST], "the script was ended: its process was lost"),
        ([END, LOST], "the script was ended: its process was lost"),
        ([OWN_FAILURE], "NameError at line 1: x"),
        # A child may send whatever it likes.
        ([AnswerArrived(Result("id", "", [1]))], "a script's process answered without a result"),
        ([AnswerArrived(Answered(1))], "a script's process answered without a result"),
        (
            [AnswerArrived(Failure("id", "", KernelLost("it is gone")))],
            "a script's process answered with a foreign error",
        ),
    ],
)
def test_failure_says_what_has_happened(events: list[ScriptEvent], text: str) -> None:
    script = after(*events)
    assert message(script).startswith(text)
    assert script.answer().id == "id"


def test_name_of_an_ended_scripts_error_and_its_line_are_fields() -> None:
    answer = after(ended(0, 4)).answer()
    assert isinstance(answer, Failure)
    assert (answer.error.error_name, answer.error.line) == ("ScriptEnded", 4)


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ({"data": 42}, {"data": 42}),
        ({}, {}),
        ({"data": None}, {"data": None}),
        # Nothing but the value is the process's to say.
        ({"data": 1, "stdout": "made up", "more": 2}, {"data": 1}),
    ],
)
def test_result_is_the_scripts_value_and_nothing_else(
    sent: dict[str, Any], value: dict[str, Any]
) -> None:
    script = after(AnswerArrived(Result("another", "g", sent)))
    assert script.answer() == Result("id", "", value)


@pytest.mark.parametrize("events", [[ANSWER], [OWN_FAILURE], [END, ended()], [LOST]])
def test_output_is_in_every_answer(events: list[ScriptEvent]) -> None:
    script = after(*events)
    script.output.add(b"caf\xc3\xa9 \xff")
    answer = script.answer()
    found = answer.value["stdout"] if isinstance(answer, Result) else answer.error.output
    assert found == "café �"


def test_output_beyond_the_limit_is_cut_off_and_said_to_be() -> None:
    output = ScriptOutput(2 * MIB)
    assert output.add(b"a" * MIB)
    assert output.take_new() == b"a" * MIB
    assert not output.add(b"b" * (MIB + 1))
    assert not output.add(b"c")
    assert output.take_new() == b"b" * MIB
    assert output.take_new() == b""
    assert output.text().endswith("b\n… cut off after 2 MiB\n")
    assert "c" not in output.text().partition("\n")[0]


EVENTS = st.one_of(
    st.sampled_from([ASK, ANSWER, OWN_FAILURE, END, LATE, EARLY, READ, UNREAD, LOST]),
    st.just(ProcessNamed(PID)),
    st.builds(ended, st.sampled_from([0, 1 << 8, KILLED]), st.none(), st.booleans()),
)


@given(st.lists(EVENTS, max_size=12), st.sampled_from([None, PID]))
def test_whatever_happens_a_script_is_over_once_with_one_answer(
    events: list[ScriptEvent], pid: int | None
) -> None:
    script = make(pid, wall_s=5)
    executed, wanted, states = 0, False, [script.state]
    for event in events:
        was_over, was_ending = script.is_over, script.ending is not None
        instruction = script.on_event(event)
        if script.state is not states[-1]:
            assert script.state in TRANSITIONS[states[-1]]
            states.append(script.state)
        executed += instruction == EXECUTE
        wanted = wanted or (not was_over and script.ending is not None and not script.is_over)
        # A script that is over or is being ended has nothing executed.
        assert not (was_ending and instruction == EXECUTE)
        assert not (was_over and instruction)
        # No process is ended whose id is not known.
        if pid is None and ProcessNamed(PID) not in events:
            assert instruction in (None, EXECUTE)
        assert script.takes_answers <= script.listens
    if script.is_over:
        assert script.answer().id == "id"
        assert script.ending
    # A script goes to another process only if it can't have had any effect, and is still wanted.
    if script.state is ScriptState.UNTOUCHED:
        assert not executed
        assert not wanted
    # The end of its process ends every script.
    script.on_event(ended())
    assert script.is_over
    assert script.answer() == script.answer()


@given(st.lists(EVENTS, max_size=8), EVENTS)
def test_what_is_over_stays_as_it_is(events: list[ScriptEvent], later: ScriptEvent) -> None:
    script = after(*events, LOST)
    state, answer = script.state, script.answer()
    assert script.on_event(later) is None
    assert (script.state, script.answer()) == (state, answer)


def test_step_that_the_table_does_not_have_is_a_fault() -> None:
    with pytest.raises(AssertionError, match=r"ANSWERED to .*RUNNING"):
        after(ANSWER)._move(ScriptState.RUNNING)


def test_foreign_errors_are_internal() -> None:
    answer = after(AnswerArrived(Failure("id", "", KernelLost("it is gone")))).answer()
    assert isinstance(answer, Failure)
    assert type(answer.error) is InternalError
