"""Words and shape of the product: a scan of its modules for what newcomers stumble over."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.repository.test_dependencies import ALLOWED, ROOT, modules

LINES_LIMIT = 350
MODULES_LIMIT = 12

#: A docstring that begins so says nothing to a reader who does not know the code around it.
RIDDLES = ("The same", "Of", "It", "Those", "These", "Something", "Somebody", "Whoever", "Nobody")
RIDDLES += ("They",)
#: The docstring of a function begins with a verb.
NO_VERBS = ("A", "An", "The", "What", "Whether", "Who", "Where", "When", "How", "Why", "As")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def product() -> dict[Path, ast.Module]:
    """Parse all modules of the product."""
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for package in ALLOWED
        for path in modules(package)
    }


PRODUCT = product()


def docstrings(tree: ast.Module) -> Iterator[tuple[Documented, str]]:
    for node in ast.walk(tree):
        if isinstance(node, Documented):
            text = ast.get_docstring(node)
            if text is not None:
                yield node, text


def begins(text: str, words: tuple[str, ...]) -> bool:
    return re.match(rf"({'|'.join(words)})\b", text) is not None


def is_riddle(node: Documented, text: str) -> bool:
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return begins(text, RIDDLES + NO_VERBS if is_function else RIDDLES)


def unnamed(package: str, text: str) -> set[str]:
    """Return the modules and folders of a package that the docstring of its ``__init__`` omits."""
    folder = ROOT / package
    names = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    names |= {path.parent.name for path in folder.glob("*/__init__.py")}
    words = {line.split()[0].rstrip("/") for line in text.splitlines() if line.strip()}
    return names - words


def test_names_of_classes_are_unique_in_the_product() -> None:
    where = defaultdict(list)
    for path, tree in PRODUCT.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                where[node.name.strip("_")].append(path)
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_docstrings_say_what_they_are_about() -> None:
    riddles = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path, tree in PRODUCT.items()
        for node, text in docstrings(tree)
        if is_riddle(node, text)
    ]
    assert riddles == []


def test_modules_are_short() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PRODUCT}
    assert {path: count for path, count in lines.items() if count > LINES_LIMIT} == {}


def test_folders_have_few_modules() -> None:
    counts: defaultdict[Path, int] = defaultdict(int)
    for path in PRODUCT:
        counts[path.parent] += path.name != "__init__.py"
    assert {folder: count for folder, count in counts.items() if count > MODULES_LIMIT} == {}


def test_each_package_has_a_map_of_its_modules() -> None:
    missing = {
        str(path.relative_to(ROOT)): names
        for path, tree in PRODUCT.items()
        if path.name == "__init__.py"
        and (names := unnamed(str(path.parent.relative_to(ROOT)), ast.get_docstring(tree) or ""))
    }
    assert missing == {}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('def f():\n    """It is idle again."""', True),
        ('def f():\n    """The number of ranks."""', True),
        ('def f():\n    """Return the number of ranks."""', False),
        ('class C:\n    """The same, in their order."""', True),
        ('class C:\n    """Items in their order."""', False),
        ('"""Of what is not known."""', True),
        ('"""Theory."""', False),
    ],
)
def test_riddles_are_found(code: str, expected: bool) -> None:
    assert any(is_riddle(*found) for found in docstrings(ast.parse(code))) is expected


def test_what_a_map_omits_is_found() -> None:
    assert "status_file" in unnamed("protocol/runtime", "paths  names\n\njob_store  jobs")
    assert "paths" not in unnamed("protocol/runtime", "paths  names\n\njob_store  jobs")
