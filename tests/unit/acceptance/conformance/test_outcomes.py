"""What became of tests, as the plugin writes it in a real run of pytest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conformance.outcomes import FILE, Outcome, read
from tests.acceptance.conformance.places import ROOT

_TESTS = """\
import pytest

def test_good():
    pass

def test_bad():
    with pytest.raises(TypeError):
        int("x")

def test_skipped():
    pytest.skip("not here")

@pytest.mark.xfail
def test_expected():
    assert False

@pytest.fixture
def broken():
    raise KeyError("nothing")

def test_error(broken):
    pass

@pytest.mark.parametrize("x", [1], ids=["<f at 0x7f33aa55>"])
def test_address(x):
    pass
"""


def run(directory: Path, *options: str) -> dict[str, Outcome]:
    found = directory / "outcomes.jsonl"
    arguments = ["-m", "pytest", "-q", "-c", os.devnull, "--rootdir", ".", *options]
    # It is no worker of the pytest that runs this.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    subprocess.run(
        [sys.executable, *arguments, "-p", "tests.acceptance.conformance.outcomes", "part"],
        cwd=directory,
        env=variables | {"PYTHONPATH": str(ROOT), FILE: str(found)},
        capture_output=True,
        check=False,
    )
    return read(found)


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "workers"])
def test_outcomes_say_what_became_of_each_test(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "test_some.py").write_text(_TESTS)
    (tmp_path / "part" / "test_unreadable.py").write_text("import no_such_module\n")
    found = run(tmp_path, "--continue-on-collection-errors", *options)
    assert {test.rpartition(":")[2]: outcome.outcome for test, outcome in found.items()} == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_skipped": "skipped",
        "test_expected": "xfailed",
        "test_error": "error",
        "test_address[<f at 0x…>]": "passed",
        "part/test_unreadable.py": "error",
    }
    bad = found["part/test_some.py::test_bad"]
    assert (bad.raised, bad.folder) == ("ValueError", "part")
    assert (bad.line, bad.block) == ('int("x")', "with pytest.raises(TypeError):")
    assert found["part/test_some.py::test_error"].raised == "KeyError"
    assert "no_such_module" in found["part/test_unreadable.py"].message


def test_the_worst_phase_of_a_test_counts(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    file.write_text('{"test": "a", "outcome": "passed"}\n{"test": "a", "outcome": "error"}\n')
    assert read(file)["a"].outcome == "error"
