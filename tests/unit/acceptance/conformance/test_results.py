"""Results of runs that add up, and the page that is made of them."""

from pathlib import Path
from typing import Any

from tests.acceptance.conformance.outcomes import Outcome
from tests.acceptance.conformance.page import page
from tests.acceptance.conformance.results import Results


def outcomes(**became: str) -> dict[str, Outcome]:
    tests = {f"connect/test_a.py::{name}": outcome for name, outcome in became.items()}
    return {test: Outcome(test, outcome) for test, outcome in tests.items()}


def verdict(passes: bool) -> dict[str, Any]:
    return {
        "failure": "",
        "difference": "" if passes else "printed: 1 of 2 differ",
        "printed": 2,
        "drawn": 0,
        "reordered": False,
        "threads": 1,
        "wall_s": 1.5,
        "passes": passes,
    }


def test_only_tests_that_pass_plain_are_asked_for(tmp_path: Path) -> None:
    results = Results.read(tmp_path / "results.json")
    wanted = outcomes(one="passed", two="passed", three="skipped", four="passed")
    results.add_tests(1, wanted, outcomes(one="passed", two="failed", three="failed"))
    assert results.tests[1].folders() == {"connect": (1, 3)}
    assert [miss.test.split("::")[1] for miss in results.tests[1].misses] == ["four", "two"]


def test_runs_of_some_files_add_to_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results = Results.read(file)
    results.examples = {"long.py": {"outside": "takes 80 s"}}
    results.add_tests(2, outcomes(one="passed", two="passed"), outcomes(one="passed", two="failed"))
    other = {"spatial/test_b.py::one": Outcome("spatial/test_b.py::one", "passed")}
    results.add_tests(2, other, {})
    results.write()
    again = Results.read(file)
    assert again == results
    again.add_tests(2, outcomes(one="passed", two="passed"), outcomes(one="passed", two="passed"))
    assert again.tests[2].folders() == {"connect": (2, 2), "spatial": (0, 1)}
    assert [miss.test for miss in again.tests[2].misses] == ["spatial/test_b.py::one"]


def test_a_test_that_is_lost_in_a_later_run_is_a_miss(tmp_path: Path) -> None:
    results = Results.read(tmp_path / "results.json")
    results.add_tests(1, outcomes(one="passed"), outcomes(one="passed"))
    results.add_tests(1, outcomes(one="passed"), {})
    assert results.tests[1].folders() == {"connect": (0, 1)}


def test_the_page_shows_what_passes_and_what_does_not(tmp_path: Path) -> None:
    results = Results.read(tmp_path / "results.json")
    results.examples = {
        "good.py": {"outside": "", "plain": verdict(True), "served 1": verdict(True)},
        "bad.py": {"outside": "", "plain": verdict(True), "served 1": verdict(False)},
        "long.py": {"outside": "takes 80 s"},
    }
    results.add_tests(1, outcomes(one="passed", two="passed"), outcomes(one="passed"))
    assert results.passing("served 1") == (1, 2)
    text = page(results)
    assert "| through the server, 1 rank | 1 of 2 (50.0%) | 2 |" in text
    assert "| `bad.py` | 1 | printed: 1 of 2 differ | not yet looked at |" in text
    assert "| `long.py` | takes 80 s |" in text
    assert "| connect | 2 | 1 of 2 (50.0%) |" in text
