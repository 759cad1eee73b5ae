"""How many cores a rank has for itself, and how its threads wait then."""

from __future__ import annotations

import os

import pytest

from nestd.ranks.cores import (
    GIVE_WAY,
    VARIABLES,
    Cores,
    let_ranks_give_way,
    let_threads_sleep,
    share,
)


def on(host: str, *numbers: int) -> Cores:
    return Cores(host, numbers)


@pytest.mark.parametrize(
    "own, others, wanted",
    [
        (on("a", 0, 1), [], 2.0),
        (on("a", 0, 1), [on("a", 0, 1)], 1.0),
        (on("a", 0, 1), [on("b", 0, 1)], 2.0),
        (on("a", 0, 1), [on("a", 2, 3)], 2.0),
        (on("a", 0, 1, 2, 3), [on("a", 2, 3, 4, 5)], 3.0),
        (on("a", 0), [on("a", 0), on("a", 0), on("a", 0)], 0.25),
    ],
)
def test_cores_are_shared_with_the_ranks_of_the_same_host_that_may_use_them(
    own: Cores, others: list[Cores], wanted: float
) -> None:
    assert share(own, [own, *others]) == pytest.approx(wanted)


def test_what_a_rank_says_of_its_cores_arrives() -> None:
    own = Cores.of_this_process()
    assert own.numbers
    assert Cores.decode(own.encode()) == own


@pytest.fixture
def undecided(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nobody has set how threads and ranks wait."""
    for name in (*VARIABLES, GIVE_WAY):
        # So that it is removed at the end, whoever sets it.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_threads_sleep_where_ranks_share_cores(undecided: pytest.MonkeyPatch) -> None:
    let_threads_sleep(on("a", 0, 1), [on("a", 0, 1), on("a", 0, 1)])
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_threads_spin_where_there_are_cores_for_them(undecided: pytest.MonkeyPatch) -> None:
    let_threads_sleep(on("a", 0, 1), [on("a", 0, 1), on("a", 2, 3)])
    assert "OMP_WAIT_POLICY" not in os.environ


@pytest.mark.parametrize("name", VARIABLES)
def test_what_a_user_has_set_stays(undecided: pytest.MonkeyPatch, name: str) -> None:
    undecided.setenv(name, "active")
    let_threads_sleep(on("a", 0), [on("a", 0), on("a", 0)])
    assert [(each, os.environ.get(each)) for each in VARIABLES if each in os.environ] == [
        (name, "active")
    ]


@pytest.mark.parametrize(("ranks", "wanted"), [("1", None), ("2", "1"), ("3", "1"), ("", None)])
def test_ranks_give_way_where_they_leave_no_core_to_others(
    undecided: pytest.MonkeyPatch, ranks: str, wanted: str | None
) -> None:
    undecided.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    undecided.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", ranks)
    let_ranks_give_way()
    assert os.environ.get(GIVE_WAY) == wanted


def test_ranks_wait_as_a_user_has_said(undecided: pytest.MonkeyPatch) -> None:
    undecided.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    undecided.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2")
    undecided.setenv(GIVE_WAY, "0")
    let_ranks_give_way()
    assert os.environ[GIVE_WAY] == "0"
