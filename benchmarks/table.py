"""Collects what the rounds measured and prints it as a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """One measured quantity, of 3.10 (if it can), this server and the floor (if there is one)."""

    what: str
    unit: str
    #: What the issue wants, for the reader; nothing is asserted.
    target: str = ""
    #: Server: one value a round.
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, server: str, value: float) -> None:
        """Add the value of a round."""
        self.rounds.setdefault(server, []).append(value)

    def median(self, server: str) -> float | None:
        """Of the rounds; ``None`` if the server was not measured."""
        return statistics.median(self.rounds[server]) if server in self.rounds else None

    @property
    def ratio(self) -> float | None:
        """This server to 3.10."""
        ours, theirs = self.median("this"), self.median("3.10")
        return ours / theirs if ours is not None and theirs else None


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that ``percent`` of ``values`` do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def render(rows: Sequence[Row]) -> str:
    """The table as Markdown. Spread is the lowest and highest round."""
    lines = [
        "| what | unit | 3.10 | this | this / 3.10 | floor | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"{row.ratio:.2g}" if row.ratio is not None else ""
        cells = [row.what, row.unit, _cell(row, "3.10"), _cell(row, "this"), ratio]
        lines.append("| " + " | ".join([*cells, _cell(row, "floor"), row.target]) + " |")
    return "\n".join(lines)


def _cell(row: Row, server: str) -> str:
    median = row.median(server)
    if median is None:
        return ""
    values = row.rounds[server]
    spread = f" ({_number(min(values))}..{_number(max(values))})" if len(values) > 1 else ""
    return _number(median) + spread


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
