"""What clients without a gateway have sent ends with their connection."""

from __future__ import annotations

from dataclasses import replace

from nestd.master import events as ev
from nestd.master import instructions as ins
from protocol.errors import Cancelled
from protocol.logging.context import RequestContext
from protocol.wire.messages import Batch, Command, Script
from tests.unit.master.harness import Harness, command, script

DIRECT = RequestContext("r", client="c", direct=True)
CLIENT, GATEWAY = b"client", b"gateway"


def of_client(task: Command | Batch | Script) -> Command | Batch | Script:
    """Return a task that a client sends itself."""
    return replace(task, context=DIRECT)


def test_waiting_commands_of_a_client_that_has_gone_are_not_executed() -> None:
    # Between two slices, when messages are taken in.
    master = Harness().begin(command("0", "Simulate", 100.0)).pause(10.0)
    master.arrive(of_client(command("1")), CLIENT)
    master.arrive(command("2"), GATEWAY)
    master.arrive(of_client(command("3")), b"another")
    master.feed(ev.CallerLeft(CLIENT))
    assert isinstance(master.error("1"), Cancelled)
    assert "its caller has gone" in master.error("1").message
    master.feed(ev.CallerLeft(GATEWAY))
    assert master.replies.keys() == {"1"}


def test_script_of_a_client_that_has_gone_is_ended() -> None:
    master = Harness()
    master.arrive(of_client(script("1")), CLIENT)
    master.feed(ev.RanksFree())
    master.feed(ev.CallerLeft(CLIENT))
    assert isinstance(master.step, ins.InterruptScript)


def test_who_has_nothing_there_leaves_nothing() -> None:
    master = Harness()
    master.feed(ev.CallerLeft(b"nobody"))
    assert (master.step, master.replies) == (None, {})
