"""The table of faults in ``docs/operations.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

BEGIN, END = "<!-- scripts/faults: begin -->", "<!-- scripts/faults: end -->"
#: Of an answer that are shown.
_MOST_CHARACTERS = 170


@dataclass(frozen=True)
class Row:
    """What was seen of a fault on one number of ranks."""

    what: str
    ranks: int
    answer: str
    answered_s: float
    serves_s: float
    #: Whether the answer is the one that is promised.
    holds: bool


def read(path: Path) -> list[Row]:
    """What was seen before."""
    if not path.exists():
        return []
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Keep what was seen, one line each."""
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def merged(before: Iterable[Row], now: Iterable[Row], order: list[str]) -> list[Row]:
    """Rows in the order of faults and ranks, the newest of each."""
    found = {(row.what, row.ranks): row for row in [*before, *now] if row.what in order}
    return sorted(found.values(), key=lambda row: (order.index(row.what), row.ranks))


def table(rows: Iterable[Row]) -> str:
    """As it stands on the page."""
    lines = [
        "| fault | ranks | what the caller is told | after | serves again after |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        answer = " ".join(row.answer.split()).replace("|", "\\|")
        if len(answer) > _MOST_CHARACTERS:
            answer = answer[: _MOST_CHARACTERS - 1] + "…"
        told = answer if row.holds else f"**not as promised:** {answer}"
        lines.append(
            f"| {row.what} | {row.ranks} | {told} | {row.answered_s:.2f} s | {row.serves_s:.2f} s |"
        )
    return "\n".join(lines)


def with_table(page: str, rows: Iterable[Row]) -> str:
    """A page with its table made anew.

    Raises
    ------
    ValueError
        If it has no place for one.
    """
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or not after:
        raise ValueError(f"there is no {BEGIN} … {END} in the page")
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"
