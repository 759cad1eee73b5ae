"""``scripts/faults``: provokes each fault, and writes the table in ``docs/operations.md``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.acceptance.faults.page import Row, merged, read, with_table, write
from tests.acceptance.faults.trials import TRIALS, Trial
from tests.acceptance.long_runs.placed import ROOT, Setting

_PAGE, _KEPT = ROOT / "docs" / "operations.md", ROOT / "docs" / "faults.json"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    add = parser.add_argument
    for name in ("one", "many"):
        add(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    add("--only", metavar="PATTERN", default="", help="faults with PATTERN in them")
    add("--ranks", type=int, nargs="+", help="of the servers (default: as each fault needs)")
    add("--page", action="store_true", help="write the table from what was seen; runs nothing")
    return parser.parse_args()


def _try(setting: Setting, trial: Trial, ranks: int) -> Row:
    with setting.server(ranks, trial.env) as server:
        seen = trial.provoke(server)
    # Names of generations, ports and files are others each time.
    holds = all(word in seen.answer for word in trial.told)
    return Row(
        trial.what,
        ranks,
        seen.answer,
        round(seen.answered_s, 3),
        round(seen.serves_s, 3),
        holds,
    )


def main() -> int:
    """Run what the options ask for; gives the exit status."""
    options = _options()
    setting = Setting(options.one.absolute(), options.many.absolute())
    order = [trial.what for trial in TRIALS]
    all_hold = True
    for trial in () if options.page else TRIALS:
        if options.only not in trial.what:
            continue
        for ranks in trial.ranks:
            if options.ranks and ranks not in options.ranks:
                continue
            row = _try(setting, trial, ranks)
            all_hold = all_hold and row.holds
            write(_KEPT, merged(read(_KEPT), [row], order))
            told = "" if row.holds else "NOT AS PROMISED: "
            setting.say(
                f"{row.what}, {ranks} rank(s): {told}{row.answer} after {row.answered_s} s; "
                f"serves after {row.serves_s} s"
            )
    page = _PAGE.read_text(encoding="utf-8")
    _PAGE.write_text(with_table(page, read(_KEPT)), encoding="utf-8")
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())
