"""Every command's end is told, whatever the command was; of quick calls many are told as one."""

from __future__ import annotations

import pytest

from nestd.master import events as ev
from nestd.master.activity import QUICK_S, REFRESH_S
from protocol.errors import ArgumentError, NestdError
from protocol.wire.messages import Batch, Command, Failure, Result
from tests.unit.master.harness import GENERATION, Harness, batch, command, script


@pytest.mark.parametrize(
    ("task", "took_s", "error", "states"),
    [
        (command("1", "Connect"), 5.0, None, ["running", "done"]),
        (command("1", "Simulate"), 0.001, None, ["done"]),
        (command("1", "Connect"), 0.001, ArgumentError("no"), ["running", "failed"]),
        (batch("1", "Create"), 2 * QUICK_S, None, ["running", "done"]),
    ],
)
def test_end_of_a_call_is_told(
    task: Command | Batch, took_s: float, error: NestdError | None, states: list[str]
) -> None:
    master = Harness().begin(task)
    master.now_s += took_s
    master.answer(error=error)
    assert [facts["state"] for facts in master.published("state")] == states
    end = master.published("state")[-1]
    assert end["took_s"] == pytest.approx(took_s)
    assert end.get("message") == (None if error is None else error.message)


def test_end_of_a_script_that_printed_nothing_is_told() -> None:
    master = Harness().begin(script("1")).cancel("1").feed(ev.ScriptInterrupted(was_running=True))
    answer = Failure("1", GENERATION, ArgumentError("ended"))
    master.feed(ev.ScriptEnded(answer))
    assert [facts["state"] for facts in master.published("state")] == ["running", "cancelled"]


def test_end_of_what_a_kernel_takes_along_is_told() -> None:
    master = Harness().begin(command("1", "Simulate"), command("2"), script("3"))
    master.feed(ev.StopAsked())
    ends = [(facts["job"], facts["state"]) for facts in master.published("state")]
    assert ends == [("1", "failed"), ("2", "failed"), ("3", "failed")]


def test_command_that_was_cancelled_before_it_came_is_told_of() -> None:
    master = Harness().cancel("1").begin(command("1"))
    assert [facts["state"] for facts in master.published("state")] == ["cancelled"]


def test_quick_calls_have_few_events_and_all_are_counted() -> None:
    master, calls = Harness(), 1000
    for number in range(calls):
        master.begin(command(str(number), "GetStatus"))
        master.now_s += 0.001
        master.answer()
    single = len(master.published("state"))
    assert 20 <= single <= 45
    master.now_s += REFRESH_S
    master.feed(ev.Tick())
    counted = sum(facts["count"] for facts in master.published("calls"))
    assert single + counted == calls
    assert isinstance(master.replies["999"], Result)
