"""Setting NEST_SERVER_MODULES: the modules that scripts may use.

The setting has two forms, as in NEST Server: names separated by commas (``nest,numpy``), or import
statements separated by semicolons or line breaks (``import nest; import numpy as np``). An entry
binds a name before a script runs, and lets the script import from that module.
"""

from __future__ import annotations

import ast
import keyword
from dataclasses import dataclass
from typing import Any

from protocol.errors import ConfigurationError

VARIABLE = "NEST_SERVER_MODULES"
DEFAULT_MODULES = "import nest; import numpy; import numpy as np"


@dataclass(frozen=True)
class ModuleImport:
    """Entry of the setting: ``import module as name`` or ``from module import a as name``."""

    #: Dotted name.
    module: str
    #: Attribute that is imported; ``None`` for the module itself.
    attribute: str | None
    #: Name that is bound. For ``import a.b`` the name is ``a``, which then means the package.
    name: str

    @property
    def package(self) -> str:
        """Top-level package of the module."""
        return self.module.partition(".")[0]

    @property
    def statement(self) -> str:
        """Import statement that does what the entry says."""
        if self.attribute is not None:
            return f"from {self.module} import {self.attribute} as {self.name}"
        if self.name == self.package:
            return f"import {self.module}"
        return f"import {self.module} as {self.name}"

    def load(self) -> Any:
        """Import the entry's module, and return what the name is bound to.

        Raises
        ------
        ImportError
            If there is no such module or attribute.
        """
        namespace: dict[str, Any] = {}
        # Made of names only, and Python does the same with submodules and aliases as in a script.
        exec(self.statement, namespace)  # noqa: S102
        return namespace[self.name]


def parse_modules(text: str) -> tuple[ModuleImport, ...]:
    """Parse the setting into its entries, in their order and without repetition.

    Raises
    ------
    ConfigurationError
        Names everything that can't be understood.
    """
    entries: dict[ModuleImport, None] = {}
    wrong: list[str] = []
    for statement in text.replace(";", "\n").splitlines():
        words = statement.split()
        if not words:
            continue
        read = _read_statement if words[0] in ("import", "from") else _read_names
        try:
            entries |= dict.fromkeys(read(" ".join(words)))
        except ConfigurationError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigurationError(f"{VARIABLE}: {'; '.join(wrong)}")
    return tuple(entries)


def _read_names(text: str) -> list[ModuleImport]:
    """Parse ``nest, scipy.signal``."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if not _is_dotted_name(name)]
    if wrong:
        raise ConfigurationError(
            f"{', '.join(map(repr, wrong))} is neither a module's name nor an import statement"
        )
    return [ModuleImport(name, None, name.partition(".")[0]) for name in names]


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))


def _read_statement(text: str) -> list[ModuleImport]:
    """Parse ``import numpy as np, scipy.signal`` or ``from math import sqrt, pi as circle``."""
    try:
        statement = ast.parse(text).body[0]
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(f"{text!r} is no import statement") from error
    if isinstance(statement, ast.Import):
        return [
            ModuleImport(alias.name, None, alias.asname or alias.name.partition(".")[0])
            for alias in statement.names
        ]
    assert isinstance(statement, ast.ImportFrom)
    if statement.level or statement.module is None:
        raise ConfigurationError(f"{text!r} is relative to nothing; name the package")
    if any(alias.name == "*" for alias in statement.names):
        raise ConfigurationError(f"{text!r}: name what is to be imported instead of *")
    return [
        ModuleImport(statement.module, alias.name, alias.asname or alias.name)
        for alias in statement.names
    ]
