"""Servers without the language wall, and with code in the kernel's process.

Only the environment of a test's server asks for it: ``PYTHONPATH`` names a directory of the test,
whose ``sitecustomize`` changes the product's functions in the processes of nestd before they run.
The product itself has no switch for it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.attacks.targets import Target, attacked

#: Names what is taken away; scripts' processes get no variable but those of Python.
VARIABLE = "PYTHON_TEST_WITHOUT"
#: Begins a key of the kernel's status that is code for the kernel's process.
CODE = "#code\n"

_SITECUSTOMIZE = f'''
"""Takes walls away, in the processes of one server."""

import builtins
import importlib.util
import os
import sys

arguments = sys.orig_argv

def load():
    """Load what attacks use: a process that can read no files has it, too."""
    import ctypes, glob, mmap, signal, socket, struct, subprocess  # noqa: E401

    from protocol.wire import frames, messages, streams

    ctypes.CDLL(None)


program = arguments[arguments.index("-m") + 1] if "-m" in arguments else ""
without = os.environ.get("{VARIABLE}", "").split()


def execute(source, restricted, namespace):
    namespace["__builtins__"] = builtins
    exec(compile(source, "<script>", "exec", dont_inherit=True), namespace)


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from texts(entry)


def with_code(own):
    def execute(self, operation, *rest, **named):
        for text in texts([operation.args, operation.kwargs]):
            if text.startswith({CODE!r}):
                said = []
                space = {{"print": lambda *given: said.append(" ".join(map(str, given)))}}
                try:
                    exec(text, space)
                except BaseException as error:
                    said.append(f"{{type(error).__name__}}: {{error}}")
                from protocol.errors import ArgumentError
                raise ArgumentError("\\n".join(said) or "nothing", call=operation.call)
        return own(self, operation, *rest, **named)
    return execute


class Loader:
    """Loads the kernel's module, and lets it take code."""

    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        load()
        self.loader.exec_module(module)
        module.Kernel.execute = with_code(module.Kernel.execute)


class Finder:
    """Finds the kernel's module."""

    def find_spec(self, name, path=None, target=None):
        if name != "nestd.kernel.kernel":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        spec.loader = Loader(spec.loader)
        return spec


if program == "nestd.scripts.process.fork_server":
    from nestd.scripts.process import child
    from nestd.scripts.program import execution
    from nestd.scripts.sandbox import seccomp

    load()
    if "language" in without:
        assert child.execute is execution.execute
        child.execute = execution.execute = execute
    if "seccomp" in without:
        assert callable(seccomp.SyscallFilter.install)
        seccomp.SyscallFilter.install = lambda self: None
        # The server would notice, and refuse scripts.
        assert callable(seccomp.seccomp_problem)
        seccomp.seccomp_problem = lambda: None
if program.startswith("nestd.") and "kernel" in without:
    sys.meta_path.insert(0, Finder())
'''


@contextmanager
def without(*walls: str, env: dict[str, str] | None = None) -> Iterator[Target]:
    """Have a server without ``language`` or ``seccomp``, or with code in its ``kernel``."""
    directory = Path(tempfile.mkdtemp(prefix="nestd-bypass-"))
    try:
        (directory / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        directory.chmod(0o755)
        asked = {"PYTHONPATH": str(directory), VARIABLE: " ".join(walls)}
        with attacked({"NEST_SERVER_ENABLE_EXEC_CALL": "1"} | asked | (env or {})) as target:
            yield target
    finally:
        shutil.rmtree(directory)


def in_kernel(target: Target, source: str) -> str:
    """Run Python in the kernel's process; return what it printed."""
    reply = target.server.post("/api/GetKernelStatus", {"keys": [CODE + target.fill(source)]})
    return str(reply.json().get("message", reply.text))
