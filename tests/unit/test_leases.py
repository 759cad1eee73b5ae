"""Leases: who keeps what it holds in the kernel, and until when."""

from __future__ import annotations

from nestd.leases import Leases
from protocol.wire.messages import LeaseNotice

LEASE_S = 100.0
SMALL, LARGE = 1000, 40_000_000


def passed(leases: Leases, from_s: float, until_s: float) -> None:
    """Let time pass as an idle loop notices it."""
    now_s = from_s
    while now_s < until_s:
        now_s += 2.0
        leases.is_due(now_s)


def new() -> Leases:
    leases = Leases(LEASE_S)
    leases.is_due(0.0)
    return leases


def test_large_objects_of_a_client_go_when_nothing_is_heard_of_it() -> None:
    leases = new()
    leases.owner("a", False)
    leases.owner("b", False)
    passed(leases, 0.0, 60.0)
    leases.take_note(LeaseNotice("1", ["b"], []))
    passed(leases, 60.0, 120.0)
    assert leases.take_over() == ["a"]
    assert leases.choose(["a"], {"a": LARGE}) == ["a"]
    passed(leases, 120.0, 200.0)
    assert leases.take_over() == ["b"]


def test_small_objects_stay_a_day_for_a_client_that_sleeps() -> None:
    leases = new()
    leases.owner("asleep", False)
    passed(leases, 0.0, 600.0)
    assert leases.choose(leases.take_over(), {"asleep": SMALL}) == []
    leases.renew("asleep")
    assert leases.take_over() == []
    passed(leases, 600.0, 90_000.0)
    assert leases.choose(leases.take_over(), {"asleep": SMALL}) == ["asleep"]
    assert leases.take_over() == []


def test_many_small_objects_leave_the_oldest_first() -> None:
    leases = new()
    names = [f"c{number}" for number in range(3000)]
    for name in names:
        leases.owner(name, False)
    passed(leases, 0.0, 200.0)
    over = leases.take_over()
    assert over == names
    leaving = leases.choose(over, dict.fromkeys(names, SMALL))
    assert set(leaving) == set(names[: len(leaving)])
    assert 900 < len(names) - len(leaving) < 1100


def test_clients_without_objects_are_forgotten() -> None:
    leases = new()
    leases.renew("a")
    passed(leases, 0.0, 200.0)
    assert leases.choose(leases.take_over(), {}) == []
    assert leases.take_over() == []


def test_time_that_nobody_could_use_does_not_count() -> None:
    leases = new()
    leases.owner("a", False)
    # A call of an hour, or a machine that sleeps.
    leases.is_due(3600.0)
    assert leases.take_over() == []


def test_good_bye_ends_a_lease_at_once_but_not_what_jobs_have_made() -> None:
    leases = new()
    assert [leases.owner("a", is_job) for is_job in (False, True)] == ["a", "a/job"]
    leases.take_note(LeaseNotice("1", [], ["a", "unknown"]))
    assert leases.is_due(1.0)
    assert leases.take_ended() == ["a"]
    assert leases.take_ended() == []
    passed(leases, 1.0, 200.0)
    assert leases.take_over() == ["a/job"]


def test_jobs_keep_what_they_have_made_as_long_as_their_client_lives() -> None:
    leases = new()
    leases.owner("a", True)
    for minute in range(10):
        passed(leases, minute * 60.0, minute * 60.0 + 60.0)
        leases.renew("a")
    assert leases.take_over() == []


def test_requests_without_a_name_share_an_owner_for_a_while() -> None:
    leases = new()
    first = leases.owner("", False)
    assert leases.owner("", True) == first
    passed(leases, 0.0, 61.0)
    assert leases.owner("", False) != first
