"""NEST_SERVER_MODULES in both ways of writing."""

from __future__ import annotations

import math
import os.path
from pathlib import Path

import pytest

from nestd.scripts.modules import DEFAULT_MODULES, ModuleImport, parse_modules
from protocol.errors import ConfigurationError
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("modules.txt"))


@pytest.mark.parametrize(("text", "expected"), ROWS["entries"])
def test_entries(text: str, expected: list[tuple[str, str | None, str]]) -> None:
    assert list(parse_modules(text)) == [ModuleImport(*entry) for entry in expected]


def test_default() -> None:
    names = [(one.module, one.name) for one in parse_modules(DEFAULT_MODULES)]
    assert names == [("nest", "nest"), ("numpy", "numpy"), ("numpy", "np")]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nest, 1numpy", "'1numpy'"),
        ("nest numpy", "'nest numpy'"),
        ("numpy.", "'numpy.'"),
        ("os.system(1)", r"'os.system\(1\)'"),
        ("import", "'import'"),
        ("import nest as", "'import nest as'"),
        ("from math import *", r"\*"),
        ("from . import a", "relative"),
        ("from math", "'from math'"),
        ("import nest = 5", "'import nest = 5'"),
        ("class", "'class'"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"NEST_SERVER_MODULES: .*{named}"):
        parse_modules(text)


def test_one_message_names_all_that_is_wrong() -> None:
    with pytest.raises(ConfigurationError, match=r"'1a'.*; .*'import 2'"):
        parse_modules("1a; import 2; nest")


@pytest.mark.parametrize(
    ("entry", "statement"),
    [
        (ModuleImport("numpy", None, "numpy"), "import numpy"),
        (ModuleImport("numpy", None, "np"), "import numpy as np"),
        (ModuleImport("os.path", None, "os"), "import os.path"),
        (ModuleImport("os.path", None, "p"), "import os.path as p"),
        (ModuleImport("math", "pi", "circle"), "from math import pi as circle"),
    ],
)
def test_statement_says_what_the_entry_says(entry: ModuleImport, statement: str) -> None:
    assert entry.statement == statement
    assert parse_modules(entry.statement) == (entry,)


def test_loading_gives_what_the_name_is_bound_to() -> None:
    assert ModuleImport("math", None, "m").load() is math
    assert ModuleImport("math", "pi", "circle").load() == math.pi
    assert ModuleImport("os.path", None, "os").load() is os
    assert ModuleImport("os.path", None, "p").load() is os.path
    with pytest.raises(ImportError):
        ModuleImport("math", "nothing", "nothing").load()
