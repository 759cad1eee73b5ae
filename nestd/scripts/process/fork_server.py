"""Fork server: the process from which scripts are forked, with everything imported already.

``python -m nestd.scripts.process.fork_server FD OWNER SETTINGS`` starts the fork server with its
end of the control socket (``control.py``), with the directory of its server, which scripts can't
reach, and with the settings of scripts as JSON. When nestd closes its end, the
fork server ends, and all its processes with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import mmap
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from nest_remote.description import Description
from nestd.scripts.failures import line_in_dump
from nestd.scripts.modules import VARIABLE
from nestd.scripts.process.child import (
    ScriptNamespace,
    become_like_fork,
    become_runner,
    prepare_streams,
    rehearse,
    rehearse_fork,
)
from nestd.scripts.process.control import ControlSocket
from nestd.scripts.process.numpy_reseed import NumpyReseed
from nestd.scripts.process.process_tree import descendants, kill, open_children
from nestd.scripts.process.reach import Reach
from nestd.scripts.process.transport import CONNECTION, LINE, LOCATION
from nestd.scripts.program.archive import rehearse as rehearse_archives
from nestd.scripts.program.arrival import ProgramDirectories
from nestd.scripts.program.libraries import load_whole
from nestd.scripts.sandbox import rlimits, seccomp
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ConfigurationError
from protocol.process.identity import become_subreaper, die_with_parent
from protocol.runtime.paths import RuntimeDirectory

#: How often the processes of a running script are counted.
COUNT_EVERY_S = 0.2
#: How often a script is rehearsed before the forks: Python adapts its code in the first runs, and
#: each fork would have to copy the memory that is written to.
REHEARSALS = 20
#: How long a process that is to be ended may take to report the script's line.
LOCATE_S = 0.8
#: How long an unrestricted script may go on then, which has files that may not be written out.
FINISH_S = 0.3

_READ_BYTES = 1 << 16


@dataclass(slots=True)
class _ForkedScript:
    """Process that was forked for a script."""

    pid: int
    #: Becomes readable when the process ends.
    descriptor: int
    #: Pipe over which the process reports its line when it is to be ended.
    location: int
    line_marker: mmap.mmap
    #: What the process has written to the pipe.
    dump: bytes = b""
    #: Why the fork server ended the process, if it did.
    reason: str | None = None


class ForkServer:
    """Forks a process for each script, and ends it.

    Parameters
    ----------
    control : socket to nestd
    settings : of scripts
    files : directory of the server, which scripts can't reach
    """

    def __init__(
        self, control: ControlSocket, settings: ScriptSettings, files: RuntimeDirectory
    ) -> None:
        self._control = control
        self._settings = settings
        self._files = files
        self._reach = Reach(settings.restricted, files)
        self._filter: seccomp.SyscallFilter | None = None
        self._namespace: ScriptNamespace | None = None
        self._scripts: dict[int, _ForkedScript] = {}
        self._numpy_reseed: NumpyReseed | None = None
        # Memory that is written to between two forks is copied anew after each: this loop and what
        # it calls make as few objects as they can, and use what is made once.
        self._pid = os.getpid()
        self._own_space = os.open("/proc/self/statm", os.O_RDONLY)
        self._own_children = open_children(self._pid)
        self._waiting = select.poll()
        self._waiting.register(control.fileno(), select.POLLIN)

    def serve(self) -> None:
        """Obey nestd until the socket is closed."""
        control = self._control.fileno()
        while True:
            counting = self._scripts and not self._settings.restricted
            ready = self._waiting.poll(COUNT_EVERY_S * 1000 if counting else None)
            is_asked = False
            for descriptor, _ in ready:
                if descriptor == control:
                    is_asked = True
                else:
                    self._conclude(self._scripts[descriptor])
            if is_asked and not self._obey():
                break
            if counting:
                self._count()
        for script in list(self._scripts.values()):
            self._end(script, locate=False)
        for script in list(self._scripts.values()):
            self._conclude(script, report=False)
        if self._namespace is not None and self._namespace.directories is not None:
            self._namespace.directories.close()

    def _obey(self) -> bool:
        """Obey one packet of nestd; return whether there can be more."""
        try:
            received = self._control.receive()
        except ConnectionError:
            # The socket was closed before all was read there.
            return False
        if received is None:
            return False
        request, descriptors = received
        if "setup" in request:
            self._set_up(request["setup"])
        elif "fork" in request:
            self._fork(*descriptors)
        else:
            for script in self._scripts.values():
                if script.pid == request["end"]:
                    self._end(script, request["locate"])
        return True

    def _set_up(self, setup: dict[str, Any]) -> None:
        self._numpy_reseed = NumpyReseed()
        problem = seccomp.seccomp_problem() if self._settings.restricted else None
        if problem is not None:
            # Without a namespace, nothing is ever forked.
            self._control.send({"ready": True, "problem": problem})
            return
        if self._settings.restricted:
            self._filter = seccomp.SyscallFilter()
        try:
            self._namespace = self._make_namespace(Description.from_value(setup["description"]))
        except (ImportError, ConfigurationError) as error:
            self._control.send({"ready": False, "problem": f"{VARIABLE}: {error}"})
            return
        become_like_fork(self._settings, self._files)
        if not self._settings.restricted:
            # Where temporary files are has been chosen now.
            self._namespace.directories = ProgramDirectories()
        for _ in range(REHEARSALS):
            rehearse(self._namespace)
            rehearse_fork(self._filter)
        self._namespace.modules = frozenset(sys.modules)
        # These objects stay, and their memory is shared with the forks as long as it is not
        # written to, as the garbage collector would.
        gc.collect()
        gc.freeze()
        self._control.send({"ready": True, "problem": None})

    def _make_namespace(self, description: Description) -> ScriptNamespace:
        """Import what scripts may use, with what could not be loaded later."""
        for entry in self._settings.imports:
            if entry.package != "nest":
                entry.load()
        seccomp.warm_up()
        packages = {entry.package for entry in self._settings.imports}
        if self._settings.restricted:
            load_whole(packages)
            rehearse_archives()
        modules = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] in packages
        }
        return ScriptNamespace(self._settings, description, modules)

    def _fork(self, connected: int, output: int) -> None:
        assert self._numpy_reseed is not None
        line_marker = mmap.mmap(-1, mmap.PAGESIZE)
        location, writing = os.pipe()
        os.set_blocking(location, False)
        own = self._pid
        mapped_bytes = rlimits.address_space(os.pread(self._own_space, 128, 0))
        # NumPy's own generator goes on where it is in each fork, so it must be elsewhere.
        self._numpy_reseed.renew()
        self._reach.renew()
        pid = os.fork()
        if pid == 0:
            # Nothing else would end the process if the fork server were killed.
            die_with_parent()
            if os.getppid() != own:
                os._exit(70)
            self._become_script(mapped_bytes, connected, output, writing, line_marker)
        for descriptor in (connected, output, writing):
            os.close(descriptor)
        descriptor = os.pidfd_open(pid)
        self._waiting.register(descriptor, select.POLLIN)
        self._scripts[descriptor] = _ForkedScript(pid, descriptor, location, line_marker)
        self._report(b'{"forked": %d}' % pid)

    def _become_script(
        self,
        mapped_bytes: int,
        connected: int,
        output: int,
        location: int,
        line_marker: mmap.mmap,
    ) -> NoReturn:
        assert self._namespace is not None
        try:
            become_runner(
                self._settings,
                self._namespace,
                self._reach,
                self._filter,
                mapped_bytes,
                connected,
                output,
                location,
                line_marker,
            )
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(70)

    def _end(self, script: _ForkedScript, locate: bool) -> None:
        """Kill a script's process; if wanted, let it report its line and write out its files."""
        if locate:
            # This does not end the process: faulthandler there reports the line (``child.py``).
            os.kill(script.pid, signal.SIGTERM)
            deadline = time.monotonic() + LOCATE_S
            # The process writes bit by bit.
            while line_in_dump(script.dump) is None and time.monotonic() < deadline:
                left_s = max(0.0, deadline - time.monotonic())
                ready, _, _ = select.select([script.location, script.descriptor], [], [], left_s)
                if script.descriptor in ready:
                    break
                self._read_dump(script)
            if not self._settings.restricted:
                select.select([script.descriptor], [], [], FINISH_S)
        os.kill(script.pid, signal.SIGKILL)

    def _read_dump(self, script: _ForkedScript) -> None:
        """Read what a script's process has reported of its line, or whatever it has written."""
        try:
            read = os.read(script.location, _READ_BYTES)
            script.dump += read[: max(0, _READ_BYTES - len(script.dump))]
        except BlockingIOError:
            return

    def _conclude(self, script: _ForkedScript, report: bool = True) -> None:
        """End what an ended process of a script has left, and report its end."""
        _, status = os.waitpid(script.pid, 0)
        del self._scripts[script.descriptor]
        self._waiting.unregister(script.descriptor)
        os.close(script.descriptor)
        self._end_left_over()
        if self._namespace is not None and self._namespace.directories is not None:
            self._namespace.directories.remove(script.pid)
        self._read_dump(script)
        os.close(script.location)
        mark: int = LINE.unpack_from(script.line_marker)[0]
        line = line_in_dump(script.dump) if script.dump else None
        script.line_marker.close()
        if report:
            ended = b'{"ended": %d, "status": %d, "line": %d, "begun": %d'
            ended %= (script.pid, status, line or max(mark, 0), mark != 0)
            if script.reason is not None:
                ended += b', "reason": ' + json.dumps(script.reason).encode()
            self._report(ended + b"}")

    def _report(self, packet: bytes) -> None:
        # If nestd has closed its end, that shows when the next packet is read.
        with contextlib.suppress(ConnectionError):
            self._control.send(packet)

    def _end_left_over(self) -> None:
        """End what ended scripts have left: as subreaper, the fork server is its parent now."""
        while self._own_children is not None:
            # One reading lists hundreds; if there are more, the next reading lists them.
            children = os.pread(self._own_children, _READ_BYTES, 0).split()
            ours = [script.pid for script in self._scripts.values()]
            left = [pid for pid in map(int, children) if pid not in ours]
            if not left:
                return
            for pid in left:
                for descendant in [*descendants(pid), pid]:
                    kill(descendant)
                os.waitpid(pid, 0)

    def _count(self) -> None:
        """End each script that has more processes than it may have."""
        for script in self._scripts.values():
            family = descendants(script.pid)
            if len(family) > self._settings.processes:
                script.reason = f"it had {len(family)} processes, and may have "
                script.reason += str(self._settings.processes)
                for pid in [script.pid, *family]:
                    kill(pid)


def main() -> None:
    """Serve on the socket whose file descriptor is the first argument."""
    # Higher than the descriptors that scripts have.
    descriptor = fcntl.fcntl(int(sys.argv[1]), fcntl.F_DUPFD_CLOEXEC, LOCATION + CONNECTION)
    os.close(int(sys.argv[1]))
    control = socket.socket(fileno=descriptor)
    # nestd acts on Ctrl-C and on the end of the server, and closes the socket.
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, signal.SIG_IGN)
    prepare_streams()
    become_subreaper()
    files = RuntimeDirectory(Path(sys.argv[2]))
    ForkServer(ControlSocket(control), ScriptSettings.from_json(sys.argv[3]), files).serve()
    # Clearing up would take time for nothing.
    os._exit(0)


if __name__ == "__main__":
    main()
