"""pytest plugin that writes what became of each test as lines of JSON, and reads them.

``pytest -p tests.acceptance.conformance.outcomes`` with ``NESTD_CONFORMANCE_OUTCOMES`` naming the
file. With xdist the workers describe what was raised, and the process that they report to writes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

FILE = "NESTD_CONFORMANCE_OUTCOMES"
_PROPERTY = "nestd-raised"
_MOST_CHARACTERS = 600
#: Addresses in ids, which are others in each run.
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")

#: From good to bad; a test is what the worst of its phases was.
_ORDER = ("passed", "xfailed", "xpassed", "skipped", "failed", "error")


@dataclass(frozen=True)
class Outcome:
    """What became of a test."""

    test: str
    #: passed, failed, error (outside the test itself), skipped, xfailed, xpassed
    outcome: str
    duration_s: float = 0.0
    #: Type of what was raised, and its message.
    raised: str = ""
    message: str = ""
    #: The test's line that it came from, the head of the block around that, and the place where
    #: it was raised.
    line: str = ""
    block: str = ""
    where: str = ""

    @property
    def folder(self) -> str:
        """The folder of NEST's tests that it belongs to."""
        return self.test.split("/")[0]


def read(path: Path) -> dict[str, Outcome]:
    """Test: what became of it; the worst of its phases counts."""
    found: dict[str, Outcome] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        outcome = Outcome(**json.loads(line))
        before = found.get(outcome.test)
        if before is None or _ORDER.index(outcome.outcome) > _ORDER.index(before.outcome):
            found[outcome.test] = outcome
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Describe what was raised, where it still is an exception."""
    report = yield
    if call.excinfo is not None:
        report.user_properties.append((_PROPERTY, _described(item, call.excinfo)))
    return report


def _described(item: pytest.Item, raised: pytest.ExceptionInfo[BaseException]) -> dict[str, str]:
    entries = list(raised.traceback)
    own = [entry for entry in entries if Path(str(entry.path)) == item.path]
    last = entries[-1]
    return {
        "raised": raised.type.__name__,
        "message": str(raised.value)[:_MOST_CHARACTERS],
        "line": str(own[-1].statement).strip()[:_MOST_CHARACTERS] if own else "",
        "block": _head_of_block(own[-1]) if own else "",
        "where": f"{Path(str(last.path)).name}:{last.lineno + 1} {last.name}",
    }


def _head_of_block(entry: Any) -> str:
    """The ``with``, ``for``, ``def`` ... that the line stands in."""
    source = entry.frame.code.fullsource
    if source is None:
        return ""
    before = [str(line) for line in source.lines[: entry.lineno + 1]]
    inner = len(before[-1]) - len(before[-1].lstrip())
    for line in reversed(before):
        if line.strip() and len(line) - len(line.lstrip()) < inner:
            return line.strip()
    return ""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write a phase of a test, unless it is one of the preparation that went well."""
    if report.when in ("setup", "teardown") and report.passed:
        return
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    elif report.failed and report.when in ("setup", "teardown"):
        outcome = "error"
    else:
        outcome = report.outcome
    described: dict[str, Any] = dict(report.user_properties).get(_PROPERTY, {})  # type: ignore[assignment]
    if report.failed and not described:
        # A worker that died can't describe it.
        described = {"raised": "Crash", "message": report.longreprtext[-_MOST_CHARACTERS:]}
    _write(Outcome(_same_each_time(report.nodeid), outcome, round(report.duration, 3), **described))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write a file of tests that could not be read."""
    if report.failed:
        message = report.longreprtext[-_MOST_CHARACTERS:]
        _write(Outcome(report.nodeid, "error", 0.0, "CollectionError", message))


def _same_each_time(test: str) -> str:
    return _ADDRESS.sub("0x…", test)


def _write(outcome: Outcome) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
