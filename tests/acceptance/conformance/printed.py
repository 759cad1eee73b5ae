"""The numbers in what a script prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A number that is no part of a name, such as the one in ``iaf_psc_exp_ps_2``, of a version, of a
#: date, of a time of day or of an object's address.
_NUMBER = re.compile(
    r"""
    (?<![\w.]) (?<!\d:)
    [-+]?
    (?: (?:\d+\.?\d*|\.\d+) (?:[eE][-+]?\d+)?
      | (?i:nan|inf)\b )
    (?! \d | [.:]\d | x[0-9a-fA-F] )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Rule:
    """Printed text whose numbers are no results."""

    pattern: str
    why: str

    def without(self, text: str) -> str:
        """``text`` with blanks for what is left out."""
        return re.sub(self.pattern, lambda match: re.sub(r"\S", " ", match[0]), text)


@dataclass(frozen=True)
class Number:
    """A number and the line, counted from 1, that it stands in."""

    text: str
    line: int

    @property
    def value(self) -> float:
        """Its value."""
        return float(self.text)


def numbers(text: str, rules: tuple[Rule, ...] = ()) -> list[Number]:
    """The numbers in ``text``, without those that a rule leaves out.

    Progress that a script writes over with carriage returns counts as lines.
    """
    for rule in rules:
        text = rule.without(text)
    return [
        Number(match[0], place)
        for place, line in enumerate(re.split(r"\r\n|\n|\r", text), 1)
        for match in _NUMBER.finditer(line)
    ]
