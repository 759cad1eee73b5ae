"""NEST's source distribution, unpacked in the cache by ``scripts/conformance``."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

VERSION = "3.10.0"
#: These start MPI themselves.
_OF_MPI = "mpi_"


@dataclass(frozen=True)
class Distribution:
    """The unpacked source distribution in ``root``."""

    root: Path

    def examples(self) -> list[str]:
        """Every Python file among the examples, as a path relative to their directory."""
        top = self._examples
        return sorted(str(path.relative_to(top)) for path in top.rglob("*.py"))

    def source(self, example: str) -> str:
        """The text of an example."""
        return (self._examples / example).read_text(encoding="utf-8")

    def copy_example(self, example: str, target: Path) -> Path:
        """Copy an example with the files beside and below it to ``target``; gives its path there.

        Of the examples at the top only the files beside them: what is below are others.
        """
        home = (self._examples / example).parent
        if home == self._examples:
            for path in home.iterdir():
                if path.is_file():
                    shutil.copy(path, target)
        else:
            shutil.copytree(home, target, dirs_exist_ok=True)
        return target / Path(example).name

    def tests(self) -> list[str]:
        """Every file of Python tests that don't start MPI, relative to their directory."""
        found = sorted(path.relative_to(self._tests) for path in self._tests.rglob("test_*.py"))
        return [str(path) for path in found if not path.parts[0].startswith(_OF_MPI)]

    def copy_tests(self, target: Path) -> Path:
        """Copy the Python tests that don't start MPI to ``target``; gives their directory."""
        copy = target / "pytests"
        ignore = shutil.ignore_patterns(f"{_OF_MPI}*")
        shutil.copytree(self._tests, copy, ignore=ignore)
        return copy

    @property
    def _examples(self) -> Path:
        return self.root / "pynest" / "examples"

    @property
    def _tests(self) -> Path:
        return self.root / "testsuite" / "pytests"
