"""Objects of clients that are gone: when the master has the ranks release them."""

from __future__ import annotations

from dataclasses import replace

from nestd.master import events as ev
from protocol.logging import context
from protocol.logging.context import RequestContext
from protocol.wire.messages import Action, LeaseNotice
from tests.unit.master.harness import CALLER, Harness, command


def of_client(id: str, client: str) -> Harness:
    """Return a master whose client has made something."""
    asked = replace(command(id, references=True), context=RequestContext("r", client=client))
    return Harness().begin(asked).answer(1)


def pass_time(master: Harness, seconds: float) -> Harness:
    """Let an idle master see time pass, until it has something to do."""
    end_s = master.now_s + seconds
    while master.now_s < end_s and master.step is None:
        master.now_s += 2.0
        master.feed(ev.Tick())
    return master


def test_objects_of_a_client_that_says_good_bye_go_at_once() -> None:
    master = of_client("1", "a")
    master.feed(ev.RequestArrived(CALLER, LeaseNotice("bye", [], ["a"])))
    assert master.value("bye") is True
    master.feed(ev.RanksFree())
    assert master.operation.action is Action.RELEASE_OWNERS
    assert master.operation.args[0] == ["a"]
    master.answer()
    assert master.step is None


def test_large_objects_of_a_client_that_was_killed_go_later() -> None:
    master = pass_time(of_client("1", "a"), 200.0)
    assert master.operation.action is Action.RELEASE_OWNERS
    owners, reason, least_bytes = master.operation.args
    assert owners == ["a"] and "nothing was heard" in str(reason) and int(least_bytes) > 0  # type: ignore[call-overload]
    master.answer()
    assert master.operation.action is Action.MEASURE_OWNERS
    # Too many small ones.
    master.answer({"a": 10**8})
    assert master.operation.args == [["a"], reason, 0]
    master.answer()
    assert pass_time(master, 600.0).step is None


def test_objects_of_a_client_that_waits_or_gives_signs_of_life_stay() -> None:
    master = of_client("1", "a")
    for _ in range(10):
        pass_time(master, 60.0)
        assert master.step is None
        master.feed(ev.RequestArrived(CALLER, LeaseNotice(f"{master.now_s}", ["a"], [])))


def test_what_a_request_without_a_client_makes_has_an_owner_of_the_masters() -> None:
    master = Harness().arrive(command("1", references=True)).feed(ev.RanksFree())
    assert context.current_request().client.startswith("~")
    master.answer(1)
    master.begin(command("2"))
    assert context.current_request().client == ""
    master.answer(1)
