"""Whether two runs gave the same numbers."""

import numpy as np

from tests.acceptance.conformance.comparison import Array, compare_drawn, compare_printed
from tests.acceptance.conformance.printed import numbers


def printed(one: str, other: str, found: str) -> tuple[bool, int, int, bool]:
    result = compare_printed(numbers(one), numbers(other), numbers(found))
    return result.equal, result.compared, result.left_out, result.reordered


def drawn(one: Array, found: Array, what: str = "line") -> tuple[bool, int, bool]:
    name = f"figure 1 axes 0 {what} 0"
    result = compare_drawn({name: one}, {name: one}, {name: found})
    return result.equal, result.compared, result.reordered


def test_equal_numbers_are_equal() -> None:
    assert printed("1 2 nan", "1 2 nan", "1.0 2 nan") == (True, 3, 0, False)


def test_numbers_that_two_plain_runs_do_not_agree_in_are_left_out() -> None:
    assert printed("1 2 7.5", "1 2 8.1", "1 2 9") == (True, 2, 1, False)


def test_nothing_is_compared_if_plain_runs_print_more_or_less_numbers() -> None:
    assert printed("1 2", "1", "5") == (True, 0, 2, False)


def test_last_bits_are_forgiven_but_no_more() -> None:
    assert printed("0.1234567890123", "0.1234567890123", "0.1234567890124")[0]
    assert not printed("0.1234567", "0.1234567", "0.1234568")[0]
    assert not printed("0.0", "0.0", "1e-300")[0]


def test_other_numbers_are_a_difference_that_says_where() -> None:
    result = compare_printed(numbers("1\n2"), numbers("1\n2"), numbers("1\n3"))
    assert result.difference == "1 of 2 differ, the first in line 2: 3 instead of 2"


def test_more_or_less_numbers_are_a_difference() -> None:
    assert compare_printed(numbers("1 2"), numbers("1 2"), numbers("1")).difference


def test_numbers_in_another_order_are_marked() -> None:
    assert printed("1 2 3", "1 2 3", "3 1 2") == (True, 3, 0, True)


def test_an_order_in_which_plain_runs_do_not_agree_is_not_asked_for() -> None:
    assert printed("1 2 3", "2 1 3", "3 2 1") == (True, 3, 0, True)
    assert not printed("1 2 3", "2 1 3", "3 2 2")[0]
    points = np.array([[1.0, 5.0], [2.0, 4.0]])
    lines = ({"line 0": points}, {"line 0": points[::-1]})
    assert compare_drawn(*lines, {"line 0": points[::-1]}).compared == 4
    assert compare_drawn(*lines, {"line 0": points + 1}).difference


def test_points_in_another_order_are_marked() -> None:
    points = np.array([[1.0, 5.0], [2.0, 4.0], [2.0, 3.0]])
    assert drawn(points, points) == (True, 6, False)
    assert drawn(points, points[::-1]) == (True, 6, True)


def test_lines_of_one_figure_in_another_order_are_marked() -> None:
    lines = {f"figure 1 axes 0 line {n}": np.array([[n, 0.0], [n, 1.0]]) for n in range(3)}
    found = dict(zip(lines, reversed(lines.values()), strict=True))
    result = compare_drawn(lines, lines, found)
    assert (result.equal, result.reordered) == (True, True)
    found["figure 1 axes 0 line 0"] = lines["figure 1 axes 0 line 0"]
    assert not compare_drawn(lines, lines, found).equal


def test_coordinates_of_points_belong_together() -> None:
    points = np.array([[1.0, 5.0], [2.0, 4.0]])
    assert not drawn(points, np.array([[1.0, 4.0], [2.0, 5.0]]))[0]


def test_rows_of_an_image_and_bars_have_an_order() -> None:
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert not drawn(rows, rows[::-1], "values")[0]
    assert not drawn(rows, rows[::-1], "box")[0]


def test_other_shapes_and_names_are_a_difference() -> None:
    line = np.zeros((3, 2))
    assert not drawn(line, np.zeros((4, 2)))[0]
    assert compare_drawn({"a": line}, {"a": line}, {}).difference
    assert compare_drawn({}, {}, {"a": line}).difference


def test_nan_equals_nan() -> None:
    assert drawn(np.array([[np.nan, 1.0]]), np.array([[np.nan, 1.0]]))[0]


def test_arrays_that_two_plain_runs_do_not_agree_in_are_left_out() -> None:
    one, other = np.zeros((3, 2)), np.ones((3, 2))
    result = compare_drawn({"line 0": one}, {"line 0": other}, {"line 0": other + 1})
    assert (result.equal, result.compared, result.left_out) == (True, 0, 6)
