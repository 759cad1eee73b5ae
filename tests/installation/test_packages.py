"""The sdist and the wheel install into an empty environment, and the server starts from there."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.servers import Runtime, start_server

ROOT = Path(__file__).parents[2]

#: Enough for a slow package index.
INSTALL_DEADLINE_S = 600.0


def run(*command: object, cwd: Path) -> None:
    """Run a command to its end, without this environment's variables for Python."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        timeout=INSTALL_DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files that ``python -m build`` makes of the committed state, by their kind."""
    directory = tmp_path_factory.mktemp("packages")
    # A checkout has files that are not the project's, such as environments and earlier builds.
    with (directory / "source.tar").open("wb") as archive:
        subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=archive, check=True)
    source = directory / "source"
    with tarfile.open(directory / "source.tar") as archive_file:
        archive_file.extractall(source, filter="data")
    tools = directory / "tools"
    run(sys.executable, "-m", "venv", tools, cwd=directory)
    run(tools / "bin" / "pip", "install", "--quiet", "build>=1.2", cwd=directory)
    run(tools / "bin" / "python", "-m", "build", "--outdir", directory, source, cwd=directory)
    (sdist,) = directory.glob("nestd-*.tar.gz")
    (wheel,) = directory.glob("nestd-*.whl")
    return {"sdist": sdist, "wheel": wheel}


def test_wheel_and_sdist_hold_the_same_modules_and_pages(packages: dict[str, Path]) -> None:
    with zipfile.ZipFile(packages["wheel"]) as wheel:
        installed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    with tarfile.open(packages["sdist"]) as sdist:
        source = {name.partition("/")[2] for name in sdist.getnames()}
    listed = subprocess.run(
        ["git", "ls-files", "protocol", "nestd", "gateway", "nest_remote", "NESTServerClient"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    committed = {name for name in listed if not name.endswith("/LICENSE")}
    assert committed <= installed | {"gateway/static/vendor/uplot/LICENSE"}
    assert installed <= source
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in installed)


@pytest.fixture(params=["wheel", "sdist"])
def installed(
    request: pytest.FixtureRequest, packages: dict[str, Path], tmp_path: Path
) -> Iterator[Runtime]:
    """A runtime directory whose Python has nothing but the package and what it asks for."""
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    package = f"{packages[request.param]}[nest]"
    run(python, "-m", "pip", "install", "--quiet", package, cwd=tmp_path)
    runtime = Runtime(python=str(python))
    try:
        yield runtime
        assert runtime.leftovers() == []
    finally:
        runtime.remove()


def test_package_installs_and_starts_in_an_empty_environment(installed: Runtime) -> None:
    command = Path(installed.python).with_name("nest-server")
    # NEST's own package brings a command of this name, and the one installed last wins.
    assert "nestd.server" in command.read_text()
    server = start_server(installed)
    try:
        assert server.call("Create", {"model": "iaf_psc_alpha", "n": 2}) == [1, 2]
        assert "<title>" in server.get("/", headers={"Accept": "text/html"}).text
    finally:
        server.stop()
