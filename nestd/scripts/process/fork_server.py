"""The warm process from which scripts are forked: everything is imported already.

``python -m nestd.scripts.process.fork_server FD OWNER`` starts it, with its end of the control
socket
(``control.py``) and, for whoever looks at the list of processes, the directory of its server.
It ends, and all its processes with it, when the other end is closed.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import io
import json
import mmap
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from nest_remote.description import Description
from nestd.scripts.failures import line_in_dump
from nestd.scripts.modules import VARIABLE
from nestd.scripts.process.child import (
    CONNECTION,
    WORDS,
    ScriptNamespace,
    become_like_fork,
    become_runner,
    prepare_streams,
    rehearse,
    rehearse_fork,
)
from nestd.scripts.process.control import ControlSocket
from nestd.scripts.process.numpy_reseed import NumpyReseed
from nestd.scripts.process.transport import LINE
from nestd.scripts.sandbox import seccomp
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ConfigurationError
from protocol.process.identity import become_subreaper, die_with_parent

#: How often the processes of a running script are counted.
COUNT_EVERY_S = 0.2
#: How often a script is rehearsed before the forks: Python adapts its code in the first runs, and
#: each fork would have to copy what it writes.
REHEARSALS = 20
#: How long a script that is to be ended may take to say where it is.
LOOK_S = 0.8

_READ_BYTES = 1 << 16


@dataclass(slots=True)
class _ForkedScript:
    """A forked process."""

    pid: int
    #: Becomes readable when it ends.
    descriptor: int
    #: Where it writes, in the end, where it is.
    words: int
    board: mmap.mmap
    #: What it has written there.
    said: bytes = b""
    #: Why it was ended from here, if it was.
    reason: str | None = None


class Zygote:
    """The warm process.

    Parameters
    ----------
    control : to nestd
    """

    def __init__(self, control: ControlSocket) -> None:
        self._control = control
        self._settings = ScriptSettings()
        self._doors: seccomp.Doors | None = None
        self._world: ScriptNamespace | None = None
        self._scripts: dict[int, _ForkedScript] = {}
        self._chance: NumpyReseed | None = None
        # What is written to between two forks is copied anew after each: this loop and what it
        # calls make as few objects, and use as much of what is made once, as they can.
        self._pid = os.getpid()
        self._own_space = os.open("/proc/self/statm", os.O_RDONLY)
        self._own_children = _open_children(self._pid)
        self._waiting = select.poll()
        self._waiting.register(control.fileno(), select.POLLIN)

    def serve(self) -> None:
        """Do what is said until the socket is closed."""
        control = self._control.fileno()
        while True:
            counting = self._scripts and not self._settings.restricted
            ready = self._waiting.poll(COUNT_EVERY_S * 1000 if counting else None)
            said = False
            for descriptor, _ in ready:
                if descriptor == control:
                    said = True
                else:
                    self._conclude(self._scripts[descriptor])
            if said and not self._obey():
                break
            if counting:
                self._count()
        for script in list(self._scripts.values()):
            self._end(script, look=False)
        for script in list(self._scripts.values()):
            self._conclude(script, say=False)

    def _obey(self) -> bool:
        """Do what one packet says; whether there will be more."""
        try:
            received = self._control.receive()
        except ConnectionError:
            # It was closed before all was read there.
            return False
        if received is None:
            return False
        said, descriptors = received
        if "setup" in said:
            self._set_up(said["setup"])
        elif "fork" in said:
            self._fork(*descriptors)
        else:
            for script in self._scripts.values():
                if script.pid == said["end"]:
                    self._end(script, said.get("locate", False))
        return True

    def _set_up(self, setup: dict[str, Any]) -> None:
        self._settings = ScriptSettings.from_json(setup["settings"])
        self._chance = NumpyReseed()
        problem = seccomp.seccomp_problem() if self._settings.restricted else None
        if self._settings.restricted and problem is None:
            self._doors = seccomp.Doors()
        try:
            self._world = self._make_world(Description.from_value(setup["description"]))
        except (ImportError, ConfigurationError) as error:
            self._control.send({"ready": False, "problem": f"{VARIABLE}: {error}"})
            return
        become_like_fork(self._settings)
        for _ in range(REHEARSALS):
            rehearse(self._world)
            rehearse_fork(self._doors)
        # What is here stays, and is shared with the forks as long as nobody counts it.
        gc.collect()
        gc.freeze()
        self._control.send({"ready": True, "problem": problem})

    def _make_world(self, description: Description) -> ScriptNamespace:
        """Import what scripts may use, and load what would be loaded later behind a wall."""
        for one in self._settings.imports:
            if one.package != "nest":
                one.load()
        seccomp.warm_up()
        packages = {one.package for one in self._settings.imports}
        modules = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] in packages
        }
        return ScriptNamespace(self._settings, description, modules)

    def _fork(self, connected: int, output: int) -> None:
        assert self._chance is not None
        board = mmap.mmap(-1, mmap.PAGESIZE)
        words, writing = os.pipe()
        os.set_blocking(words, False)
        own = self._pid
        mapped_bytes = seccomp.address_space(os.pread(self._own_space, 128, 0))
        # NumPy's own generator goes on where it is in each fork, so it must be elsewhere.
        self._chance.renew()
        pid = os.fork()
        if pid == 0:
            # Nobody could end it if this process were killed.
            die_with_parent()
            if os.getppid() != own:
                os._exit(70)
            self._become_script(mapped_bytes, connected, output, writing, board)
        for descriptor in (connected, output, writing):
            os.close(descriptor)
        descriptor = os.pidfd_open(pid)
        self._waiting.register(descriptor, select.POLLIN)
        self._scripts[descriptor] = _ForkedScript(pid, descriptor, words, board)
        self._say(b'{"forked": %d}' % pid)

    def _become_script(
        self, mapped_bytes: int, connected: int, output: int, words: int, board: mmap.mmap
    ) -> NoReturn:
        assert self._world is not None
        try:
            become_runner(
                self._settings,
                self._world,
                self._doors,
                mapped_bytes,
                connected,
                output,
                words,
                board,
            )
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(70)

    def _end(self, script: _ForkedScript, look: bool) -> None:
        """End a script; if wanted, it says before where it is."""
        if look:
            os.kill(script.pid, signal.SIGTERM)
            deadline = time.monotonic() + LOOK_S
            # It writes bit by bit.
            while line_in_dump(script.said) is None and time.monotonic() < deadline:
                left_s = max(0.0, deadline - time.monotonic())
                ready, _, _ = select.select([script.words, script.descriptor], [], [], left_s)
                if script.descriptor in ready:
                    break
                self._listen(script)
        os.kill(script.pid, signal.SIGKILL)

    def _listen(self, script: _ForkedScript) -> None:
        """Read what a script's process says of where it is."""
        try:
            script.said += os.read(script.words, _READ_BYTES)
        except BlockingIOError:
            return

    def _conclude(self, script: _ForkedScript, say: bool = True) -> None:
        """A script's process has ended: end what it has left, and tell."""
        _, status = os.waitpid(script.pid, 0)
        del self._scripts[script.descriptor]
        self._waiting.unregister(script.descriptor)
        os.close(script.descriptor)
        self._end_left_over()
        self._listen(script)
        os.close(script.words)
        mark: int = LINE.unpack_from(script.board)[0]
        line = line_in_dump(script.said) if script.said else None
        script.board.close()
        if say:
            said = b'{"ended": %d, "status": %d, "line": %d, "begun": %d'
            said %= (script.pid, status, line or max(mark, 0), mark != 0)
            if script.reason is not None:
                said += b', "reason": ' + json.dumps(script.reason).encode()
            self._say(said + b"}")

    def _say(self, said: bytes) -> None:
        # That nestd is gone shows when it is to be obeyed.
        with contextlib.suppress(ConnectionError):
            self._control.send(said)

    def _end_left_over(self) -> None:
        """End processes of scripts that have ended: as subreaper, this is their parent now."""
        while self._own_children is not None:
            # One reading tells hundreds; if there are more, they are told the next time round.
            told = os.pread(self._own_children, _READ_BYTES, 0).split()
            ours = [script.pid for script in self._scripts.values()]
            left = [pid for pid in map(int, told) if pid not in ours]
            if not left:
                return
            for pid in left:
                for descendant in [*_descendants(pid), pid]:
                    _kill(descendant)
                os.waitpid(pid, 0)

    def _count(self) -> None:
        """End a script that has more processes than it may."""
        for script in self._scripts.values():
            family = _descendants(script.pid)
            if len(family) > self._settings.processes:
                script.reason = f"it had {len(family)} processes, and may have "
                script.reason += str(self._settings.processes)
                for pid in [script.pid, *family]:
                    _kill(pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _open_children(pid: int) -> int | None:
    """Where the system tells the children of a process, anew at each reading."""
    try:
        return os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
    except OSError:
        return None


def _children(pid: int) -> list[int]:
    descriptor = _open_children(pid)
    if descriptor is None:
        return []
    with io.FileIO(descriptor) as file:
        try:
            return [int(child) for child in file.readall().split()]
        except OSError:
            return []


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    unseen = _children(pid)
    while unseen:
        found += unseen
        unseen = [child for parent in unseen for child in _children(parent)]
    return found


def main() -> None:
    """Serve on the socket whose file descriptor is the first argument."""
    # Out of the way of the descriptors that scripts have.
    descriptor = fcntl.fcntl(int(sys.argv[1]), fcntl.F_DUPFD_CLOEXEC, WORDS + CONNECTION)
    os.close(int(sys.argv[1]))
    control = socket.socket(fileno=descriptor)
    # Ctrl-C and the end of the server are for those above; they close the socket.
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, signal.SIG_IGN)
    prepare_streams()
    become_subreaper()
    Zygote(ControlSocket(control)).serve()
    # There is nothing to clear up that would be worth the time.
    os._exit(0)


if __name__ == "__main__":
    main()
