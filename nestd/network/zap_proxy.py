"""nestd's end of the gatekeeper, which says who may connect over ``tcp://``.

libzmq asks it (ZAP, RFC 27) inside this process, whose Python does not run while NEST computes, and
then nobody could connect. So questions are passed on to a process of its own (``gatekeeper.py``),
as are failed handshakes, by threads that are in libzmq all the time and need no Python.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from pathlib import Path

import zmq

from protocol.process.identity import python_command
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import check_socket_path

_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
#: Before a gatekeeper that has ended is started again.
_PAUSE_S = 0.25
#: That it may take to clear up.
_CLEARED_S = 2.0


class ZapProxy:
    """The gatekeeper and the ways to it.

    Parameters
    ----------
    connection_file : of the kernel
    generation : of the kernel
    """

    def __init__(self, connection_file: Path, generation: str) -> None:
        # Where the connection file is, several hosts may see it, and sockets may be impossible.
        directory = RuntimeDirectory.of_user()
        self._asking = check_socket_path(directory.zap_requests_socket(generation))
        self._telling = check_socket_path(directory.failed_handshakes_socket(generation))
        self._command = python_command(
            "nestd.network.zap_authenticator",
            str(connection_file),
            generation,
            str(self._asking),
            str(self._telling),
        )
        self._closing = threading.Event()
        self._process = self._start()
        self._keeping = threading.Thread(target=self._keep, name="gatekeeper", daemon=True)
        self._keeping.start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)

    def _keep(self) -> None:
        """Start it again should it be killed; nobody is let in meanwhile."""
        while True:
            self._process.wait()
            # It may end at once again, such as without a directory for its sockets.
            if self._closing.wait(_PAUSE_S):
                return
            self._process = self._start()

    def guard(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Have it asked about who connects to the sockets of ``context``; before they are bound."""
        asked = context.socket(zmq.ROUTER)
        asked.bind("inproc://zeromq.zap.01")
        passing_on = context.socket(zmq.DEALER)
        passing_on.connect(f"ipc://{self._asking}")
        _pass_on(asked, passing_on)

    def watch(self, socket: zmq.Socket[bytes], name: str) -> None:
        """Have it told of who fails to connect to ``socket``."""
        context = socket.context
        socket.monitor(f"inproc://monitor-{name}", _FAILED)
        heard = context.socket(zmq.PAIR)
        # The end that tells would wait, and with it all of ZeroMQ.
        heard.set_hwm(0)
        heard.connect(f"inproc://monitor-{name}")
        passing_on = context.socket(zmq.PUSH)
        passing_on.connect(f"ipc://{self._telling}")
        _pass_on(heard, passing_on)

    def close(self) -> None:
        """End the gatekeeper, which clears up by itself, and wait until it has.

        Slurm kills what is left of a job as soon as its tasks have ended.
        """
        self._closing.set()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._keeping.join(_CLEARED_S)


def _pass_on(front: zmq.Socket[bytes], back: zmq.Socket[bytes]) -> None:
    back.linger = 0

    def work() -> None:
        # Until the context ends.
        with contextlib.suppress(zmq.ContextTerminated, zmq.ZMQError):
            zmq.proxy(front, back)
        front.close(linger=0)
        back.close(linger=0)

    threading.Thread(target=work, name="gate", daemon=True).start()
