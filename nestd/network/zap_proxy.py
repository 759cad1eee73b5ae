"""nestd's side of the zap authenticator, which decides who may connect over ``tcp://``.

libzmq sends its requests (ZAP, RFC 27) inside this process, whose Python does not run while NEST
computes, and then no gateway could connect. So requests and failed handshakes are passed on to a
process (``zap_authenticator.py``), by threads that are in libzmq all the time and need no Python.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import NamedTuple

import zmq

from nestd.confinement.spawner import HelperProgram, SpawnedProcess, Spawner
from protocol.process.identity import python_command
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import check_socket_path

#: Name of the zap authenticator among the programs of nestd's spawner.
ZAP_AUTHENTICATOR = "zap authenticator"

_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
#: Pause before a zap authenticator that has ended is started again.
_PAUSE_S = 0.25
#: How long the zap authenticator may take to remove its files.
_CLEARED_S = 2.0


class _Sockets(NamedTuple):
    """Sockets of the zap authenticator."""

    requests: Path
    failures: Path


def _sockets(generation: str) -> _Sockets:
    # Where the connection file is, several hosts may see it, and sockets may be impossible.
    directory = RuntimeDirectory.of_user()
    directory.make_kernel_directory()
    return _Sockets(
        check_socket_path(directory.zap_requests_socket(generation)),
        check_socket_path(directory.failed_handshakes_socket(generation)),
    )


def zap_program(connection_file: Path, generation: str) -> HelperProgram:
    """Return the program of the zap authenticator, which needs files that nestd gives up."""
    command = python_command(
        "nestd.network.zap_authenticator",
        str(connection_file),
        generation,
        *map(str, _sockets(generation)),
    )
    return HelperProgram(tuple(command), dict(os.environ), reads_stdin=True)


class ZapProxy:
    """Process of the zap authenticator, and the threads that pass requests on to it.

    To be made in a process that has confined itself, as its threads are to be confined, too.

    Parameters
    ----------
    spawner : that can start the zap authenticator
    generation : of the kernel
    """

    def __init__(self, spawner: Spawner, generation: str) -> None:
        self._request_path, self._monitor_path = _sockets(generation)
        self._spawner = spawner
        self._closing = threading.Event()
        #: Closed to have the process end.
        self._stdin = -1
        self._process = self._start()
        self._restarting = threading.Thread(
            target=self._restart, name="zap-authenticator", daemon=True
        )
        self._restarting.start()

    def _start(self) -> SpawnedProcess:
        reading, self._stdin = os.pipe()
        try:
            return self._spawner.start(ZAP_AUTHENTICATOR, [reading])
        finally:
            os.close(reading)

    def _restart(self) -> None:
        """Start the process again whenever it is killed; no gateway is let in meanwhile."""
        while True:
            self._process.wait()
            # The process may end at once again, such as without a directory for its sockets.
            if self._closing.wait(_PAUSE_S):
                return
            os.close(self._stdin)
            self._process = self._start()

    def guard(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Have connections to sockets of ``context``, not bound yet, authenticated."""
        requests = context.socket(zmq.ROUTER)
        requests.bind("inproc://zeromq.zap.01")
        passing_on = context.socket(zmq.DEALER)
        passing_on.connect(f"ipc://{self._request_path}")
        _pass_on(requests, passing_on)

    def watch(self, socket: zmq.Socket[bytes], name: str) -> None:
        """Have failed handshakes with ``socket`` counted."""
        context = socket.context
        socket.monitor(f"inproc://monitor-{name}", _FAILED)
        events = context.socket(zmq.PAIR)
        # The sending end would wait otherwise, and with it all of ZeroMQ.
        events.set_hwm(0)
        events.connect(f"inproc://monitor-{name}")
        passing_on = context.socket(zmq.PUSH)
        passing_on.connect(f"ipc://{self._monitor_path}")
        _pass_on(events, passing_on)

    def close(self) -> None:
        """End the zap authenticator, and wait until it has removed its files.

        Slurm kills what is left of a job as soon as its tasks have ended.
        """
        self._closing.set()
        os.close(self._stdin)
        self._restarting.join(_CLEARED_S)


def _pass_on(front: zmq.Socket[bytes], back: zmq.Socket[bytes]) -> None:
    back.linger = 0

    def work() -> None:
        # Until the context ends.
        with contextlib.suppress(zmq.ContextTerminated, zmq.ZMQError):
            zmq.proxy(front, back)
        front.close(linger=0)
        back.close(linger=0)

    threading.Thread(target=work, name="zap-proxy", daemon=True).start()
