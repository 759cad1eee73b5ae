"""The process that runs one script: forked, shut in, told what to run, and gone.

It begins before there is a script, so that one that comes finds it ready.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import faulthandler
import io
import linecache
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
from nest_remote.module import PyNest, install
from nest_remote.session import Session
from nestd.scripts.failures import SCRIPT, script_error
from nestd.scripts.process.transport import BEGUN, LINE, ScriptTransport, mark_line
from nestd.scripts.results import ResultEncoder
from nestd.scripts.sandbox import seccomp
from nestd.scripts.sandbox.compile import compile_script, restricted_namespace
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ProtocolError
from protocol.process.identity import die_with_parent
from protocol.wire import frames
from protocol.wire.messages import Failure, Result, Script
from protocol.wire.streams import WaitingStream
from protocol.wire.values import Buffer

#: File descriptors of a script's process beside the usual three: the socket to nestd, and the pipe
#: over which it says in the end where it is.
CONNECTION, WORDS = 3, 4

#: Memory that is set free when a script has used up its own, to be able to say so.
_RESERVE_BYTES = 8 << 20


#: What is rehearsed: a script as it arrives.
_REHEARSED = frames.encode(Script("", "number = 1\nnumber", "number"))


class ScriptNamespace:
    """What scripts find, made once: their namespace, with the look-alike in it.

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
        self.stream, self.printed = _streams()
        self.transport = ScriptTransport()
        nest = PyNest("nest", Session(self.transport, description=description))
        if self.restricted:
            self.namespace = restricted_namespace(settings.imports, {**modules, "nest": nest})
            return
        main = ModuleType("__main__")
        main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = main
        install(nest)
        # As for a script that is run from where the server was started.
        sys.path.insert(0, str(Path.cwd()))
        for one in settings.imports:
            main.__dict__[one.name] = one.load()
        self.namespace = main.__dict__


def become_like_fork(settings: ScriptSettings) -> None:
    """Make what a fork begins with, as far as the warm process can have it, too."""
    sys.argv = [SCRIPT]
    # Those of the warm process are not the script's.
    atexit._clear()
    if settings.restricted:
        # No script sees them, and nothing is loaded any more that would.
        os.environ.clear()


def _streams() -> tuple[WaitingStream, io.TextIOWrapper]:
    """The socket to nestd, and where scripts print, made before the forks.

    What is made once here need not be made, and its memory not be copied, in each of them. Both
    look at their file descriptors when they are made, and find the like of what a fork will have.
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
    """Set up from where scripts read and where they say where they are, before the forks."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, WORDS, CONNECTION):
        os.dup2(null, descriptor)
    sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8")
    faulthandler.enable(file=WORDS, all_threads=False)
    faulthandler.register(signal.SIGTERM, file=WORDS, all_threads=False)


def become_runner(
    settings: ScriptSettings,
    world: ScriptNamespace,
    doors: seccomp.Doors | None,
    mapped_bytes: int,
    connected: int,
    output: int,
    words: int,
    board: mmap.mmap,
) -> NoReturn:
    """Run the script that comes over ``connected``; for a process that was just forked.

    Parameters
    ----------
    settings : of scripts
    world : that the script finds
    doors : by which the operating system shuts the process in, too; ``None`` if it does not
    mapped_bytes : address space that is mapped now
    connected : file descriptor of the socket to nestd
    output : file descriptor that takes what the script prints
    words : file descriptor for where the script is when it is ended
    board : where to leave a mark of the line that the script is at
    """
    os.setsid()
    for descriptor, place in ((connected, CONNECTION), (words, WORDS), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    os.closerange(max(CONNECTION, WORDS) + 1, os.sysconf("SC_OPEN_MAX"))
    stream = world.stream
    world.transport.attach(stream, board)
    sys.stdout = sys.stderr = world.printed
    _shut_in(settings, doors, mapped_bytes)
    if not world.restricted:
        _note_ends(board)
    rehearse(world)
    received = stream.receive()
    if received is None:
        os._exit(0)
    message = frames.decode(received)
    if not isinstance(message, Script):
        os._exit(1)
    LINE.pack_into(board, 0, BEGUN)
    answer = _run(message, settings, world.namespace)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    stream.send(_encoded(answer))
    os._exit(0)


def _encoded(answer: Result | Failure) -> list[Buffer]:
    try:
        return frames.encode(answer)
    except ProtocolError as error:
        failure = script_error(ValueError(f"what it returns can't be sent: {error}"), 0)
        return frames.encode(Failure(answer.id, "", failure))


def rehearse(world: ScriptNamespace) -> None:
    """Go through what a script needs once, so that its memory is there when one comes.

    After a fork, every page is copied when it is first touched, which would take longer than a
    short script itself.
    """
    script = frames.decode(_REHEARSED)
    assert isinstance(script, Script)
    own = dict(world.namespace)
    _execute(script.source, world.restricted, own)
    _encoded(Result("", "", {"data": _returned(script.returns, own, world.restricted)}))


def rehearse_fork(doors: seccomp.Doors | None) -> None:
    """Go through what is done in a process that was just forked, as far as it changes nothing."""
    # Python itself does these.
    random.seed()
    threading._after_fork()  # type: ignore[attr-defined]
    die_with_parent(0)
    os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seccomp.limit_resources(None, None, None)
    if doors is not None:
        doors.rehearse()


def _shut_in(settings: ScriptSettings, doors: seccomp.Doors | None, mapped_bytes: int) -> None:
    """Leave this process nothing but what a script needs."""
    for sig in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(sig, signal.SIG_DFL)
    seccomp.limit_resources(
        settings.memory_bytes,
        settings.open_files,
        None if settings.restricted else settings.processes,
        mapped_bytes,
    )
    if doors is not None:
        doors.close()


def _run(script: Script, settings: ScriptSettings, namespace: dict[str, Any]) -> Result | Failure:
    """The answer to ``script``."""
    lines = [line + "\n" for line in script.source.split("\n")]
    linecache.cache[SCRIPT] = (len(script.source), None, lines, SCRIPT)
    # Address space, which is what the limit is on; its memory is never touched.
    reserve = mmap.mmap(-1, _RESERVE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    value: dict[str, Any] = {}
    try:
        try:
            _execute(script.source, settings.restricted, namespace)
            if script.returns is not None:
                value["data"] = _returned(script.returns, namespace, settings.restricted)
        finally:
            if not settings.restricted:
                # What Python does at its own end; the script is part of a longer program here.
                threading._shutdown()  # type: ignore[attr-defined]
                atexit._run_exitfuncs()
    except BaseException as error:
        reserve.close()
        return Failure(script.id, "", script_error(error, settings.memory_bytes))
    return Result(script.id, "", value)


def _execute(source: str, restricted: bool, namespace: dict[str, Any]) -> None:
    if restricted:
        code = compile_script(source)
    else:
        code = compile(source, SCRIPT, "exec", dont_inherit=True)
    exec(code, namespace)  # noqa: S102  # it is what scripts are for


def _note_ends(board: mmap.mmap) -> None:
    """Leave a mark of the line before a script ends its own process, in whatever way."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.kill", "os.killpg", "os.exec", "signal.pthread_kill"):
            mark_line(board)

    sys.addaudithook(note)
    leave = os._exit

    def _exit(status: int) -> NoReturn:
        mark_line(board)
        leave(status)

    os._exit = _exit


def _returned(returns: str | list[str] | None, namespace: dict[str, Any], restricted: bool) -> Any:
    """The values of what was asked for; ``None`` for what is not there."""
    encoder = ResultEncoder()

    def value(name: str) -> Any:
        if restricted and name.startswith("_"):
            return None
        return encoder.encode(namespace.get(name))

    if returns is None or isinstance(returns, str):
        return value(returns) if returns else None
    return {name: value(name) for name in returns}
