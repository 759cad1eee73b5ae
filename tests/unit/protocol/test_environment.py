"""Typed access to environment variables."""

from __future__ import annotations

import pytest

from protocol.errors import ConfigurationError
from protocol.process.environment import Environment, is_truthy


@pytest.mark.parametrize("word", ["yes", "true", "t", "1", "on"])
def test_true_words_count_in_any_case(word: str) -> None:
    for written in (word, word.upper(), word.capitalize(), f" {word} "):
        assert is_truthy(written)
        assert Environment({"X": written}).flag("X")


@pytest.mark.parametrize("word", ["", "0", "no", "false", "off", "f", "y", "2", "truee", "none"])
def test_every_other_word_is_false(word: str) -> None:
    assert not Environment({"X": word}).flag("X")


def test_unset_flag_is_false() -> None:
    assert not Environment({}).flag("X")


def test_empty_text_is_as_good_as_none() -> None:
    for variables in ({}, {"X": ""}, {"X": "  "}):
        environment = Environment(variables)
        assert environment.text("X", "default") == "default"
        assert environment.optional_text("X") is None
        assert environment.integer("X", 7, 1, 9) == 7
        environment.check()


def test_text_loses_the_blanks_around_it() -> None:
    environment = Environment({"X": " here "})
    assert environment.text("X", "default") == "here"
    assert environment.optional_text("X") == "here"


def test_integers_have_limits_that_belong_to_them() -> None:
    for text, number in (("1", 1), (" 9 ", 9)):
        environment = Environment({"X": text})
        assert environment.integer("X", 5, 1, 9) == number
        environment.check()


@pytest.mark.parametrize("text", ["0", "10", "-3", "1.5", "many", "1e3", "0x1"])
def test_wrong_integer_is_reported_with_name_limits_and_text(text: str) -> None:
    environment = Environment({"NEST_SERVER_PORT": text})
    environment.integer("NEST_SERVER_PORT", 5, 1, 9)
    with pytest.raises(ConfigurationError) as raised:
        environment.check()
    assert str(raised.value) == f"NEST_SERVER_PORT must be an integer from 1 to 9, not {text!r}"


def test_one_message_names_all_that_is_wrong() -> None:
    environment = Environment({"A": "x", "B": "2", "C": "-1"})
    for name in "ABC":
        environment.integer(name, 5, 1, 9)
    with pytest.raises(ConfigurationError) as raised:
        environment.check()
    first, second = str(raised.value).split("; ")
    assert first.startswith("A must be")
    assert second.startswith("C must be")


def test_items_are_separated_by_commas_and_blanks_around_them_dropped() -> None:
    environment = Environment({"X": " a, b ,,c "})
    assert environment.items("X", "d") == ("a", "b", "c")
    assert environment.items("Y", "d,e") == ("d", "e")
    assert Environment({"X": ""}).items("X", "d") == ()
