"""The numbers in what a script prints."""

import pytest

from tests.acceptance.conformance.printed import Rule, numbers


def texts(printed: str, *rules: Rule) -> list[str]:
    return [number.text for number in numbers(printed, rules)]


@pytest.mark.parametrize(
    ("printed", "wanted"),
    [
        ("rate: 2.59 spikes/s", ["2.59"]),
        ("-57.8 / +3e-05, .5 and 7.", ["-57.8", "+3e-05", ".5", "7."]),
        ("[1,2;3] {4: 5} (6)", ["1", "2", "3", "4", "5", "6"]),
        ("nan inf -inf NaN", ["nan", "inf", "-inf", "NaN"]),
        ("50ms 10Hz 12.5%", ["50", "10", "12.5"]),
        ("x=1,y:-2", ["1", "-2"]),
        ("1-2", ["1", "2"]),
    ],
)
def test_numbers_are_found_where_a_reader_sees_them(printed: str, wanted: list[str]) -> None:
    assert texts(printed) == wanted


@pytest.mark.parametrize(
    "printed", ["iaf_psc_exp_ps_2", "V_m3", "0x7f12ab", "3.10.0", "20:15:03", "information, nano"]
)
def test_names_versions_times_and_addresses_are_no_numbers(printed: str) -> None:
    assert texts(printed) == []


def test_text_of_a_rule_is_left_out() -> None:
    rule = Rule("(?i)building time.*", "wall time")
    assert texts("Building time: 1.5 s\nrate 3\n4 building time 7", rule) == ["3", "4"]


def test_lines_keep_their_numbers_where_a_rule_leaves_out_several() -> None:
    rule = Rule(r"(?s)\{.*\}", "a dictionary")
    assert [number.line for number in numbers("{1:\n2}\n3", (rule,))] == [3]


def test_numbers_know_their_line_also_after_progress_that_is_written_over() -> None:
    assert [number.line for number in numbers("1\n2 3\r4\r\n5")] == [1, 2, 2, 3, 4]


def test_values_are_floats() -> None:
    assert [number.value for number in numbers("1e3 -.5")] == [1000.0, -0.5]
