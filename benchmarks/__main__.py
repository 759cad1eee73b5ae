"""``scripts/bench``: measures case by case, keeps what it has measured, makes the page of it."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import cases, page, plots
from benchmarks.bench import Bench, Environments, say
from benchmarks.rows import CaseResult
from benchmarks.servers import Running
from benchmarks.store import Store, machine

ROOT = Path(__file__).parents[1]
#: Longest that one case may take.
CASE_LIMIT_S = 900


class _TooLong(Exception):
    """A case that has reached its limit of time."""


def _end_case(signum: int, frame: FrameType | None) -> NoReturn:
    raise _TooLong(f"it took longer than {CASE_LIMIT_S} s")


def measure(
    name: str,
    environments: Environments,
    rounds: int,
    quick: bool,
    stack: ExitStack,
    shared: dict[str, Running],
) -> CaseResult:
    """Run a case; what ends it early becomes part of what it found."""
    module = cases.module(name)
    result = CaseResult(name, module.TITLE, quick=quick)
    say(f"--- {module.TITLE} ({name})")
    began = time.monotonic()
    signal.signal(signal.SIGALRM, _end_case)
    signal.alarm(CASE_LIMIT_S)
    try:
        module.run(Bench(environments, rounds, quick, result, stack, shared))
    except Exception as error:
        # The other cases are not lost with this one.
        result.failed = f"{type(error).__name__}: {error}"[:300]
        say(f"{name} ended early: {result.failed}")
    finally:
        signal.alarm(0)
    result.seconds = time.monotonic() - began
    return result


def main() -> None:
    """Parse the options, measure, keep, print."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    for name in ("--peer", "--next-peer", "--mpi-python", "--next-peer-version"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=cases.NAMES, metavar="CASE", default=[])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each case (default: 5)")
    parser.add_argument("--quick", action="store_true", help="a coarse picture, not into docs/")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was ended")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--page", action="store_true", help="make the page anew, measure nothing")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where page and figures go")
    options = parser.parse_args()
    if options.list:
        for name in cases.NAMES:
            print(f"{name:16} {cases.module(name).TITLE}")
        return
    output = options.output or (ROOT / "build" / "benchmarks" if options.quick else ROOT / "docs")
    store = Store.at(output / "performance.json")
    if not options.page:
        _measure_all(store, options)
    page_path = output / "performance.md"
    drawn = plots.draw(store, output)
    page_path.write_text(page.render(store, [path.name for path in drawn]), encoding="utf-8")
    table_path = output / "performance.csv"
    page.write_table(store, table_path)
    for path in [page_path, table_path, store.path, *drawn]:
        say(f"wrote {path}")


def _measure_all(store: Store, options: argparse.Namespace) -> None:
    wanted = options.only or list(cases.NAMES)
    if options.resume:
        wanted = [name for name in wanted if name not in store.cases or store.cases[name].failed]
    elif not options.only:
        store.cases.clear()
    store.machine = machine()
    store.next_peer = options.next_peer_version or "next"
    environments = Environments(
        Path(options.peer).absolute() if options.peer else None,
        Path(options.next_peer).absolute() if options.next_peer else None,
        options.mpi_python,
    )
    # Who ends this run ends its servers, too.
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(128 + signum))
    with ExitStack() as stack:
        shared: dict[str, Running] = {}
        for name in wanted:
            result = measure(name, environments, options.rounds, options.quick, stack, shared)
            store.cases[name] = result
            store.save()
            say(f"--- {name}: {result.seconds:.0f} s")
            if result.rows:
                print(f"\n{result.title}\n\n{page.table(result.rows, store.next_peer)}\n")


if __name__ == "__main__":
    main()
