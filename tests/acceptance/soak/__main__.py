"""``scripts/soak``: random clients, faults and bytes, an accounting, and ``docs/soak.md``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.long_runs.findings import Finding, Findings
from tests.acceptance.long_runs.page import page
from tests.acceptance.long_runs.placed import ROOT, Setting
from tests.acceptance.soak.fuzz import Fuzz
from tests.acceptance.soak.page import HEAD, PARTS
from tests.acceptance.soak.trial import SETTINGS, Trial

#: Of the whole time, that without faults, and how long a round of the rest is, in s.
_CALM_PART, _ROUND_S = 0.25, 30.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    add = parser.add_argument
    for name in ("one", "many"):
        add(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    add("--minutes", type=float, default=5.0, help="for each number of ranks")
    add("--ranks", type=int, nargs="+", default=[1, 2], help="of the servers")
    add("--seed", type=int, help="of all that is random")
    add("--check", action="store_true", help="leave the page as it is")
    add("--no-faults", action="store_true", help="clients only")
    add("--fuzz", action="store_true", help="random bytes and mutated messages instead")
    add("--bytes", type=int, default=10_000_000, help="that --fuzz sends")
    add("--frames", type=int, default=100_000, help="mutated messages that --fuzz sends")
    return parser.parse_args()


def main() -> int:
    """Run what the options ask for; gives the exit status."""
    options = _options()
    setting = Setting(options.one.absolute(), options.many.absolute())
    found: list[Finding] = []
    seed = random.randrange(2**32) if options.seed is None else options.seed
    setting.say(f"seed {seed}")
    all_hold = True
    for ranks in options.ranks:
        run = _fuzz if options.fuzz else _soak
        for one in run(setting, ranks, seed, options):
            setting.say(f"{one.part}, {one.case}, {one.ranks} rank(s): {one.found}")
            all_hold = all_hold and one.holds
            found.append(one)
    if not options.check:
        # Read now, as others may have run at the same time.
        kept = Findings(ROOT / "docs" / "soak.json")
        kept.add(found)
        kept.keep()
        (ROOT / "docs" / "soak.md").write_text(page(kept, HEAD, PARTS), encoding="utf-8")
    setting.say(f"seed {seed}: {'all holds' if all_hold else 'NOT ALL HOLDS'}")
    return 0 if all_hold else 1


def _soak(
    setting: Setting, ranks: int, seed: int, options: argparse.Namespace
) -> Iterator[Finding]:
    lasts_s = 60.0 * options.minutes
    calm_s = lasts_s if options.no_faults else _CALM_PART * lasts_s
    with setting.server(ranks, SETTINGS) as server:
        trial = Trial(server, seed, setting.say)
        began_s = time.monotonic()
        try:
            # What is held is compared with what it was after the first half.
            for _ in range(2):
                trial.round(calm_s / 2, False)
            said, wrong = str(trial.accounts), list(trial.accounts.wrong)
            yield _finding("calm", "clients", ranks, f"{calm_s:.0f} s: {said}", wrong)
            while (left_s := began_s + lasts_s - time.monotonic()) > 5.0 and not options.no_faults:
                trial.round(min(_ROUND_S, left_s), True)
        except BaseException:
            print(server.log()[-20_000:], flush=True)
            raise
        finally:
            print(trial.accounts.table(), flush=True)
        later = trial.accounts.wrong[len(wrong) :]
        for one in trial.accounts.wrong:
            setting.say(f"DOES NOT HOLD: {one}")
        if trial.accounts.wrong:
            kept = ROOT / "build" / "soak" / f"{seed}-{ranks}.log"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(server.log(), encoding="utf-8")
            setting.say(f"the server's log is in {kept}")
    if not options.no_faults:
        for name, found in trial.faults.found():
            yield Finding("faults", name, ranks, found, True)
        said = (
            f"{options.minutes:g} minutes: {trial.accounts}; {trial.held()}; none left after stop; "
            f"seed {seed}"
        )
        yield _finding("soak", "clients and faults", ranks, said, later)


def _finding(part: str, case: str, ranks: int, said: str, wrong: list[str]) -> Finding:
    if wrong:
        said += f"; {len(wrong)} wrong: {wrong[0]}"
    return Finding(part, case, ranks, said, not wrong)


def _fuzz(
    setting: Setting, ranks: int, seed: int, options: argparse.Namespace
) -> Iterator[Finding]:
    with setting.server(ranks) as server:
        fuzz = Fuzz(server, options.bytes, options.frames, seed)
        try:
            found = fuzz.run()
        except BaseException:
            print(server.log()[-20_000:], flush=True)
            raise
    for one in found.wrong:
        setting.say(f"DOES NOT HOLD: {one}")
    yield _finding("fuzz", "random bytes, mutated messages", ranks, str(found), found.wrong)


if __name__ == "__main__":
    sys.exit(main())
