"""Results of the libraries' tests, and ``docs/libraries.md`` made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.conformance.outcomes import Outcome
from tests.acceptance.conformance.results import Miss, Tests
from tests.acceptance.libraries.projects import PROJECTS, reason

#: Number of ranks: the part of the tests that has to pass.
WANTED = {1: 0.98, 2: 0.95}
UNKNOWN = "not yet looked at"

_HEAD = """\
# Libraries

Tests of libraries that use NEST, run by plain PyNEST on one process, and again with the look-alike
in place of `nest` (`nest_remote.install_as_nest`), connected to a server on one rank and on two.
Tests that pass plain are asked for. A test has two minutes. This page is made by
`scripts/libraries`, which installs the libraries and fetches their source distributions; the
results are in `libraries.json` beside it.

| library | pass plain | one rank | two ranks |
|---|---|---|---|"""


@dataclass
class LibraryResult:
    """What became of the tests of a library."""

    version: str
    plain: int = 0
    #: Number of ranks: how many of those that pass plain pass there.
    passed: dict[str, int] = field(default_factory=dict)
    misses: dict[str, list[Miss]] = field(default_factory=dict)

    def add(self, ranks: int, wanted: Mapping[str, Outcome], found: Mapping[str, Outcome]) -> None:
        """Take over outcomes, plain and with the look-alike."""
        compared = Tests()
        compared.add(wanted, found)
        self.plain = sum(asked for _, asked in compared.files.values())
        self.passed[str(ranks)] = sum(passed for passed, _ in compared.files.values())
        self.misses[str(ranks)] = compared.misses


def read(file: Path) -> dict[str, LibraryResult]:
    """Return the results of earlier runs, by library."""
    if not file.exists():
        return {}
    return {name: _read(row) for name, row in json.loads(file.read_text(encoding="utf-8")).items()}


def _read(row: dict[str, Any]) -> LibraryResult:
    misses = {ranks: [Miss(**miss) for miss in each] for ranks, each in row.pop("misses").items()}
    return LibraryResult(**row, misses=misses)


def write(file: Path, results: Mapping[str, LibraryResult]) -> None:
    """Save results and the page that is made of them."""
    text = json.dumps({name: asdict(row) for name, row in results.items()}, indent=1)
    file.write_text(text + "\n", encoding="utf-8")
    file.with_suffix(".md").write_text("\n".join(_page(results)) + "\n", encoding="utf-8")


def shortfalls(results: Mapping[str, LibraryResult]) -> list[str]:
    """Return a line for each library of which too little passes."""
    return [
        f"{name} on {ranks} rank(s): {row.passed[str(ranks)]} of {row.plain}, {wanted:.0%} have to"
        for name, row in results.items()
        for ranks, wanted in WANTED.items()
        if row.passed.get(str(ranks), row.plain) < wanted * row.plain
    ]


def _page(results: Mapping[str, LibraryResult]) -> Iterable[str]:
    yield _HEAD
    known = [project.name for project in PROJECTS if project.name in results]
    for name in known:
        row = results[name]
        cells = [_share(row, str(ranks)) for ranks in WANTED]
        yield f"| {name} {row.version} | {row.plain} | {' | '.join(cells)} |"
    if not any(miss for name in known for miss in results[name].misses.values()):
        return
    yield "\n## Misses\n\n| library | ranks | test | what happens | why |\n|---|---|---|---|---|"
    for name in known:
        for ranks, misses in sorted(results[name].misses.items()):
            for miss in misses:
                said = " ".join((miss.said or miss.cause).split()).replace("|", "\\|")
                why = reason(name, miss.test) or UNKNOWN
                yield f"| {name} | {ranks} | `{miss.test}` | {said} | {why} |"


def _share(row: LibraryResult, ranks: str) -> str:
    if ranks not in row.passed or not row.plain:
        return ""
    return f"{row.passed[ranks]} of {row.plain} ({row.passed[ranks] / row.plain:.1%})"
