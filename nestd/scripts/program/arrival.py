"""Arrival of a script in its process: its name and arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from protocol.wire.messages import Script

if TYPE_CHECKING:
    from nestd.scripts.process.child import ScriptNamespace

#: Name of a script that has none.
UNNAMED = "script.py"


def begin(script: Script, namespace: ScriptNamespace) -> str:
    """Give the script what Python gives a program, and return its source."""
    name = script.name or UNNAMED
    if not namespace.restricted:
        # As for a program that was started where the server was.
        namespace.variables["__file__"] = str(Path.cwd() / name)
        sys.argv = [name, *script.argv]
    return script.source
