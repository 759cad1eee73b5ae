"""Process that forks one for each script, with or without the sandbox; for tests.

``python -m tests.unit.scripts.forking`` reads tasks as lines of JSON and answers with what the
script has printed and how its process ended. The process is no part of the server, whose runner is
tested in ``tests/integration``: it has the sandbox and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from nestd.scripts.modules import parse_modules
from nestd.scripts.sandbox import rlimits, seccomp
from nestd.scripts.sandbox.compile import compile_script, restricted_namespace
from tests.integration.escapes import MODULES
from tests.unit.scripts.stand_in import Nest

IMPORTS = parse_modules(MODULES)
MEMORY_BYTES = 1 << 30
#: Far above what anything but a bomb takes.
DEADLINE_S = 60.0
OUTPUT_LIMIT = 1 << 20

#: Loaded beforehand, so that attempts to use them come as far as the system calls they make.
PRELOADED = """
    _thread code concurrent.futures gc importlib inspect io mmap multiprocessing.popen_fork pathlib
    pickle posix pty resource shutil socket sqlite3 string subprocess tempfile threading types
    typing urllib.request zlib numpy.ctypeslib numpy.f2py numpy.testing
"""


@dataclass(frozen=True)
class Task:
    """Script, and what is to confine it."""

    source: str
    #: Whether the script is compiled with guards and has proxies of modules.
    restricted: bool
    #: Whether its process has limits and the filter of system calls.
    filtered: bool
    #: Time after which its process is killed.
    wall_s: float = DEADLINE_S


@dataclass(frozen=True)
class Outcome:
    """What became of a script."""

    #: What the script printed, its ``result``, and its error.
    printed: str
    #: Exit code, or minus the signal, as ``subprocess`` has it.
    status: int


class Forking:
    """The process that forks; as a context, while it runs."""

    def __enter__(self) -> Forking:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.scripts.forking"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # BLAS would wait forever for threads that it can't have.
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=DEADLINE_S)

    def run(self, source: str, *, restricted: bool, filtered: bool, **more: Any) -> Outcome:
        """Run a script."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(Task(source, restricted, filtered, **more))))
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))


def main() -> None:
    """Serve until there are no more tasks."""
    for name in PRELOADED.split():
        importlib.import_module(name)
    ctypes.CDLL(None)
    seccomp.warm_up()
    for entry in IMPORTS:
        if entry.package != "nest":
            entry.load()
    restricted_namespace(IMPORTS, _modules(Nest()))
    for line in sys.stdin:
        print(json.dumps(asdict(_fork(Task(**json.loads(line))))), flush=True)


def _modules(nest: Nest) -> dict[str, ModuleType]:
    """Return what scripts may import, by name."""
    return {
        **{entry.module: sys.modules[entry.module] for entry in IMPORTS if entry.package != "nest"},
        "nest": nest,
    }


def _fork(task: Task) -> Outcome:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _become_script(task, writing)
        finally:
            os._exit(70)
    os.close(writing)
    printed = _read(reading, time.monotonic() + task.wall_s)
    os.close(reading)
    # With all that the script has started.
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            end(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return Outcome(printed.decode(errors="replace"), os.waitstatus_to_exitcode(status))


def _read(descriptor: int, deadline: float) -> bytes:
    """Read what is printed until the other end is closed, or time is over."""
    printed = b""
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([descriptor], [], [], left)
        data = os.read(descriptor, 1 << 16) if ready else b""
        if not data:
            break
        printed = (printed + data)[:OUTPUT_LIMIT]
    return printed


def _become_script(task: Task, output: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 1024)
    sys.stdin = os.fdopen(0)
    sys.stdout = sys.stderr = os.fdopen(1, "w", encoding="utf-8")
    nest = Nest()
    if task.filtered:
        os.environ.clear()
        rlimits.limit_resources(MEMORY_BYTES, 64, None)
        seccomp.SyscallFilter().install()
    try:
        if task.restricted:
            namespace = restricted_namespace(IMPORTS, _modules(nest))
            code = compile_script(task.source)
        else:
            main_module = ModuleType("__main__")
            namespace = main_module.__dict__
            namespace.update(nest=nest, np=np, numpy=np)
            sys.modules.update({"nest": nest, "nest.ll_api": nest.ll_api})
            code = compile(task.source, "<script>", "exec", dont_inherit=True)
        exec(code, namespace)
        print(namespace.get("result"))
    except BaseException as error:
        print(f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    main()
