"""Execution of one script in its process: begins, runs and ends it, and makes its answer."""

from __future__ import annotations

import contextlib
import faulthandler
import linecache
import mmap
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

from nestd.scripts.failures import SCRIPT, script_error
from nestd.scripts.process.transport import LOCATION
from nestd.scripts.program.arrival import begin, own_file
from nestd.scripts.program.ending import exit_status, finish, flush
from nestd.scripts.results import ResultEncoder, file_value
from nestd.scripts.sandbox.compile import compile_script
from protocol.errors import ScriptError
from protocol.wire.messages import Failure, Result, Script

if TYPE_CHECKING:
    from nestd.scripts.process.child import ScriptNamespace

#: Memory that is set free when a script has used up its own, for the error that reports it.
_RESERVE_BYTES = 8 << 20


class ScriptRun:
    """Run of one script.

    Parameters
    ----------
    script : to run
    namespace : surroundings of the script
    memory_bytes : memory that the script may take
    """

    def __init__(self, script: Script, namespace: ScriptNamespace, memory_bytes: int) -> None:
        self._script = script
        self._namespace = namespace
        self._memory_bytes = memory_bytes
        self._pid = os.getpid()
        self._value: dict[str, Any] = {}
        self._error: ScriptError | None = None
        self._status = 0
        self._is_ended = False

    def run(self) -> Result | Failure:
        """Run the script, and return its answer.

        A process that the script has forked, and which comes to the script's end, exits here.
        """
        if not self._namespace.restricted:
            self._listen_to_end()
        # The limit is on address space, so the memory itself is never touched.
        reserve = mmap.mmap(-1, _RESERVE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        try:
            self._execute()
        except BaseException as error:
            reserve.close()
            self._status = 1
            self._error = script_error(error, self._memory_bytes)
        if not self._namespace.restricted:
            finish(self._namespace.variables, self._namespace.modules)
        if self._is_ended:
            os._exit(self._status)
        if os.getpid() != self._pid:
            self._leave()
        if self._error is not None:
            self._error.data = self._value.get("data")
            return Failure(self._script.id, "", self._error)
        return Result(self._script.id, "", self._value)

    def _execute(self) -> None:
        variables = self._namespace.variables
        try:
            source = begin(self._script, self._namespace)
            lines = [line + "\n" for line in source.split("\n")]
            linecache.cache[SCRIPT] = (len(source), None, lines, SCRIPT)
            execute(source, self._namespace.restricted, variables)
        except SystemExit as error:
            self._status = exit_status(error.code)
            if self._status:
                self._error = script_error(error, self._memory_bytes)
        if self._script.returns is not None and os.getpid() == self._pid:
            self._value["data"] = returned(self._script.returns, self._namespace)

    def _listen_to_end(self) -> None:
        """Have the script interrupted when it is to be ended: it may write out what it has.

        faulthandler, which is first to get the signal, reports the line.
        """
        signal.signal(signal.SIGTERM, self._interrupt)
        faulthandler.register(signal.SIGTERM, file=LOCATION, all_threads=False, chain=True)

    def _interrupt(self, signal_number: int, frame: FrameType | None) -> None:
        self._is_ended = True
        self._namespace.transport.detach()
        flush()
        raise KeyboardInterrupt

    def _leave(self) -> None:
        """End a process that the script has forked, as Python ends a program."""
        if self._error is not None:
            with contextlib.suppress(OSError, ValueError):
                print(self._error.trace, file=sys.stderr, end="", flush=True)
        os._exit(self._status)


def execute(source: str, restricted: bool, variables: dict[str, Any]) -> None:
    """Compile and execute a script."""
    if restricted:
        code = compile_script(source)
    else:
        code = compile(source, SCRIPT, "exec", dont_inherit=True)
    exec(code, variables)  # noqa: S102  # it is what scripts are for


def returned(returns: str | list[str] | None, namespace: ScriptNamespace) -> Any:
    """Return the values of the variables and files that were asked for; ``None`` for missing ones.

    A name that no variable can have is that of a file.
    """
    encoder = ResultEncoder()
    variables = namespace.variables

    def value(name: str) -> Any:
        if not name.isidentifier() and name not in variables:
            # What the script has written to a file may be in a buffer.
            flush()
            own = own_file(name, namespace)
            return file_value(name, namespace.transport.files()) if own is None else own
        if namespace.restricted and name.startswith("_"):
            return None
        return encoder.encode(variables.get(name))

    if returns is None or isinstance(returns, str):
        return value(returns) if returns else None
    return {name: value(name) for name in returns}
