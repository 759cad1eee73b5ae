"""Spikes of watched recorders: each is published once, and before a call takes it away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nestd.master import events as ev
from nestd.master import instructions as ins
from nestd.master.activity import REFRESH_S
from nestd.master.live_spikes import WATCHED_S
from nestd.partial.slices import NewEvents
from protocol.errors import ArgumentError
from protocol.wire.messages import Action, Watch
from protocol.wire.values import Text
from tests.unit.master.harness import CALLER, Harness, command

SIMULATION = command("sim", "Simulate", 100.0)


def watch(master: Harness, *recorders: int, anew: bool = False) -> Harness:
    """Have a gateway watch recorders."""
    return master.feed(ev.RequestArrived(CALLER, Watch("w", list(recorders), anew)))


def gained(times: list[float], *, known: int) -> Any:
    """Return a rank's answer about what a recorder has gained."""
    columns = {"times": np.array(times), "senders": np.ones(len(times), np.int64)}
    return NewEvents(columns, [known])


def test_spikes_are_published_between_slices_from_where_they_were_known() -> None:
    master = watch(Harness().begin(SIMULATION).pause(10.0), 7).resume()
    assert master.value("w") is True
    assert (master.operation.action, master.operation.args) == (Action.READ_NEW_EVENTS, [7, []])
    master.answer(gained([1.0, 2.0], known=2))
    assert master.operation.action is Action.RESUME
    master.now_s += 1.0
    master.pause(20.0).resume()
    assert master.operation.args == [7, [[2]]]
    master.answer(gained([3.0], known=3)).answer()
    published = master.published("spikes")
    assert [list(facts["times"]) for facts in published] == [[1.0, 2.0], [3.0]]
    assert [facts["after_ms"] for facts in published] == [None, 2.0]


def test_reading_takes_a_small_part_of_the_time() -> None:
    master = watch(Harness().begin(SIMULATION).pause(10.0), 7).resume()
    master.now_s += 1.0
    master.answer(gained([], known=0))
    assert not master.published("spikes")
    master.now_s += 10.0
    master.pause(20.0).resume()
    assert master.operation.action is Action.RESUME
    # The loop waits no longer for messages than until the next reading.
    assert master.state.wait_s(master.now_s) == REFRESH_S
    master.answer()
    assert master.value("sim") is None


def test_what_is_due_is_published_while_nothing_else_happens() -> None:
    master = watch(Harness(), 7)
    assert master.state.wait_s(master.now_s) == 0.0
    master.feed(ev.Tick())
    assert master.operation.args == [7, []]
    master.answer(error=ArgumentError("no recorder"))
    assert master.published("spikes") == [{"recorder": 7, "problem": "no recorder"}]
    assert master.state.wait_s(master.now_s) == REFRESH_S


def test_recorder_without_watchers_is_forgotten() -> None:
    master = watch(Harness(), 7).feed(ev.Tick()).answer(gained([1.0], known=1))
    master.now_s += WATCHED_S + 1.0
    watch(master, 8).feed(ev.Tick())
    assert master.operation.args == [8, []]
    master.answer(gained([], known=0))
    master.now_s += 1.0
    master.done.clear()
    watch(master, 7).feed(ev.Tick())
    assert master.operation.args == [8, [[0]]]
    master.answer(gained([], known=0))
    assert master.operation.args == [7, []]


def test_watcher_who_begins_anew_is_sent_everything() -> None:
    master = watch(Harness(), 7).feed(ev.Tick()).answer(gained([1.0], known=1))
    master.now_s += 1.0
    master.done.clear()
    watch(master, 7, anew=True).feed(ev.Tick())
    assert master.operation.args == [7, []]


def test_reset_is_published_after_what_it_takes_away() -> None:
    master = watch(Harness(), 7).begin(command("r", "ResetKernel"))
    master.answer(gained([1.0], known=1))
    assert master.operation.call == "ResetKernel"
    master.answer()
    assert master.value("r") is None
    first, reset = master.published("spikes")
    assert list(first["times"]) == [1.0]
    assert reset == {"recorder": 7, "reset": True}


@pytest.mark.parametrize(
    "params",
    [
        {"n_events": 0},
        [{"record_to": "ascii"}],
        ("n_events",),
        Text(("record_to",)),
        {"x": "n_events"},
    ],
)
def test_events_are_read_before_and_after_a_call_that_takes_them_away(params: Any) -> None:
    master = watch(Harness(), 7).begin(command("1", "SetStatus", [7], params))
    master.answer(gained([1.0], known=1))
    assert master.operation.call == "SetStatus"
    master.answer()
    assert master.operation.args == [7, [[1]]]
    master.answer(gained([], known=0))
    assert master.value("1") is None


@pytest.mark.parametrize(
    ("call", "params"), [("SetStatus", {"V_m": 1.0}), ("GetStatus", "n_events")]
)
def test_other_calls_read_no_events(call: str, params: Any) -> None:
    master = watch(Harness(), 7).begin(command("1", call, [7], params))
    assert master.operation.call == call


def test_failing_reading_leaves_the_simulation_alone() -> None:
    master = watch(Harness().begin(SIMULATION).pause(10.0), 7).resume()
    master.answer(error=ArgumentError("no")).answer()
    assert master.value("sim") is None
    assert len(master.of(ins.Publish)) >= 2
