"""Environment variables NEST_SERVER_*, read once at the edge of a process.

Each process makes one frozen settings object of its own from a :class:`Environment`. Wrong
values are collected, so that one message names them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocol.errors import ConfigurationError

_TRUE = frozenset(["yes", "true", "t", "1", "on"])


def is_truthy(text: str) -> bool:
    """Return whether ``text`` is one of yes, true, t, 1, on in any case."""
    return text.strip().lower() in _TRUE


class Environment:
    """Typed access to environment variables.

    Parameters
    ----------
    variables : usually ``os.environ``
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._violations: list[str] = []

    def text(self, name: str, default: str) -> str:
        """Return the variable, or ``default`` if it is unset or empty."""
        return self._variables.get(name, "").strip() or default

    def optional_text(self, name: str) -> str | None:
        """Return the variable, or ``None`` if it is unset or empty."""
        return self._variables.get(name, "").strip() or None

    def flag(self, name: str) -> bool:
        """Return whether the variable is set to a truthy word."""
        return is_truthy(self._variables.get(name, ""))

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return the variable as an integer from ``low`` to ``high``; wrong ones are collected."""
        text = self._variables.get(name, "").strip()
        if not text:
            return default
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            self._violations.append(f"{name} must be an integer from {low} to {high}, not {text!r}")
            return default
        return number

    def seconds_or_off(self, name: str, default: float) -> float | None:
        """Return the variable as seconds, ``None`` if it is ``off``; wrong ones are collected."""
        text = self._variables.get(name, "").strip().lower()
        if not text:
            return default
        if text == "off":
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            self._violations.append(f"{name} must be seconds, or off, not {text!r}")
            return default
        return seconds

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """Return the variable, one of ``choices`` in any case; wrong ones are collected."""
        text = self._variables.get(name, "").strip().lower()
        if text and text not in choices:
            self._violations.append(f"{name} must be {' or '.join(choices)}, not {text!r}")
        return text if text in choices else default

    def items(self, name: str, default: str) -> tuple[str, ...]:
        """Return the variable's items, which commas separate."""
        text = self._variables.get(name, default)
        return tuple(item.strip() for item in text.split(",") if item.strip())

    def complain(self, violation: str) -> None:
        """Add a violation to those that :meth:`check` reports."""
        self._violations.append(violation)

    def check(self) -> None:
        """Report all variables with wrong values.

        Raises
        ------
        ConfigurationError
            If any variable had a wrong value.
        """
        if self._violations:
            raise ConfigurationError("; ".join(self._violations))
