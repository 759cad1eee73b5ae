"""Tables of sources kept as text: ``###`` and a name begin a case, ``####`` begins a heading."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any


def read_sections(path: Path) -> list[tuple[str, str]]:
    """Return name and text of each section of the file ``path``, without its headings."""
    text = re.sub(r"^#### .*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    _, *parts = re.split(r"^### (.+)\n", text, flags=re.M)
    return [
        (name, body.strip("\n") + "\n") for name, body in zip(parts[::2], parts[1::2], strict=True)
    ]


def read_rows(path: Path) -> dict[str, list[Any]]:
    """Return the rows of each section of the file ``path``: a Python literal on each line.

    Several literals with commas between them are a tuple. Lines of ``#`` are comments.
    """
    return {
        name: [ast.literal_eval(line) for line in body.splitlines() if line and line[0] != "#"]
        for name, body in read_sections(path)
    }
