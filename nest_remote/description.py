"""Description of the kernel's PyNEST, from which the look-alike offers the same names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Description:
    """PyNEST's public interface, as the kernel describes it."""

    #: Version of NEST.
    version: str
    #: Dotted name: ``function``, ``constructor``, ``attribute`` or ``value``.
    names: dict[str, str]
    #: Kernel attributes that can't be set.
    read_only: frozenset[str]
    #: Public name of PyNEST that is not offered: why.
    left_out: dict[str, str]
    #: NEST's exception classes, each with the name of the class it derives from.
    errors: dict[str, str]
    #: Levels of verbosity.
    verbosity: dict[str, int]

    @classmethod
    def from_value(cls, value: Any) -> Description:
        """Read the description from the kernel's answer."""
        return cls(**value | {"read_only": frozenset(value["read_only"])})

    def to_value(self) -> dict[str, Any]:
        """Return the value that :meth:`from_value` reads."""
        return vars(self) | {"read_only": sorted(self.read_only)}

    def has_role(self, name: str, *roles: str) -> bool:
        """Tell whether ``name`` exists and has one of ``roles``."""
        return self.names.get(name) in roles
