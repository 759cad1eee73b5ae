"""Results of all runs so far, in one JSON file that each run adds to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.conformance.causes import cause
from tests.acceptance.conformance.known import example_reason
from tests.acceptance.conformance.outcomes import Outcome

#: Number of ranks: the part of the examples that has to pass.
WANTED = {1: 0.95, 2: 0.90}
#: That are kept of what a test raised.
_MOST_CHARACTERS = 160


@dataclass(frozen=True)
class Miss:
    """A test that passes by plain PyNEST, and not with the look-alike."""

    test: str
    cause: str
    #: What was raised; empty if nothing was, or the test was not run.
    said: str = ""


@dataclass
class Tests:
    """NEST's tests on one number of ranks."""

    #: File: how many tests pass with the look-alike, and how many do by plain PyNEST.
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    misses: list[Miss] = field(default_factory=list)

    def folders(self) -> dict[str, tuple[int, int]]:
        """Count, for each folder of tests, those that passed and those that were run."""
        rows: dict[str, tuple[int, int]] = {}
        for file, (passed, asked) in sorted(self.files.items()):
            folder = file.split("/")[0]
            passes, of = rows.get(folder, (0, 0))
            rows[folder] = (passes + passed, of + asked)
        return rows

    def add(self, wanted: Mapping[str, Outcome], found: Mapping[str, Outcome]) -> None:
        """Take over what whole files of tests gave, plain and with the look-alike; those that
        were not run this time stay."""
        asked: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        ran = {_file(test) for test in wanted}
        self.misses = [miss for miss in self.misses if _file(miss.test) not in ran]
        for test, outcome in sorted(wanted.items()):
            if outcome.outcome != "passed":
                continue
            asked[_file(test)] += 1
            became = found.get(test)
            if became is None or became.outcome != "passed":
                missed[_file(test)] += 1
                self.misses.append(Miss(test, cause(became), _said(became)))
        self.misses.sort(key=lambda miss: miss.test)
        self.files |= {file: (of - missed[file], of) for file, of in sorted(asked.items())}


@dataclass
class Results:
    """What is in ``file``."""

    file: Path
    #: Example: what :func:`tests.acceptance.conformance.examples.judged` gives.
    examples: dict[str, dict[str, Any]]
    #: Number of ranks: outcomes there.
    tests: dict[int, Tests]

    @classmethod
    def read(cls, file: Path) -> Results:
        """What earlier runs have found."""
        if not file.exists():
            return cls(file, {}, {})
        found = json.loads(file.read_text(encoding="utf-8"))
        tests = {
            int(ranks): Tests(
                {file: (passed, asked) for file, (passed, asked) in each["files"].items()},
                [Miss(*miss) for miss in each["misses"]],
            )
            for ranks, each in found["tests"].items()
        }
        return cls(file, found["examples"], tests)

    def write(self) -> None:
        """Save, one line for each example, file and miss, so that changes of them can be read."""
        examples = [f"{_text(name)}: {_text(row)}" for name, row in sorted(self.examples.items())]
        tests = [
            f'{_text(str(ranks))}: {{"files": {{\n'
            + ",\n".join(f"{_text(file)}: {_text(row)}" for file, row in sorted(each.files.items()))
            + '\n}, "misses": [\n'
            + ",\n".join(_text([miss.test, miss.cause, miss.said]) for miss in each.misses)
            + "\n]}"
            for ranks, each in sorted(self.tests.items())
        ]
        made = self.file.with_suffix(".new")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(
            '{"examples": {\n'
            + ",\n".join(examples)
            + '\n}, "tests": {\n'
            + ",\n".join(tests)
            + "\n}}\n",
            encoding="utf-8",
        )
        made.rename(self.file)

    def add_tests(
        self,
        ranks: int,
        wanted: Mapping[str, Outcome],
        found: Mapping[str, Outcome],
        all_of_them: bool = False,
    ) -> None:
        """Take over outcomes of whole files of tests, plain and with the look-alike.

        Parameters
        ----------
        ranks : of the servers
        wanted, found : outcomes
        all_of_them : whether there are no other tests, so that nothing of earlier runs stays
        """
        before = Tests() if all_of_them else self.tests.get(ranks, Tests())
        before.add(wanted, found)
        self.tests[ranks] = before

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


def _file(test: str) -> str:
    return test.split("::")[0]


def _said(became: Outcome | None) -> str:
    if became is None or not became.raised:
        return ""
    return f"{became.raised}: {' '.join(became.message.split())[:_MOST_CHARACTERS]}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
