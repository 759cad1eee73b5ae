"""Process of one script: confines itself, waits for its script, runs the script, answers and exits.

The process is forked before there is a script, so that a script finds one ready.
"""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import io
import mmap
import os
import random
import signal
import socket
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from nest_remote.description import Description
from nest_remote.look_alike.module import PyNest
from nest_remote.look_alike.submodules import install
from nest_remote.session import Session
from nestd.scripts.failures import SCRIPT, script_error
from nestd.scripts.process.reach import Reach, choose_temporary_directory
from nestd.scripts.process.transport import (
    BEGUN,
    CONNECTION,
    LINE,
    LOCATION,
    ScriptTransport,
    mark_line,
)
from nestd.scripts.program.arrival import ProgramDirectories
from nestd.scripts.program.ending import flush, forget_exit_functions
from nestd.scripts.program.execution import ScriptRun, execute, returned
from nestd.scripts.program.workers import Workers
from nestd.scripts.sandbox import rlimits, seccomp
from nestd.scripts.sandbox.compile import add_sys, restricted_namespace
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ProtocolError
from protocol.process.identity import die_with_parent
from protocol.runtime.paths import RuntimeDirectory
from protocol.wire import frames
from protocol.wire.messages import Failure, Result, Script
from protocol.wire.streams import WaitingStream
from protocol.wire.values import Buffer

#: Script that is rehearsed, encoded as a script arrives.
_REHEARSED = frames.encode(Script("", "number = 1\nnumber", "number"))


class ScriptNamespace:
    """Surroundings of scripts, made once: their variables, streams and connection to the kernel.

    Parameters
    ----------
    settings : of scripts
    description : what the kernel offers
    modules : that restricted scripts may import, by dotted name
    """

    def __init__(
        self,
        settings: ScriptSettings,
        description: Description,
        modules: dict[str, ModuleType],
    ) -> None:
        self.restricted = settings.restricted
        #: Names of the modules that are loaded before a script.
        self.modules: frozenset[str] = frozenset()
        #: What ``sys.argv`` is in a restricted script.
        self.argv: list[str] = []
        #: Where unrestricted programs of several files are.
        self.directories: ProgramDirectories | None = None
        self.stream, self.printed = _streams()
        self.transport = ScriptTransport()
        nest = PyNest(
            "nest", Session(self.transport, description=description, has_files=not self.restricted)
        )
        if self.restricted:
            self.variables = restricted_namespace(settings.imports, {**modules, "nest": nest})
            add_sys(self.variables, self.argv)
            return
        main = ModuleType("__main__")
        main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = main
        install(nest)
        # As for a script that is run from where the server was started.
        sys.path.insert(0, str(Path.cwd()))
        for entry in settings.imports:
            main.__dict__[entry.name] = entry.load()
        self.variables = main.__dict__


def become_like_fork(settings: ScriptSettings, files: RuntimeDirectory) -> None:
    """Give the fork server what its forks begin with, as far as it can have that itself."""
    sys.argv = [SCRIPT]
    forget_exit_functions()
    if settings.restricted:
        # Scripts can't see the variables, and what is loaded later does not need them.
        os.environ.clear()
    else:
        choose_temporary_directory(files)


def _streams() -> tuple[WaitingStream, io.TextIOWrapper]:
    """Make the stream to nestd and the stream for a script's output, before the forks.

    Made once, they need not be made in each fork, nor their memory be copied. Both inspect their
    file descriptors when they are made, which are of the kinds that a fork will have.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        os.dup2(ours.fileno(), CONNECTION)
        stream = WaitingStream(socket.socket(fileno=CONNECTION))
    reading, writing = os.pipe()
    own = os.dup(1)
    os.dup2(writing, 1)
    # One stream for both: what is printed stays in the order in which it was printed.
    printed = io.TextIOWrapper(
        io.FileIO(1, "w"), encoding="utf-8", errors="backslashreplace", write_through=True
    )
    os.dup2(own, 1)
    for descriptor in (reading, writing, own):
        os.close(descriptor)
    return stream, printed


def prepare_streams() -> None:
    """Set up the scripts' standard input and the reporting of lines, before the forks."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, LOCATION, CONNECTION):
        os.dup2(null, descriptor)
    sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8")
    faulthandler.enable(file=LOCATION, all_threads=False)
    faulthandler.register(signal.SIGTERM, file=LOCATION, all_threads=False)


def become_runner(
    settings: ScriptSettings,
    namespace: ScriptNamespace,
    reach: Reach,
    syscall_filter: seccomp.SyscallFilter | None,
    mapped_bytes: int,
    connected: int,
    output: int,
    location: int,
    line_marker: mmap.mmap,
) -> NoReturn:
    """Run the script that arrives over ``connected``; for a process that was just forked.

    Parameters
    ----------
    settings : of scripts
    namespace : surroundings of the script
    reach : what the process can open, connect to and signal
    syscall_filter : confines restricted scripts, too; ``None`` for others
    mapped_bytes : address space that is mapped now
    connected : file descriptor of the socket to nestd
    output : file descriptor that takes what the script prints
    location : file descriptor to which the script's line is reported when the script is ended
    line_marker : shared memory for the line that the script executes
    """
    os.setsid()
    # Before the descriptor of its rules is closed.
    reach.limit()
    for descriptor, place in (
        (connected, CONNECTION),
        (location, LOCATION),
        (output, 1),
        (output, 2),
    ):
        os.dup2(descriptor, place)
    os.closerange(max(CONNECTION, LOCATION) + 1, os.sysconf("SC_OPEN_MAX"))
    stream = namespace.stream
    namespace.transport.attach(stream, line_marker)
    sys.stdout = sys.stderr = namespace.printed
    _confine(settings, syscall_filter, mapped_bytes)
    if not namespace.restricted:
        _mark_exits(line_marker)
        Workers(namespace.transport, CONNECTION).watch()
    rehearse(namespace)
    received = stream.receive()
    if received is None:
        os._exit(0)
    message = frames.decode(received)
    if not isinstance(message, Script):
        os._exit(1)
    LINE.pack_into(line_marker, 0, BEGUN)
    answer = ScriptRun(message, namespace, settings.memory_bytes).run()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    namespace.transport.answer(_encoded(answer))
    os._exit(0)


def _encoded(answer: Result | Failure) -> list[Buffer]:
    try:
        return frames.encode(answer)
    except ProtocolError as error:
        failure = script_error(ValueError(f"what it returns can't be sent: {error}"), 0)
        return frames.encode(Failure(answer.id, "", failure))


def rehearse(namespace: ScriptNamespace) -> None:
    """Run a short script, so that the memory that scripts need is there when one arrives.

    After a fork, each page is copied when it is first touched, which would take longer than a
    short script itself.
    """
    script = frames.decode(_REHEARSED)
    assert isinstance(script, Script)
    kept = namespace.variables
    namespace.variables = dict(kept)
    execute(script.source, namespace.restricted, namespace.variables)
    _encoded(Result("", "", {"data": returned(script.returns, namespace)}))
    namespace.variables = kept
    if not namespace.restricted:
        flush()


def rehearse_fork(syscall_filter: seccomp.SyscallFilter | None) -> None:
    """Do what a process does that was just forked, as far as that changes nothing."""
    # Python itself does the next two.
    random.seed()
    threading._after_fork()  # type: ignore[attr-defined]
    die_with_parent(0)
    os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rlimits.limit_resources(None, None, None)
    if syscall_filter is not None:
        syscall_filter.rehearse()


def _confine(
    settings: ScriptSettings, syscall_filter: seccomp.SyscallFilter | None, mapped_bytes: int
) -> None:
    """Leave this process nothing but what a script needs."""
    if settings.restricted:
        for sig in (signal.SIGINT, signal.SIGPIPE):
            signal.signal(sig, signal.SIG_DFL)
    else:
        # As Python begins with.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    rlimits.limit_resources(
        settings.memory_bytes,
        settings.open_files,
        None if settings.restricted else settings.processes,
        mapped_bytes,
    )
    if settings.restricted:
        assert syscall_filter is not None
        syscall_filter.install()


def _mark_exits(line_marker: mmap.mmap) -> None:
    """Have the line marked before a script ends its own process, in whatever way."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.kill", "os.killpg", "os.exec", "signal.pthread_kill"):
            mark_line(line_marker)

    sys.addaudithook(note)
    leave = os._exit

    def _exit(status: int) -> NoReturn:
        mark_line(line_marker)
        leave(status)

    os._exit = _exit
