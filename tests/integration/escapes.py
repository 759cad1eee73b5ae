"""Attempts to get out of a restricted script, each with an effect that can be seen from outside.

``escapes.txt`` has them, as somebody would type them: a line of ``###`` and the name, then the
source. ``memory_escapes.txt`` has those that are after memory, ``bombs.txt`` those that use up what
the server has. A line of ``####`` is a heading.

Sources have gaps that a test fills: ``{marker}`` is the path of a file that must not come to be,
``{secret_file}`` that of one whose content must not come out, ``{secret_variable}`` the name of a
variable of the server's environment whose value must not, ``{port}`` that of a socket nobody must
connect to. Where the way out is memory, the script itself looks whether it got there, and prints
:data:`REACHED`. What an attempt learns it puts into ``result``, which the test asks for.

Unless its name is followed by ``[not plain]``, an attempt takes effect without the sandbox; a test
shows that, so that none is harmless by mistake. ``[system]`` marks attempts that need system calls,
so that their filter alone has to refuse them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nestd.scripts.modules import DEFAULT_MODULES
from nestd.scripts.sandbox.module_rules import STANDARD
from tests.sections import read_sections

#: All that can be given to scripts of the standard library, as NEST_SERVER_MODULES.
MODULES = "; ".join([DEFAULT_MODULES, *(f"import {name}" for name in sorted(STANDARD))])

#: Printed by attempts that got at memory. They write it in two parts, as errors quote sources.
REACHED = "REACHED"


@dataclass(frozen=True)
class Escape:
    """Attempt to get out of a script."""

    name: str
    source: str
    #: Whether the attempt takes effect in plain Python.
    plain: bool = True
    #: Whether the attempt needs system calls, so that their filter alone has to refuse it.
    system: bool = False

    def filled(self, marker: str, secret_file: str, secret_variable: str, port: int) -> str:
        """Return the source, with its gaps filled."""
        source = self.source.replace("{marker}", marker).replace("{secret_file}", secret_file)
        return source.replace("{secret_variable}", secret_variable).replace("{port}", str(port))


@dataclass
class Target:
    """Places where effects of attempts would be seen."""

    marker: Path
    secret_file: Path
    secret: str
    listening: socket.socket

    @classmethod
    @contextmanager
    def made(cls, directory: Path, secret: str) -> Iterator[Target]:
        """Make the places in ``directory``, with ``secret`` in the file that has one."""
        (directory / "secret").write_text(secret)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            yield cls(directory / "marker", directory / "secret", secret, listening)

    def source(self, escape: Escape, variable: str) -> str:
        """Return the source of an attempt, with its gaps filled."""
        port = self.listening.getsockname()[1]
        return escape.filled(str(self.marker), str(self.secret_file), variable, port)

    def effects(self, answer: str, printed: str) -> list[str]:
        """Return what an attempt has achieved."""
        found = []
        if os.path.lexists(self.marker):
            found.append("there is a new file")
        if self.secret in answer:
            found.append("a secret came out")
        if REACHED in printed:
            found.append("it says so")
        try:
            self.listening.accept()[0].close()
            found.append("somebody connected")
        except BlockingIOError:
            pass
        return found


def _read(name: str) -> list[Escape]:
    found = []
    for heading, source in read_sections(Path(__file__).with_name(name)):
        title, *marks = heading.split(" [")
        found.append(Escape(title, source, "not plain]" not in marks, "system]" in marks))
    return found


ESCAPES = [*_read("escapes.txt"), *_read("memory_escapes.txt")]
BOMBS = _read("bombs.txt")
