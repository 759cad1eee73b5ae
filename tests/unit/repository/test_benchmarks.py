"""What is made of measurements: ratios, targets, exponents, the page. Nothing here is timed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks import cases, growth, page, plots
from benchmarks.rows import FLOOR, PEER, THIS, CaseResult, Row, Target
from benchmarks.store import Store


def row(target: Target | None = None, **rounds: list[float]) -> Row:
    return Row("a call p50", "ms", target, to_show="a call", rounds=dict(rounds))


def test_a_ratio_is_of_rounds_that_were_measured_in_turns() -> None:
    # What else the machine did in the second round met both.
    found = row(this=[1.0, 10.0, 1.0])
    found.rounds[PEER] = [2.0, 20.0, 4.0]
    assert found.ratio(PEER) == 0.5


@pytest.mark.parametrize(
    ("target", "measured", "met"),
    [
        (Target("ratio", 0.4), 0.5, False),
        (Target("times", 0.4), 0.5, True),
        (Target("above", 0.6, FLOOR), 0.5, True),
        (Target("value", 0.9), 1.0, False),
    ],
)
def test_a_target_is_met_or_missed(target: Target, measured: float, met: bool) -> None:
    found = row(target, this=[1.0])
    found.rounds |= {PEER: [2.0], FLOOR: [0.5]}
    assert (target.measured(found), target.met(found)) == (measured, met)


def test_a_target_of_what_was_not_measured_is_neither_met_nor_missed() -> None:
    target = Target("ratio", 0.4)
    assert target.met(row(target, this=[1.0])) is None


def test_exponents_of_a_power_law_are_found() -> None:
    case = CaseResult("spikes", "Spikes out")
    for size in (10, 100, 1000):
        for ranks in (1, 2, 4):
            one = Row("", "ms", series="a", size=size, ranks=ranks)
            one.add(THIS, 3.0 * size**0.5 * ranks**1.5)
            case.rows.append(one)
    (found,) = growth.series([case])
    assert (found.by_size, found.by_ranks) == pytest.approx((0.5, 1.5))


def test_the_page_is_made_of_what_was_kept_and_says_what_is_missing(tmp_path: Path) -> None:
    store = Store(tmp_path / "performance.json", next_peer="3.0.0b9")
    kept = row(Target("ratio", 0.4), this=[1.0])
    kept.rounds[PEER] = [4.0]
    kept.missing["next"] = "it does not start"
    store.cases = {
        "small_calls": CaseResult("small_calls", "Small calls", [kept]),
        "clients": CaseResult("clients", "Many clients", failed="there is no wrk"),
    }
    store.save()
    again = Store.at(store.path)
    assert again.cases == store.cases
    drawn = [path.name for path in plots.draw(again, tmp_path)]
    assert drawn == ["performance-calls.svg"]
    text = page.render(again, drawn)
    assert "](performance-calls.svg)" in text
    assert "](performance-spikes.svg)" not in text
    assert "| a call | ≤ 0.4 | 0.25 | met |" in text
    assert "- Not measured, Many clients: there is no wrk" in text
    assert "- Not measured, Small calls: a call p50, next: it does not start" in text
    assert "{{" not in text
    page.write_table(again, tmp_path / "performance.csv")
    with (tmp_path / "performance.csv").open(newline="") as file:
        (only,) = csv.DictReader(file)
    assert (only["what"], only["this median"], only["this / 3.10"]) == ("a call p50", "1", "0.25")


def test_every_case_says_what_it_is() -> None:
    for name in cases.NAMES:
        module = cases.module(name)
        assert module.TITLE
        assert module.__doc__
        assert callable(module.run)
