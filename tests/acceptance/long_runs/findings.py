"""What was found, kept from one run of ``scripts/long-runs`` to the next."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True)
class Finding:
    """One row of a table."""

    #: Part of the script that has found it.
    part: str
    #: What was tried.
    case: str
    ranks: int
    #: What came of it, for a person.
    found: str
    #: Whether that is what is promised.
    holds: bool
    when: str = field(default_factory=_now)


class Findings:
    """All that was found, the newest of each case.

    Parameters
    ----------
    path : of the file that keeps them; ``None`` to keep nothing
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[tuple[str, str, int], Finding] = {}
        if path is not None and path.exists():
            self.add(Finding(**one) for one in json.loads(path.read_text(encoding="utf-8")))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def add(self, found: Iterable[Finding]) -> None:
        """Take up what was found, each in place of what was found of its case before."""
        for one in found:
            self._found[one.part, one.case, one.ranks] = one

    def keep(self) -> None:
        """Write them for the next run."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            rows = sorted(self, key=lambda one: (one.part, one.ranks, one.case))
            said = ",\n".join(json.dumps(asdict(one), ensure_ascii=False) for one in rows)
            self._path.write_text(f"[\n{said}\n]\n", encoding="utf-8")
