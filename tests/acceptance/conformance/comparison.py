"""Whether two runs of a script gave the same numbers.

What differs between two plain runs is measured or drawn by chance, and can't be compared with a
third. So a comparison has two references: only numbers in which they agree, if need be without
regard to their order, are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.acceptance.conformance.printed import Number

#: Relative tolerance. Sums over several ranks may be added up in another order, so that the last
#: bits differ; of what NEST computes, nothing else has to be forgiven.
TOLERANCE = 1e-9

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found."""

    #: Numbers that could be compared, and those that the references don't agree in.
    compared: int
    left_out: int
    #: One line about the first difference; empty if there is none.
    difference: str
    #: Whether they are equal only without regard to their order.
    reordered: bool = False

    @property
    def equal(self) -> bool:
        """Whether all that could be compared is equal."""
        return not self.difference


def close(a: float, b: float) -> bool:
    """Whether two numbers are equal but for the last bits."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=0.0)


def compare_printed(
    one: Sequence[Number], other: Sequence[Number], found: Sequence[Number]
) -> Comparison:
    """Compare what was printed with two references."""
    if len(one) != len(other):
        return Comparison(0, len(one), "")
    if len(found) != len(one):
        return Comparison(len(one), 0, f"{len(found)} numbers instead of {len(one)}")
    places = range(len(one))
    agreed = [place for place in places if close(one[place].value, other[place].value)]
    differing = [place for place in agreed if not close(one[place].value, found[place].value)]
    if not differing and len(agreed) == len(one):
        return Comparison(len(one), 0, "")
    # Events and connections of several threads come in another order each time.
    if _same_numbers(one, other, places):
        agreed = list(places)
    left_out = len(one) - len(agreed)
    if _same_numbers(one, found, agreed):
        return Comparison(len(agreed), left_out, "", reordered=bool(differing))
    first = differing[0] if differing else agreed[0]
    said = (
        f"{len(differing)} of {len(agreed)} differ, the first in line {one[first].line}: "
        f"{found[first].text} instead of {one[first].text}"
    )
    return Comparison(len(agreed), left_out, said)


def _same_numbers(a: Sequence[Number], b: Sequence[Number], places: Iterable[int]) -> bool:
    """Whether the same numbers are in these places, in whatever order."""
    pairs = zip(*(sorted(each[place].value for place in places) for each in (a, b)), strict=True)
    return all(close(x, y) for x, y in pairs)


def compare_drawn(
    one: Mapping[str, Array], other: Mapping[str, Array], found: Mapping[str, Array]
) -> Comparison:
    """Compare what was drawn with two references: arrays of one row a point, box or value."""
    if one.keys() != other.keys():
        return Comparison(0, sum(array.size for array in one.values()), "")
    if one.keys() != found.keys():
        names = sorted(one.keys() ^ found.keys())
        return Comparison(0, 0, f"{names[0]} and {len(names) - 1} more are in one of them only")
    compared = 0
    reordered = False
    difference = ""
    for place, names in _by_place(one).items():
        agreed = [name for name in names if _same(one[name], other[name])]
        if _same_picture(place, names, one, other):
            agreed = names
        compared += sum(one[name].size for name in agreed)
        differing = [name for name in agreed if not _same(one[name], found[name])]
        if differing and _same_picture(place, agreed, one, found):
            reordered = True
        elif differing and not difference:
            difference = f"{differing[0]}: {_shown(one[differing[0]], found[differing[0]])}"
    left_out = sum(array.size for array in one.values()) - compared
    return Comparison(compared, left_out, difference, reordered and not difference)


def _by_place(names: Iterable[str]) -> dict[str, list[str]]:
    """Axes and kind of what is drawn there, which is all but the number at the end: names."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.rpartition(" ")[0], []).append(name)
    return found


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=TOLERANCE, atol=0.0, equal_nan=True))


def _same_picture(
    place: str, names: Sequence[str], a: Mapping[str, Array], b: Mapping[str, Array]
) -> bool:
    """Whether the same is drawn in a place, in whatever order.

    Lines and points, and colours of points, have none; rows of an image and bars have.
    """
    images = place.endswith("values") and any(a[name].shape[1] > 1 for name in names)
    if images or place.endswith("box"):
        return False
    both = [sorted((_sorted(each[name]) for name in names), key=_key) for each in (a, b)]
    return all(_same(x, y) for x, y in zip(*both, strict=True))


def _key(array: Array) -> list[float]:
    return [array.shape[0], *array.ravel().tolist()]


def _sorted(rows: Array) -> Array:
    return rows[np.lexsort(rows.T[::-1])] if rows.size else rows


def _shown(wanted: Array, found: Array) -> str:
    if wanted.shape != found.shape:
        return f"shape {found.shape} instead of {wanted.shape}"
    far = ~np.isclose(found, wanted, rtol=TOLERANCE, atol=0.0, equal_nan=True)
    first = tuple(np.argwhere(far)[0])
    return f"{far.sum()} of {far.size} differ, the first: {found[first]} instead of {wanted[first]}"
