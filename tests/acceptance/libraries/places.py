"""Environment and sources of the libraries, and tests that are run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.conformance import outcomes, stand_in
from tests.acceptance.conformance.limited import run_limited
from tests.acceptance.conformance.outcomes import Outcome
from tests.acceptance.conformance.places import clean_environment
from tests.acceptance.libraries.projects import Project

#: For one test, and for all of a library.
_LIMIT_S = 120
_ALL_LIMIT_S = 3600.0


@dataclass(frozen=True)
class Places:
    """What ``scripts/libraries`` has prepared.

    Parameters
    ----------
    libraries : environment of the tests, with the wheel of NEST
    mpi : environment of the servers with several ranks
    cache : outside the tree, for sources
    """

    libraries: Path
    mpi: Path
    cache: Path

    def install(self, project: Project) -> None:
        """Install a library, and fetch its source distribution."""
        self._pip("install", f"{project.name}=={project.version}", *project.needs)
        if self._source(project).is_dir():
            return
        with tempfile.TemporaryDirectory(prefix=".source-", dir=self.cache) as directory:
            got = Path(directory)
            self._pip(
                *("download", "--no-deps", "--no-binary", project.name, "-d", directory),
                f"{project.name}=={project.version}",
            )
            shutil.unpack_archive(next(got.glob("*.tar.gz")), got)
            (got / project.source).rename(self._source(project))

    def plain(self, project: Project) -> dict[str, Outcome]:
        """Return what becomes of the tests by plain PyNEST on one process."""
        return self._run(project, {}, [])

    def with_look_alike(self, project: Project, ranks: int) -> dict[str, Outcome]:
        """Return what becomes of the tests with the look-alike of a server on so many ranks."""
        python = (self.libraries if ranks == 1 else self.mpi) / "bin" / "python"
        settings = {stand_in.RANKS: str(ranks), stand_in.PYTHON: str(python)}
        return self._run(project, settings, ["-p", "tests.acceptance.conformance.stand_in"])

    def _source(self, project: Project) -> Path:
        return self.cache / project.source

    def _pip(self, *arguments: str) -> None:
        pip = [str(self.libraries / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *arguments], check=True)

    def _run(
        self, project: Project, settings: Mapping[str, str], options: list[str]
    ) -> dict[str, Outcome]:
        """Run the tests of a copy, as some write files beside themselves."""
        with tempfile.TemporaryDirectory(prefix="nestd-c-") as directory:
            copy = Path(directory) / "source"
            shutil.copytree(self._source(project), copy)
            made = Path(directory) / "outcomes.jsonl"
            made.touch()
            said = self.cache / f"{project.source}-latest.log"
            arguments = [
                *(str(self.libraries / "bin" / "python"), "-m", "pytest", "-c", os.devnull),
                *("--rootdir", ".", "-q", "--tb", "short", "-p", "no:cacheprovider"),
                *("--continue-on-collection-errors", "--timeout", str(_LIMIT_S)),
                *("--timeout-method", "signal", "-p", "tests.acceptance.conformance.outcomes"),
                *options,
                *project.options,
                *project.tests,
            ]
            env = clean_environment() | {outcomes.FILE: str(made)} | settings
            ended = run_limited(arguments, copy / project.folder, env, said, _ALL_LIMIT_S)
            # 1 says that tests have failed.
            if ended.returncode not in (0, 1):
                raise RuntimeError(f"pytest did not run all tests: {ended.failure}; see {said}")
            return outcomes.read(made)
