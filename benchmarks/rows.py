"""What was measured: rows of values by column, one value a round, with targets and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: Columns of a row, in the order of the tables.
THIS, PEER, NEXT_PEER, FLOOR = "this", "3.10", "next", "floor"
COLUMNS = (PEER, NEXT_PEER, THIS, FLOOR)


@dataclass(frozen=True)
class Target:
    """What is wanted of a row."""

    #: ``ratio``: this by the other column at most; ``times``: at least so many times the other;
    #: ``above``: this minus the other at most; ``value``: this itself at most.
    kind: str
    limit: float
    #: The other column.
    against: str = PEER

    def measured(self, row: Row) -> float | None:
        """The figure that the limit is about; ``None`` if something was not measured."""
        if self.kind == "value":
            return row.median(THIS)
        if self.kind == "above":
            ours, other = row.median(THIS), row.median(self.against)
            return None if ours is None or other is None else ours - other
        return row.ratio(self.against)

    def met(self, row: Row) -> bool | None:
        """Whether it is; ``None`` if it can't be told."""
        found = self.measured(row)
        if found is None:
            return None
        return found >= self.limit if self.kind == "times" else found <= self.limit

    def text(self, unit: str) -> str:
        """The limit, for the reader."""
        if self.kind == "times":
            return f"≥ {self.limit:g} times"
        return f"≤ {self.limit:g}" + (f" {unit}" if self.kind != "ratio" else "")


@dataclass
class Row:
    """One measured quantity."""

    what: str
    unit: str
    target: Target | None = None
    #: What the column ``floor`` is here, for the reader.
    floor: str = ""
    #: Of rows that are one series over sizes and ranks: its name, and where this one stands.
    series: str = ""
    size: int | None = None
    ranks: int | None = None
    #: As the table of the targets calls it; empty for rows that are not in it.
    to_show: str = ""
    #: Column: one value a round.
    rounds: dict[str, list[float]] = field(default_factory=dict)
    #: Column: why it was not measured.
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, column: str, value: float) -> None:
        """Add the value of a round."""
        self.rounds.setdefault(column, []).append(value)

    def median(self, column: str) -> float | None:
        """Return the median of the rounds; ``None`` if the column was not measured."""
        values = self.rounds.get(column)
        return statistics.median(values) if values else None

    def ratio(self, against: str) -> float | None:
        """This server to another column: the median of the ratios of rounds, where both were
        measured in turns, so that what else the machine does meets both."""
        ours, others = self.rounds.get(THIS, []), self.rounds.get(against, [])
        if len(ours) == len(others) and ours:
            pairs = [a / b for a, b in zip(ours, others, strict=True) if b]
            return statistics.median(pairs) if pairs else None
        a, b = self.median(THIS), self.median(against)
        return a / b if a is not None and b else None


@dataclass
class CaseResult:
    """All rows of a case, or why there are none."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    #: Why the case ended early; empty if it did not.
    failed: str = ""
    seconds: float = 0.0
    #: Whether fewer requests and rounds were made, for a coarse picture.
    quick: bool = False

    def described(self) -> dict[str, Any]:
        """As it is kept in JSON."""
        return asdict(self)

    @classmethod
    def from_description(cls, found: dict[str, Any]) -> CaseResult:
        """What :meth:`described` gave."""
        rows = []
        for row in found["rows"]:
            target = row["target"]
            rows.append(Row(**row | {"target": Target(**target) if target else None}))
        return cls(**found | {"rows": rows})


def short(amount: int) -> str:
    """A large amount of one digit, as 1e6."""
    return f"{amount:.0e}".replace("e+0", "e")


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that ``percent`` of ``values`` do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]
