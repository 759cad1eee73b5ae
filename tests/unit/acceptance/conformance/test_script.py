"""An example's source as it is run."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.acceptance.conformance.script import composed

_SOURCE = """\
# -*- coding: utf-8 -*-
import os
import sibling
print(os.getcwd(), __name__, sibling.VALUE)
"""


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Path]:
    """An example with a file beside it; what running it changes is undone."""
    (tmp_path / "sibling.py").write_text("VALUE = 7\n")
    path = tmp_path / "example.py"
    directory, search, argv = Path.cwd(), list(sys.path), list(sys.argv)
    yield path
    os.chdir(directory)
    sys.path[:], sys.argv[:] = search, argv
    sys.modules.pop("sibling", None)


def run(source: str, example: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names: dict[str, Any] = {}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(composed(source, example, example.with_name("drawn.npz")), names)
    return out.getvalue(), names


def test_it_runs_as_a_main_program_in_its_directory(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed, names = run(_SOURCE, example, monkeypatch)
    assert printed == f"{example.parent} __main__ 7\n"
    assert names["__file__"] == str(example)
    assert np.load(example.with_name("drawn.npz")).files == []


def test_it_leaves_no_names_behind(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, names = run("# nothing\n", example, monkeypatch)
    assert names.keys() - {"__builtins__"} == {"__file__", "__name__"}


def test_lines_keep_their_numbers(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        run("# first\n\n1 / 0\n", example, monkeypatch)
    assert raised.traceback[-1].lineno + 1 == 3


def test_random_numbers_are_the_same_each_time(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "#\nimport random, numpy\nprint(random.random(), numpy.random.rand())\n"
    assert run(source, example, monkeypatch) == run(source, example, monkeypatch)


def test_a_first_line_that_does_something_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no comment"):
        composed("import nest\n", tmp_path / "example.py", tmp_path / "drawn.npz")
