"""Where things are: environments, the cache, NEST's source distribution."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.conformance.distribution import VERSION, Distribution

ROOT = Path(__file__).parents[3]

#: What decides about what a plain run gives: our modules, and packages.
_OURS = ("runner.py", "script.py", "drawn.py")
_LIST_PACKAGES = """\
import sys
from importlib.metadata import version
names = ["nest-simulator", "numpy", "scipy", "matplotlib", "pandas"]
print(sys.version, [(name, version(name)) for name in names])
"""


@dataclass(frozen=True)
class Places:
    """Everything that ``scripts/conformance`` has prepared.

    Parameters
    ----------
    wheel, mpi : environments with the wheel of the package index, and with a NEST with MPI
    cache : outside the tree, for what doesn't change
    """

    wheel: Path
    mpi: Path
    cache: Path

    @property
    def distribution(self) -> Distribution:
        """NEST's source distribution."""
        return Distribution(self.cache / f"nest_simulator-{VERSION}")

    def python(self, virtual_processes: int) -> Path:
        """Python with the NEST that gives the reference for as many virtual processes."""
        return (self.wheel if virtual_processes == 1 else self.mpi) / "bin" / "python"

    def plain_results(self, virtual_processes: int) -> Path:
        """Directory for what plain PyNEST gave in that environment."""
        return self.cache / "conformance" / f"{VERSION}-{_key(self.python(virtual_processes))}"

    def latest(self, what: str) -> Path:
        """A new directory for what a run through a server leaves, in place of the last one's."""
        directory = self.cache / "conformance" / "latest" / what
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        return directory


@functools.cache
def _key(python: Path) -> str:
    """Differs as soon as other versions are installed, or the way of running changes."""
    packages = subprocess.run([python, "-c", _LIST_PACKAGES], capture_output=True, check=True)
    built = (python.parents[1] / ".nest-mpi").read_bytes() if _has_mpi(python) else b"wheel"
    digest = hashlib.sha256(packages.stdout + built)
    for name in _OURS:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:12]


def _has_mpi(python: Path) -> bool:
    return (python.parents[1] / ".nest-mpi").exists()


def clean_environment() -> dict[str, str]:
    """For programs that are run: no display, no settings of NEST, the same hashes each time."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NEST") and k != "DISPLAY"}
    return clean | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg"}
