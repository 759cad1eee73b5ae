"""HelperProgram that starts other programs for a confined process (``spawner.py``).

``python -I -S spawner_process.py FD`` reads from stdin what can be started, and obeys the packets
that arrive on the socket FD until that is closed. It imports nothing but Python's own modules.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from typing import Any


def serve(control: socket.socket, programs: dict[str, dict[str, Any]]) -> None:
    """Start programs until the socket is closed."""
    poller = select.poll()
    poller.register(control, select.POLLIN)
    children: dict[int, int] = {}
    while True:
        for descriptor, _ in poller.poll():
            if descriptor in children:
                poller.unregister(descriptor)
                os.close(descriptor)
                os.waitpid(children.pop(descriptor), 0)
            elif not _obey(control, programs, children, poller):
                return


def _obey(
    control: socket.socket,
    programs: dict[str, dict[str, Any]],
    children: dict[int, int],
    poller: select.poll,
) -> bool:
    """Obey one packet; return whether there can be more."""
    packet, passed, _, _ = socket.recv_fds(control, 1 << 16, 4)
    if not packet:
        return False
    request = json.loads(packet)
    if "kill" in request:
        if request["kill"] in children.values():
            os.kill(request["kill"], signal.SIGKILL)
        return True
    try:
        pid = _start(programs[request["start"]], passed)
    except OSError as error:
        problem = {"problem": error.strerror or str(error), "errno": error.errno or 0}
        control.send(json.dumps(problem).encode())
        return True
    descriptor = os.pidfd_open(pid)
    children[descriptor] = pid
    poller.register(descriptor, select.POLLIN)
    socket.send_fds(control, [json.dumps({"pid": pid}).encode()], [descriptor])
    return True


def _start(program: dict[str, Any], passed: list[int]) -> int:
    try:
        process = subprocess.Popen(
            [part.replace("{0}", str(passed[0])) for part in program["command"]],
            env=program["environment"],
            stdin=passed[0] if program["reads_stdin"] else subprocess.DEVNULL,
            pass_fds=() if program["reads_stdin"] else passed,
            start_new_session=True,
        )
    finally:
        for descriptor in passed:
            os.close(descriptor)
    # The loop waits for its end.
    process.returncode = 0
    return process.pid


def main() -> None:
    """Serve on the socket whose file descriptor is the only argument."""
    # Signals for the confined process are not for this one, which ends after it. Unlike SIG_IGN, a
    # handler does not last in the programs that are started.
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, lambda *_: None)
    # Neither this process nor one that it starts leaves its memory in a file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    programs = json.loads(sys.stdin.buffer.read())
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    with contextlib.suppress(ConnectionError):
        serve(control, programs)


if __name__ == "__main__":
    main()
