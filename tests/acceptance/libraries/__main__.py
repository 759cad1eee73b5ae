"""``scripts/libraries``: runs tests of libraries, and writes ``docs/libraries.md``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.acceptance.conformance.places import ROOT
from tests.acceptance.libraries.page import WANTED, LibraryResult, read, shortfalls, write
from tests.acceptance.libraries.places import Places
from tests.acceptance.libraries.projects import PROJECTS


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/libraries", description=__doc__)
    add = parser.add_argument
    for name in ("libraries", "mpi", "cache"):
        add(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    names = [project.name for project in PROJECTS]
    add("--only", choices=names, help="one library; what is known of the others stays")
    add("--ranks", type=int, choices=WANTED, help="of the servers (default: all)")
    return parser.parse_args()


def main() -> int:
    """Run what the options ask for; return the exit status."""
    options = _options()
    places = Places(options.libraries.resolve(), options.mpi.resolve(), options.cache.resolve())
    kept = ROOT / "docs" / "libraries.json"
    results = read(kept)
    for project in PROJECTS:
        if options.only not in (None, project.name):
            continue
        _say(f"{project.name} {project.version}: installing")
        places.install(project)
        _say(f"{project.name}: tests by plain PyNEST")
        wanted = places.plain(project)
        row = results.get(project.name)
        if row is None or row.version != project.version:
            row = LibraryResult(project.version)
        for ranks in WANTED if options.ranks is None else [options.ranks]:
            _say(f"{project.name}: tests with the look-alike of a server on {ranks} rank(s)")
            row.add(ranks, wanted, places.with_look_alike(project, ranks))
            _say(f"{project.name}: {row.passed[str(ranks)]} of {row.plain} pass")
        results[project.name] = row
        write(kept, results)
    short = shortfalls(results)
    for line in short:
        _say(line)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
