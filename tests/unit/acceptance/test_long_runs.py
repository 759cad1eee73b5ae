"""What ``scripts/long-runs`` has found is kept, and told as it was found."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.long_runs.findings import Finding, Findings
from tests.acceptance.long_runs.memory import Memory
from tests.acceptance.long_runs.page import PARTS, page
from tests.acceptance.long_runs.placed import ROOT


def test_newest_of_each_case_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "results.json"
    findings = Findings(path)
    findings.add([Finding("loop", "by a script", 1, "slow", False)])
    findings.add([Finding("loop", "by a script", 2, "as well", True)])
    findings.keep()
    again = Findings(path)
    again.add([Finding("loop", "by a script", 1, "quick", True)])
    again.keep()
    assert {(one.ranks, one.found, one.holds) for one in Findings(path)} == {
        (1, "quick", True),
        (2, "as well", True),
    }


def test_page_tells_what_does_not_hold() -> None:
    findings = Findings(None)
    findings.add([Finding("queued", "plain", 2, "199 jobs | one lost", False, "today")])
    findings.add([Finding("queued", "plain", 1, "200 jobs", True, "today")])
    said = page(findings)
    rows = [line for line in said.splitlines() if line.startswith("| plain")]
    assert rows == [
        "| plain | 1 | 200 jobs | ✓ | today |",
        "| plain | 2 | 199 jobs \\| one lost | **no** | today |",
    ]
    assert PARTS["queued"][0] in said
    assert PARTS["loop"][0] not in said


def test_page_in_the_documentation_is_the_one_that_is_written() -> None:
    said = (ROOT / "docs" / "long-runs.md").read_text(encoding="utf-8")
    assert said.startswith(page(Findings(None)))
    for title, about in PARTS.values():
        assert f"## {title}\n\n{about}\n" in said


def test_memory_that_grows_shows_and_who_comes_and_goes_does_not() -> None:
    memory = Memory.__new__(Memory)
    memory.looks = [{1: 10.0, 2: 5.0 + number} for number in range(100)]
    memory.looks[50][3] = 1000.0
    early_mib, more_mib = memory.growth()
    assert early_mib == 10.0 + 5.0 + 14.5
    assert more_mib == 80.0
