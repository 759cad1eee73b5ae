"""``scripts/conformance``: runs NEST's examples and tests, and writes ``docs/conformance.md``."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from tests.acceptance.conformance import testsuite
from tests.acceptance.conformance.examples import judged, prepared
from tests.acceptance.conformance.known import SAMPLE_EXAMPLES, SAMPLE_TESTS, test_reason
from tests.acceptance.conformance.limited import end_marked
from tests.acceptance.conformance.page import page
from tests.acceptance.conformance.places import ROOT, Places
from tests.acceptance.conformance.results import WANTED, Results
from tests.acceptance.conformance.runs import Interrupted

#: In the environment of everything that is started.
_SESSION = "CONFORMANCE_SESSION"
_EXAMPLES_ON = (1, 2, 4)
_TESTS_ON = (1, 2)


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    add = parser.add_argument
    for name in ("wheel", "mpi", "cache"):
        add(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    add("--examples", action="store_true", help="only NEST's examples")
    add("--tests", action="store_true", help="only NEST's tests")
    add("--plain", action="store_true", help="only what plain PyNEST gives, which is kept")
    add("--ranks", help="of the servers, such as 1,2,4 (default: examples 1,2,4, tests 1,2)")
    add("--only", metavar="PATTERN", default="", help="examples and files of tests with PATTERN")
    add("--jobs", type=int, default=2, help="runs at the same time (default: 2)")
    add("--sample", action="store_true", help="a few minutes' sample; fails on unexplained misses")
    add("--json", type=Path, help="file of results, which runs add to (default: the page's)")
    add("--all", action="store_true", help="also examples that are known to be outside the set")
    add("--no-mpirun", action="store_true", help="leave out plain PyNEST on several ranks")
    add("--resume", action="store_true", help="leave out examples that have results there")
    add("--list-misses", action="store_true", help="name what did not pass; runs nothing")
    add("--page", action="store_true", help="write the page from the results; runs nothing")
    return parser.parse_args()


def _run_examples(
    places: Places,
    results: Results,
    names: Sequence[str],
    ranks: Sequence[int],
    options: argparse.Namespace,
) -> None:
    writing = Lock()

    def one(name: str) -> None:
        if options.plain:
            _say(f"{name}: {prepared(places, name, ranks) or 'in the set'}")
            return
        left, known = ranks, results.examples.get(name, {})
        if options.resume:
            left = [number for number in ranks if f"served {number}" not in known]
            if not left:
                return
        try:
            # Once in the set it stays there, also when the machine is slower today.
            row = judged(places, name, left, not options.no_mpirun, in_time="plain" in known)
        except Interrupted as interrupted:
            _say(f"{name}: {interrupted}")
            return
        with writing:
            # What was measured on other numbers of ranks stays.
            results.examples[name] = row if row["outside"] else known | row
            if options.json or not options.sample:
                results.write()
        verdicts = {key: value for key, value in row.items() if isinstance(value, dict)}
        said = [f"{key} {'passes' if v['passes'] else 'MISSES'}" for key, v in verdicts.items()]
        _say(f"{name}: {row['outside'] or ', '.join(said)}")

    pool = ThreadPoolExecutor(options.jobs)
    try:
        list(pool.map(one, names))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _run_tests(
    places: Places,
    results: Results,
    files: Sequence[str],
    ranks: Sequence[int],
    options: argparse.Namespace,
) -> None:
    for number in ranks:
        _say(f"NEST's tests by plain PyNEST, with the NEST that {number} rank(s) have")
        wanted = testsuite.plain(places, number, files, options.jobs)
        if options.plain:
            continue
        _say(f"NEST's tests with the look-alike of servers on {number} rank(s)")
        found = testsuite.with_look_alike(places, number, files, options.jobs)
        results.add_tests(number, wanted, found, all_of_them=not files)
        if options.json or not options.sample:
            results.write()


def _list_misses(results: Results, pattern: str) -> int:
    """Print what did not pass of that pattern; gives how much of it nobody has explained."""
    unexplained = 0
    for name, ranks, verdict, reason in results.missed_examples():
        if pattern not in name:
            continue
        unexplained += not reason
        print(f"{name} [{ranks}]: {verdict['failure'] or verdict['difference']} ({reason or '?'})")
    for ranks, tests in sorted(results.tests.items()):
        for miss in sorted(tests.misses, key=lambda miss: miss.cause):
            if pattern not in miss.test:
                continue
            reason = test_reason(miss.test, ranks, miss.cause)
            unexplained += not reason
            print(f"{miss.test} [{ranks}] {miss.cause}: {miss.said} ({reason or '?'})")
    return unexplained


def _enough(results: Results) -> bool:
    """Whether as much passes as has to."""
    found = True
    for ranks, wanted in WANTED.items():
        passes, of = results.passing(f"served {ranks}")
        _say(f"examples on {ranks} rank(s): {passes} of {of} pass, {wanted:.0%} have to")
        found = found and passes >= wanted * of
    return found


def _run(options: argparse.Namespace, places: Places, results: Results) -> None:
    ranks = [int(number) for number in options.ranks.split(",")] if options.ranks else []
    names = list(SAMPLE_EXAMPLES) if options.sample else places.distribution.examples()
    files = list(SAMPLE_TESTS) if options.sample else []
    if not options.all:
        names = [name for name in names if not results.examples.get(name, {}).get("outside")]
    if options.only:
        names = [name for name in names if options.only in name]
        files = [name for name in files or places.distribution.tests() if options.only in name]
    both = options.examples == options.tests
    if names and (options.examples or both):
        on = ranks or (_TESTS_ON if options.sample else _EXAMPLES_ON)
        _run_examples(places, results, names, on, options)
    # Without any file, all tests are run.
    if (files or not options.only) and (options.tests or both):
        _run_tests(places, results, files, ranks or _TESTS_ON, options)


def main() -> int:
    """Run what the options ask for; gives the exit status."""
    options = _options()
    places = Places(options.wheel.resolve(), options.mpi.resolve(), options.cache.resolve())
    kept = options.json or ROOT / "docs" / "conformance.json"
    results = Results(kept, {}, {}) if options.sample else Results.read(kept)
    if not options.list_misses and not options.page:
        os.environ[_SESSION] = secrets.token_hex(8)
        try:
            _run(options, places, results)
        finally:
            # After Ctrl-C, too.
            end_marked(f"{_SESSION}={os.environ[_SESSION]}")
    if options.plain:
        return 0
    if options.list_misses or options.sample or options.only:
        unexplained = _list_misses(results, options.only)
        return 1 if unexplained and not options.list_misses else 0
    (ROOT / "docs" / "conformance.md").write_text(page(results), encoding="utf-8")
    return 0 if _enough(results) else 1


if __name__ == "__main__":
    sys.exit(main())
