"""Takes measures out of a fork server of scripts, so that tests see what holds without them.

Python imports this module when it starts, if a test has put its directory into ``PYTHONPATH``.
``NESTD``'s variables don't reach the process, so ``PYTHONWITHOUT`` names the measures: ``wall`` for
the guards in Python, ``seccomp`` for the filter of system calls, ``pyseccomp`` for its package.
"""

from __future__ import annotations

import builtins
import os
import sys
from typing import Any

_without = os.environ.get("PYTHONWITHOUT", "").split(",")


def _take_out_wall() -> None:
    # What attempts use has to be loaded: nothing is found later.
    import ctypes
    import mmap
    import socket
    import subprocess
    import tempfile

    from nestd.scripts.sandbox import compile as compiling

    def compiled(source: str) -> Any:
        return compile(source, "<script>", "exec", dont_inherit=True)

    def namespace(_: Any, loaded: Any) -> dict[str, Any]:
        ctypes.CDLL(None)
        modules = {m.__name__: m for m in (ctypes, mmap, os, socket, subprocess, sys, tempfile)}
        return {"__builtins__": builtins, "__name__": "__main__", **modules, "nest": loaded["nest"]}

    compiling.compile_script = compiled
    compiling.restricted_namespace = namespace
    compiling.add_sys = lambda *_: None


def _take_out_seccomp() -> None:
    from nestd.scripts.sandbox import seccomp

    seccomp.seccomp_problem = lambda: None
    seccomp.SyscallFilter.install = lambda self: None  # type: ignore[method-assign]


if any(word.endswith("fork_server") for word in sys.orig_argv):
    if "pyseccomp" in _without:
        sys.modules["pyseccomp"] = None  # type: ignore[assignment]
    if "wall" in _without:
        _take_out_wall()
    if "seccomp" in _without:
        _take_out_seccomp()
