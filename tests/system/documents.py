"""The blocks of code in Markdown pages, and what runs them.

What becomes of a block is told by the language after its fence:

========== ===================================================================================
bash       is run in the page's shell; no command of it may fail
console    commands after ``$``, each run in the page's shell; what follows is what it prints
python     is run in the page's Python
javascript is run by node
output     is what the block before it prints
json       has to be JSON
(none)     is a drawing
========== ===================================================================================

In what is printed, ``…`` stands for anything. A comment ``<!-- not run: why -->`` in the line
before a block keeps it from being run, and one ``<!-- run alone: what it does -->`` from being run
with the others of its page.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, free_port

ROOT = Path(__file__).parents[2]

_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_ALONE = re.compile(r"<!-- run alone: (.+) -->")
_FENCE = re.compile(r"( *)```(\w*)")
#: The ports in the pages, which other programs of the machine may have.
_DOCUMENTED = ("52425", "5000")
_START = "nest-server start"
_RUNNING = "NEST Server is now running"


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes
    ----------
    page : file name
    line : of its first line
    language : after the fence
    text : with a newline at its end
    not_run : why it is not run; ``None`` if it is
    alone : what it does, if it is not run with the others of its page
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str | None
    alone: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The blocks of ``page``, in their order."""
    found: list[Block] = []
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    before = ""
    for number, line in lines:
        fence = _FENCE.fullmatch(line)
        if fence:
            text = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                text.append(inner.removeprefix(fence[1]) + "\n")
            reason = _NOT_RUN.fullmatch(before.strip())
            alone = _ALONE.fullmatch(before.strip())
            found.append(
                Block(
                    page.name,
                    number + 1,
                    fence[2],
                    "".join(text),
                    reason[1] if reason else None,
                    alone[1] if alone else None,
                )
            )
        before = line
    return found


def run_as_server(block: Block, runtime: Runtime, directory: Path) -> None:
    """Run a block that starts a server; assert that it has one, which ends by Ctrl-C."""
    port = free_port()
    programs = Path(runtime.python).parent
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "NEST_SERVER_PORT": str(port),
        # As root, and with more ranks than cores, which users of a launcher are and have not.
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }
    text = block.text.replace(_DOCUMENTED[0], str(port))
    with (directory / "console.txt").open("w") as console:
        process = subprocess.Popen(
            ["bash", "-ec", text],
            cwd=directory,
            env=runtime.environment(environment),
            stdout=console,
            stderr=subprocess.STDOUT,
            # As a terminal sends Ctrl-C: to all that it has started.
            start_new_session=True,
        )
    try:
        # It says so when a request was answered.
        said = (directory / "console.txt").read_text
        poll_until(lambda: _RUNNING in said() or process.poll() is not None, DEADLINE_S)
        assert _RUNNING in said(), said()
        assert process.poll() is None, said()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(DEADLINE_S)


def matches(wanted: str, printed: str) -> bool:
    """Whether ``printed`` is ``wanted``, in which ``…`` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in wanted.split("\N{HORIZONTAL ELLIPSIS}"))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


@dataclass
class Page:
    """What a page's blocks are run in: a directory, a shell, a Python, a server's port.

    Attributes
    ----------
    directory : where commands are run
    runtime : of the page's server
    port : that the server listens on instead of the documented ones
    """

    directory: Path
    runtime: Runtime
    port: int = field(default_factory=free_port)
    printed: str = ""
    _shell: _Session | None = None
    _python: _Session | None = None
    _server: subprocess.Popen[bytes] | None = None

    def run(self, block: Block) -> None:
        """Run ``block``; assert that it succeeds and prints what the page says."""
        runs: dict[str, Callable[[Block], None]] = {
            "bash": self._bash,
            "console": self._console,
            "python": self._run_python,
            "javascript": self._javascript,
            "output": self._output,
        }
        runs[block.language](block)

    def close(self) -> None:
        """End whatever the page has started."""
        for session in (self._shell, self._python):
            if session is not None:
                session.close()
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            assert self._server.wait(DEADLINE_S) == 0

    def start_server(self) -> None:
        """Have a server, as if the reader had started it before."""
        done = self.runtime.run("start", "-d", "-p", str(self.port))
        assert done.returncode == 0, done.stderr

    def _environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return self.runtime.environment(
            {"NEST_SERVER_PORT": str(self.port), "PATH": f"{programs}:{os.environ['PATH']}"}
        )

    def _here(self, text: str) -> str:
        """``text`` with the port of this server."""
        for documented in _DOCUMENTED:
            text = re.sub(rf"\b{documented}\b", str(self.port), text)
        return text

    def _as_documented(self, printed: str) -> str:
        """``printed`` with the port that the page has."""
        return printed.replace(str(self.port), _DOCUMENTED[0])

    def _expect(self, block: Block, wanted: str) -> None:
        # One port has to do here, and what it is called is the same.
        wanted = wanted.replace(" and http://127.0.0.1:5000", "")
        assert matches(wanted.rstrip("\n"), self.printed.rstrip("\n")), (
            f"{block} says\n{wanted}\nbut\n{self.printed}"
        )

    def _bash(self, block: Block) -> None:
        if self._shell is None:
            self._shell = _Session.bash(self.directory, self._environment())
        self.printed, failed = self._shell.run(self._here(block.text))
        self.printed = self._as_documented(self.printed)
        assert not failed, f"{block} fails: {failed}\n{self.printed}"

    def _console(self, block: Block) -> None:
        for entry in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, wanted = entry.partition("\n")
            if command == _START:
                self._start(block, wanted)
                continue
            self._bash(Block(block.page, block.line, "bash", command + "\n", None))
            if command == "nest-server stop" and self._server is not None:
                assert self._server.wait(DEADLINE_S) == 0
                self._server = None
            self._expect(block, wanted)

    def _start(self, block: Block, wanted: str) -> None:
        """The server in the foreground, as in a terminal of its own."""
        console = self.directory / "console.txt"
        with console.open("w") as output:
            self._server = subprocess.Popen(
                _START.split(),
                cwd=self.directory,
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        last = wanted.splitlines()[-1]
        assert poll_until(lambda: last in console.read_text(), DEADLINE_S), console.read_text()
        self.printed = self._as_documented(console.read_text())
        self._expect(block, wanted)

    def _run_python(self, block: Block) -> None:
        if self._python is None:
            self._python = _Session.python(self.directory, self._environment())
        self.printed, failed = self._python.run(self._here(block.text))
        assert not failed, f"{block} fails: {self.printed}"

    def _javascript(self, block: Block) -> None:
        script = self.directory / "block.mjs"
        script.write_text(self._here(block.text), encoding="utf-8")
        token = self.runtime.run("token", "-p", str(self.port)).stdout.strip()
        done = subprocess.run(
            ["node", script],
            cwd=self.directory,
            env=self._environment() | {"TOKEN": token},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        self.printed = self._as_documented(done.stdout)
        assert done.returncode == 0, f"{block} fails: {self.printed}"

    def _output(self, block: Block) -> None:
        self._expect(block, block.text)


#: Runs files whose names it reads, in one namespace.
#: PyNEST's own warnings about calls that the pages make, as NEST Server's documentation does.
_ALLOWED = [
    option
    for call in ("GetStatus", "SetStatus")
    for option in ("-W", f"ignore:{call}() is deprecated:UserWarning")
]
_PYTHON = """
import contextlib, os, sys, traceback
namespace = {"__name__": "__main__"}
for line in sys.stdin:
    script, output, done = line.rstrip("\\n").split("\\t")
    failed = ""
    with open(output, "w") as to, contextlib.redirect_stdout(to), contextlib.redirect_stderr(to):
        try:
            with open(script) as source:
                exec(compile(source.read(), script, "exec"), namespace)
        except BaseException as error:
            traceback.print_exc()
            failed = repr(error)
    with open(done + ".new", "w") as stream:
        stream.write(failed)
    os.rename(done + ".new", done)
"""
#: The same for bash; ``$failed`` are the commands that did.
_BASH = """
set -E
trap 'failed="$failed line $LINENO: $BASH_COMMAND"' ERR
while IFS=$'\\t' read -r script output done <&3; do
    failed=""
    source "$script" >"$output" 2>&1 </dev/null
    printf '%s' "$failed" >"$done.new"
    mv "$done.new" "$done"
done
"""


class _Session:
    """An interpreter that keeps what blocks define, from one to the next."""

    def __init__(self, command: list[str], directory: Path, environment: dict[str, str]) -> None:
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=reading, pass_fds=[reading]
        )
        os.close(reading)
        self._input = os.fdopen(writing, "w")
        self._scratch = directory / ".blocks"
        self._scratch.mkdir(exist_ok=True)
        self._number = 0

    @classmethod
    def bash(cls, directory: Path, environment: dict[str, str]) -> _Session:
        """A shell."""
        return cls(["bash", "-c", "exec 3<&0 0</dev/null;" + _BASH], directory, environment)

    @classmethod
    def python(cls, directory: Path, environment: dict[str, str]) -> _Session:
        """A Python."""
        return cls(
            [sys.executable, "-W", "error", *_ALLOWED, "-c", _PYTHON], directory, environment
        )

    def run(self, text: str) -> tuple[str, str]:
        """What ``text`` prints, and what of it fails."""
        self._number += 1
        stem = self._scratch / f"{type(self).__name__}-{id(self)}-{self._number}"
        script, output, done = (stem.with_suffix(suffix) for suffix in (".in", ".out", ".done"))
        script.write_text(text, encoding="utf-8")
        self._input.write(f"{script}\t{output}\t{done}\n")
        self._input.flush()
        ended = poll_until(lambda: done.exists() or self._process.poll() is not None, DEADLINE_S)
        assert ended, f"{text} does not end"
        assert done.exists(), f"{text} ends its interpreter"
        return output.read_text(encoding="utf-8"), done.read_text(encoding="utf-8")

    def close(self) -> None:
        """End the interpreter."""
        self._input.close()
        self._process.wait(DEADLINE_S)
