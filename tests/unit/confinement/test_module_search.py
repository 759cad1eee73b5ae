"""Where NEST looks for extension modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nestd.confinement.module_search import safe_directories

_PROGRAM = """
import ctypes, os
os.environ["LTDL_LIBRARY_PATH"] = "/usr/lib:/tmp:relative:/missing"
import nestd.kernel.pynest
from nestd.confinement.kernel import nest_libraries
from nestd.confinement.module_search import close_module_search
library = ctypes.CDLL(str(next(iter(nest_libraries()))))
library.lt_dlgetsearchpath.restype = ctypes.c_char_p
print("path", (library.lt_dlgetsearchpath() or b"").decode())
close_module_search()
print("path", (library.lt_dlgetsearchpath() or b"").decode())
print("variable", os.environ["LTDL_LIBRARY_PATH"])
"""


def test_nest_searches_no_directory_that_others_could_make() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    before, after, variable = [
        line.partition(" ")[2]
        for line in done.stdout.splitlines()
        if line.startswith(("path", "variable"))
    ]
    assert before.startswith("/")
    assert after.split(":") == (safe_directories(before.split(":")) or [""])
    assert variable == "/usr/lib"


@pytest.mark.parametrize(
    ("mode", "is_own"), [(0o700, True), (0o755, True), (0o775, False), (0o1777, False)]
)
def test_directories_are_safe_that_nobody_else_writes_to(
    tmp_path: Path, mode: int, is_own: bool
) -> None:
    directory = tmp_path / "lib"
    directory.mkdir()
    directory.chmod(mode)
    assert safe_directories([str(directory)]) == ([str(directory)] if is_own else [])


def test_directories_of_somebody_else_missing_and_relative_ones_are_not_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "missing")
    assert safe_directories([str(tmp_path), missing, "relative"]) == [str(tmp_path)]
    os.chown(tmp_path, 65_534 if os.getuid() == 0 else os.getuid(), -1)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert safe_directories([str(tmp_path)]) == []
