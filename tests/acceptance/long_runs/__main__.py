"""``scripts/long-runs``: tries what long runs rely on, and writes ``docs/long-runs.md``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.acceptance.long_runs import loop, outliving, progress, queued, readers
from tests.acceptance.long_runs.findings import Finding, Findings
from tests.acceptance.long_runs.page import PARTS, page
from tests.acceptance.long_runs.placed import ROOT, Setting

#: Of each part what runs it, and on how many ranks unless told otherwise.
_RUNS = {
    "progress": (progress.run, (1, 2, 4)),
    "outliving": (outliving.run, (1, 2)),
    "queued": (queued.run, (1, 2)),
    "readers": (readers.run, (1,)),
    "loop": (loop.run, (1, 2)),
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/long-runs", description=__doc__)
    add = parser.add_argument
    for name in ("one", "many"):
        add(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    add("--ranks", type=int, nargs="+", help="of the servers (default: as each part needs)")
    add("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="these parts")
    add("--short", action="store_true", help="a quick sample, which leaves the page as it is")
    add("--rounds", type=int, help="of readers")
    help_of_steps = "of loop, by a script and by the client; a way of 0 is left out"
    add("--steps", type=int, nargs=2, metavar=("SCRIPT", "CLIENT"), help=help_of_steps)
    add("--page", action="store_true", help="write the page from what was found; runs nothing")
    return parser.parse_args()


def main() -> int:
    """Run what the options ask for; gives the exit status."""
    options = _options()
    setting = Setting(
        options.one.absolute(),
        options.many.absolute(),
        options.short,
        options.rounds,
        options.steps and tuple(options.steps),
    )
    kept = None if options.short else ROOT / "docs" / "long-runs.json"
    all_hold = True
    for part in () if options.page else options.only:
        run, ranks = _RUNS[part]
        for number in options.ranks or ranks:
            for one in run(setting, number):
                _say(setting, one)
                all_hold = all_hold and one.holds
                _keep(kept, one)
    if kept is not None:
        (ROOT / "docs" / "long-runs.md").write_text(page(Findings(kept)), encoding="utf-8")
    return 0 if all_hold else 1


def _say(setting: Setting, one: Finding) -> None:
    setting.say(f"{one.part}, {one.case}, {one.ranks} rank(s): {one.found}")
    setting.say("holds" if one.holds else "DOES NOT HOLD")


def _keep(path: Path | None, one: Finding) -> None:
    # Read anew, as parts may be run at the same time.
    findings = Findings(path)
    findings.add([one])
    findings.keep()


if __name__ == "__main__":
    sys.exit(main())
