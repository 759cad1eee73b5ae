"""Attempts to get out of a restricted script, each with an effect that can be seen from outside.

``escapes.txt`` has them, as somebody would type them: a line of ``###`` and the name, then the
source. ``bombs.txt`` has those that use up what the server has. A line of ``####`` is a heading.

Sources have gaps that a test fills: ``{marker}`` is the path of a file that must not come to be,
``{secret_file}`` that of one whose content must not come out, ``{secret_variable}`` the name of a
variable of the server's environment whose value must not, ``{port}`` that of a socket nobody must
connect to. Where the way out is memory, the script itself looks whether it got there, and prints
:data:`REACHED`. What an attempt learns it puts into ``result``, which the test asks for.

Unless its name is followed by ``[not plain]``, the attempt takes effect in Python without any wall;
a test sees to that, so that none of these is harmless by mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: Printed by attempts that got at memory. They write it in two parts, as errors quote sources.
REACHED = "REACHED"


@dataclass(frozen=True)
class Escape:
    """One attempt."""

    name: str
    source: str
    #: Whether it takes effect in plain Python.
    plain: bool = True

    def filled(self, marker: str, secret_file: str, secret_variable: str, port: int) -> str:
        """The source, with its gaps filled."""
        source = self.source.replace("{marker}", marker).replace("{secret_file}", secret_file)
        return source.replace("{secret_variable}", secret_variable).replace("{port}", str(port))


def _read(name: str) -> list[Escape]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    parts = re.split(
        r"^### (.+?)( \[not plain\])?\n", re.sub(r"^#### .*\n", "", text, flags=re.M), flags=re.M
    )
    return [
        Escape(title, source.strip("\n") + "\n", plain=not mark)
        for title, mark, source in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    ]


ESCAPES = _read("escapes.txt")
BOMBS = _read("bombs.txt")
