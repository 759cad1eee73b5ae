"""The libraries: what to install, and which of their tests use NEST."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Project:
    """A library with tests in its source distribution."""

    name: str
    version: str
    #: Files and folders of tests there, from the folder in which pytest runs.
    folder: str
    tests: tuple[str, ...]
    #: What the tests need besides the library.
    needs: tuple[str, ...] = ()
    #: Options of pytest, to choose those that use NEST.
    options: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Return the name of its source distribution."""
        return f"{self.name.lower()}-{self.version}"


PROJECTS = (
    Project(
        "PyNN",
        "0.13.0",
        "test/system",
        ("test_nest.py", "scenarios"),
        ("scipy", "matplotlib", "h5py"),
        # Scenarios have a parameter that names the simulator.
        ("-k", "nest and not nestml"),
    ),
)

#: Start of a test's name: why it does not pass with the look-alike.
REASONS: dict[str, str] = {}


def reason(project: str, test: str) -> str:
    """Return why a test does not pass with the look-alike; empty if that is not known."""
    name = f"{project}/{test}"
    return next((why for start, why in REASONS.items() if name.startswith(start)), "")
