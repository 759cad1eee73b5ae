"""How cost grows with size and ranks, and what it would be on 1000 ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.rows import THIS, CaseResult, Row


@dataclass(frozen=True)
class Growth:
    """A series over sizes and ranks, as cost = constant · size^a · ranks^b."""

    name: str
    unit: str
    #: (size, ranks): median.
    points: dict[tuple[int, int], float]
    #: Fitted by least squares of logarithms; ``None`` if there is only one size, or one number
    #: of ranks.
    by_size: float | None
    by_ranks: float | None
    #: The exponent of size over the larger half of sizes, where constants count less.
    by_size_at_last: float | None


def series(cases: Iterable[CaseResult]) -> list[Growth]:
    """All series with more than one point."""
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for case in cases:
        for row in case.rows:
            if row.series and row.size and row.ranks and row.median(THIS):
                rows[row.series].append(row)
    return [_growth(name, found) for name, found in rows.items() if len(found) > 1]


def _growth(name: str, rows: list[Row]) -> Growth:
    points = {
        (row.size, row.ranks): median
        for row in rows
        if row.size is not None
        and row.ranks is not None
        and (median := row.median(THIS)) is not None
    }
    sizes = sorted({size for size, _ in points})
    by_size, by_ranks = _exponents(points)
    last = {where: cost for where, cost in points.items() if where[0] in sizes[-2:]}
    at_last = _exponents(last)[0] if len(sizes) > 2 else by_size
    return Growth(name, rows[0].unit, points, by_size, by_ranks, at_last)


def _exponents(points: dict[tuple[int, int], float]) -> tuple[float | None, float | None]:
    size = np.log([where[0] for where in points])
    ranks = np.log([where[1] for where in points])
    cost = np.log(list(points.values()))
    varies = [len(set(axis.tolist())) > 1 for axis in (size, ranks)]
    columns = [axis for axis, does in zip((size, ranks), varies, strict=True) if does]
    if not columns or len(points) <= len(columns):
        return None, None
    design = np.stack([*columns, np.ones(len(cost))], axis=1)
    found = list(np.linalg.lstsq(design, cost, rcond=None)[0])
    return (
        float(found.pop(0)) if varies[0] else None,
        float(found.pop(0)) if varies[1] else None,
    )


@dataclass(frozen=True)
class Line:
    """cost = start + each · ranks, from rank 0's part with stand-ins for the other ranks."""

    start: float
    each: float

    def at(self, ranks: int) -> float:
        """The cost of so many ranks."""
        return self.start + self.each * ranks


def line(growth: Growth) -> Line:
    """The straight line through the first and last number of ranks."""
    ranks = sorted(number for _, number in growth.points)
    size = next(iter(growth.points))[0]
    first, last = growth.points[size, ranks[0]], growth.points[size, ranks[-1]]
    each = (last - first) / (ranks[-1] - ranks[0])
    return Line(first - each * ranks[0], each)
