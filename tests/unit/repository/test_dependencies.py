"""Dependencies between packages point one way; a scan of all imports shows it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

#: Package: the packages of this project that it may import.
ALLOWED = {
    "protocol": set[str](),
    "nest_remote": {"protocol"},
    "NESTServerClient": {"protocol", "nest_remote"},
    "gateway": {"protocol"},
    "nestd": {"protocol", "nest_remote"},
}


def imports(module: Path) -> Iterator[str]:
    """Dotted names that ``module`` imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "__import__",
            "import_module",
            "importlib.import_module",
        ):
            yield "dynamic import"


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, package
    return found


def imported(package: str) -> dict[str, set[str]]:
    """Top-level package: the modules below ``package`` that import it."""
    found: dict[str, set[str]] = {}
    for module in modules(package):
        for name in imports(module):
            found.setdefault(name.split(".")[0], set()).add(str(module.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_package_imports_only_packages_below_it(package: str) -> None:
    ours = {name: by for name, by in imported(package).items() if name in ALLOWED}
    assert ours.keys() <= ALLOWED[package] | {package}, ours


def test_every_package_is_listed_here() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages == set(ALLOWED)


@pytest.mark.parametrize("package", ALLOWED)
def test_only_the_kernel_imports_nest(package: str) -> None:
    importing = imported(package).get("nest", set())
    assert {path for path in importing if not path.startswith("nestd/kernel/")} == set()
    if package == "nestd":
        # The modules of the kernel take it from one of them.
        assert importing == {"nestd/kernel/pynest.py"}


@pytest.mark.parametrize("package", ALLOWED)
def test_only_one_module_imports_mpi4py(package: str) -> None:
    importing = imported(package).get("mpi4py", set())
    assert importing == ({"nestd/ranks/mpi.py"} if package == "nestd" else set())


def test_the_command_nest_server_treats_kernel_and_gateway_as_programs() -> None:
    for module in modules("nestd/server"):
        if module.name in ("mpi_cli.py", "probe.py"):
            # Under a launcher there is nobody above the ranks: rank 0 is the command. The probe is
            # a program that ``doctor`` starts.
            continue
        for name in imports(module):
            outside = ("nest.", "gateway", "nestd.kernel", "nestd.startup", "nestd.ranks.startup")
            assert not name.startswith(outside), module
            assert name != "nest"


def test_nothing_is_imported_by_a_name_made_at_run_time() -> None:
    for package in ALLOWED:
        assert "dynamic import" not in imported(package)


def test_pickle_is_used_nowhere() -> None:
    for package in ALLOWED:
        assert imported(package).keys().isdisjoint({"pickle", "cloudpickle", "marshal", "shelve"})


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("nestd.server.cli", {"numpy", "nest_remote"}),
        ("nestd.server.background", {"numpy", "nest_remote"}),
        # NumPy's libraries begin threads, which Landlock would not hold: see import_numpy.
        ("nestd.cli", {"numpy"}),
        ("nestd.server.mpi_cli", {"numpy"}),
        ("nestd.kernel.pynest", {"pandas", "matplotlib"}),
    ],
)
def test_starts_do_not_wait_for_libraries_that_they_do_not_need(
    module: str, left_out: set[str]
) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert not left_out & set(done.stdout.split())
