"""The table of faults, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.faults.page import BEGIN, END, Row, merged, read, table, with_table, write
from tests.acceptance.faults.trials import TRIALS

ORDER = ["a wrong call", "a dead rank"]


def row(
    what: str, ranks: int = 1, answer: str = "503 KernelLost: it ended", holds: bool = True
) -> Row:
    return Row(what, ranks, answer, 0.25, 1.5, holds)


def test_newest_of_each_fault_counts_and_they_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    write(path, merged(read(path), [row("a dead rank", 2), row("a wrong call")], ORDER))
    newer = row("a dead rank", 2, "503 KernelLost: signal 9")
    gone = row("a fault that is tried no more")
    found = merged(read(path), [newer, gone], ORDER)
    assert [(one.what, one.answer) for one in found] == [
        ("a wrong call", "503 KernelLost: it ended"),
        ("a dead rank", "503 KernelLost: signal 9"),
    ]


def test_table_shows_what_is_not_as_promised() -> None:
    said = table([row("a wrong call"), row("a dead rank", 4, "200 | fine", holds=False)])
    assert "| a wrong call | 1 | 503 KernelLost: it ended | 0.25 s | 1.50 s |" in said
    assert "| a dead rank | 4 | **not as promised:** 200 \\| fine |" in said


def test_rest_of_the_page_stays() -> None:
    page = f"before\n{BEGIN}\nBEFORE THIS\n{END}\nafter\n"
    made = with_table(page, [row("a dead rank")])
    assert made.startswith(f"before\n{BEGIN}\n| fault")
    assert made.endswith(f"|\n{END}\nafter\n")
    assert "BEFORE THIS" not in made
    assert with_table(made, [row("a dead rank")]) == made
    with pytest.raises(ValueError, match="begin"):
        with_table("no place", [])


def test_each_fault_has_a_name_of_its_own() -> None:
    names = [trial.what for trial in TRIALS]
    assert len(set(names)) == len(names)
