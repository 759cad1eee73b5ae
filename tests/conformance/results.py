"""Results of all runs so far, in one JSON file that each run adds to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.conformance.causes import cause
from tests.conformance.known import example_reason, test_reason
from tests.conformance.outcomes import Outcome

#: Number of ranks: the part of the examples that has to pass.
WANTED = {1: 0.95, 2: 0.90}

Tests = dict[str, Outcome]


@dataclass(frozen=True)
class Miss:
    """A test that passes by plain PyNEST, and not with the look-alike."""

    test: str
    cause: str
    #: What became of it; ``None`` if it was not run.
    became: Outcome | None
    #: Why, if that is known.
    reason: str


@dataclass
class Results:
    """What is in ``file``."""

    file: Path
    #: Example: what :func:`tests.conformance.examples.judged` gives.
    examples: dict[str, dict[str, Any]]
    #: Number of ranks: outcomes by plain PyNEST, and with the look-alike.
    tests: dict[int, tuple[Tests, Tests]]

    @classmethod
    def read(cls, file: Path) -> Results:
        """What earlier runs have found."""
        if not file.exists():
            return cls(file, {}, {})
        found = json.loads(file.read_text(encoding="utf-8"))
        tests = {
            int(ranks): (_loaded(both["plain"]), _loaded(both["look-alike"]))
            for ranks, both in found["tests"].items()
        }
        return cls(file, found["examples"], tests)

    def write(self) -> None:
        """Save."""
        tests = {
            ranks: {"plain": _plain(wanted), "look-alike": _plain(found)}
            for ranks, (wanted, found) in self.tests.items()
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        made = self.file.with_suffix(".new")
        text = json.dumps({"examples": self.examples, "tests": tests}, indent=1)
        made.write_text(text + "\n", encoding="utf-8")
        made.rename(self.file)

    def add_tests(self, ranks: int, wanted: Tests, found: Tests) -> None:
        """Take over outcomes; those of tests that were not run this time stay."""
        before = self.tests.get(ranks, ({}, {}))
        # A test that was wanted this time and not run must not keep an old outcome.
        kept = {test: became for test, became in before[1].items() if test not in wanted}
        self.tests[ranks] = (before[0] | wanted, kept | found)

    def in_the_set(self) -> dict[str, dict[str, Any]]:
        """The examples that are compared."""
        return {name: row for name, row in sorted(self.examples.items()) if not row["outside"]}

    def passing(self, column: str) -> tuple[int, int]:
        """How many examples pass in a column, and how many were run there."""
        rows = [row[column] for row in self.in_the_set().values() if column in row]
        return sum(row["passes"] for row in rows), len(rows)

    def missed_examples(self) -> list[tuple[str, int, dict[str, Any], str]]:
        """Example, number of ranks, verdict, and why, of what doesn't pass through a server."""
        return [
            (name, int(column.split()[1]), verdict, example_reason(name, int(column.split()[1])))
            for name, row in self.in_the_set().items()
            for column, verdict in row.items()
            if column.startswith("served") and not verdict["passes"]
        ]

    def folders(self, ranks: int) -> dict[str, tuple[int, int]]:
        """Folder: how many tests pass with the look-alike, and how many do by plain PyNEST."""
        wanted, found = self.tests[ranks]
        rows: dict[str, tuple[int, int]] = {}
        for test in _asked_for(wanted):
            passes, of = rows.get(wanted[test].folder, (0, 0))
            rows[wanted[test].folder] = (passes + _passes(found, test), of + 1)
        return rows

    def missed_tests(self, ranks: int) -> list[Miss]:
        """Tests that pass plain and not with the look-alike."""
        wanted, found = self.tests[ranks]
        return [
            Miss(test, cause(found.get(test)), found.get(test), test_reason(test, ranks))
            for test in _asked_for(wanted)
            if not _passes(found, test)
        ]


def _asked_for(wanted: Tests) -> list[str]:
    return sorted(test for test, outcome in wanted.items() if outcome.outcome == "passed")


def _passes(found: Mapping[str, Outcome], test: str) -> bool:
    became = found.get(test)
    return became is not None and became.outcome == "passed"


def _plain(tests: Tests) -> list[dict[str, Any]]:
    """Without what is empty."""
    return [{key: value for key, value in asdict(each).items() if value} for each in tests.values()]


def _loaded(tests: list[dict[str, Any]]) -> Tests:
    return {each["test"]: Outcome(**each) for each in tests}
