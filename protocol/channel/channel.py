"""ZeroMQ channel to one kernel: one command, one answer, and no wait for a dead kernel.

While NEST computes, nestd's Python does not run, so it can't be asked whether it lives. But its end
of the socket is open exactly as long as its process exists: libzmq reports the moment it closes,
and every command that waits then ends.

Over a network the connection may also close because the network is cut; ``pool.py`` then makes
another.
"""

from __future__ import annotations

import contextlib
import socket as network
import time
from collections.abc import Callable
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from protocol.channel.deadline import WaitLimit
from protocol.errors import KernelUnavailable
from protocol.process.tcp_keepalive import set_keepalive
from protocol.runtime.connection_file import ConnectionInfo
from protocol.security.curve_keys import KeyPair

#: How long a connection to a nestd may take.
CONNECT_DEADLINE_S = 5.0
#: How long a host may take to answer a probe.
_PROBE_S = 1.0
#: How long to wait for an answer before looking whether its caller has hung up.
_CALLER_CHECK_MS = 1000

#: Longer than a channel is kept after it has lost its kernel.
_NEVER_MS = 3_600_000

_LOST = zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED
_FAILED = (
    _LOST
    | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


def protect(socket: zmq.Socket[bytes], info: ConnectionInfo, keys: KeyPair | None) -> None:
    """Encrypt ``socket`` for the kernel of ``info`` alone, if that is on a network.

    Raises
    ------
    KernelUnavailable
        If there are no keys for it.
    """
    if not info.is_linked:
        return
    if keys is None or info.public_key is None:
        raise KernelUnavailable("there is no connection to a kernel on a network without keys")
    socket.curve_serverkey = info.public_key.encode()
    socket.curve_publickey = keys.public.encode()
    socket.curve_secretkey = keys.secret.encode()
    set_keepalive(socket)


def is_refused(endpoint: str) -> bool:
    """Return whether the host of ``endpoint`` refuses connections, so that no kernel listens.

    A host that does not answer may be behind a network that is cut.
    """
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    try:
        network.create_connection((host, int(port)), _PROBE_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


class KernelEnded(Exception):
    """The kernel died while its answer was awaited."""


class Channel:
    """DEALER socket to one kernel, with the monitor that notices the kernel's death.

    One command at a time. A channel that has failed is closed, never used again.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        info: ConnectionInfo,
        keys: KeyPair | None = None,
    ) -> None:
        self.info = info
        self._socket = context.socket(zmq.DEALER)
        protect(self._socket, info, keys)
        self._socket.linger = 0
        self._socket.set_hwm(0)
        # Another kernel has another endpoint: this one never comes back. Without any reconnecting
        # (-1), libzmq would drop an answer that has arrived when the kernel ends right after it.
        self._socket.reconnect_ivl = _NEVER_MS
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | _FAILED)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        self._socket.connect(info.command_endpoint)
        self._await_handshake()

    def _await_handshake(self) -> None:
        deadline = time.monotonic() + CONNECT_DEADLINE_S
        while True:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            if not self._monitor.poll(left_ms):
                event = 0
            else:
                event = int(recv_monitor_message(self._monitor)["event"])
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                return
            if event == 0 or event & _FAILED:
                self.close()
                if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                    raise KernelUnavailable(
                        f"kernel {self.info.generation} on {self.info.host} does not let this "
                        "process in: its key has to be in the directory keys/authorized there",
                        retry_after_s=10,
                    )
                raise KernelUnavailable(
                    f"kernel {self.info.generation} (process {self.info.pid} on {self.info.host}) "
                    "does not accept connections; it may be restarting",
                    retry_after_s=1,
                )

    def is_alive(self) -> bool:
        """Return whether no event has reported the kernel's end."""
        # The option of the socket: a poll would cost every command a system call.
        while int(self._monitor.get(zmq.EVENTS)) & zmq.POLLIN:
            if int(recv_monitor_message(self._monitor)["event"]) & _LOST:
                return False
        return True

    def send(self, command: list[Any]) -> None:
        """Send ``command`` without waiting for an answer.

        Raises
        ------
        KernelUnavailable
            If the kernel ended before the command could be sent.
        """
        if not self.is_alive():
            raise KernelUnavailable(
                f"kernel {self.info.generation} has just ended", retry_after_s=1
            )
        self._socket.send_multipart(command, zmq.NOBLOCK, copy=False)

    def exchange(
        self,
        command: list[Any],
        caller: WaitLimit | None,
        give_up: Callable[[], None],
    ) -> list[Any] | None:
        """Send ``command`` and wait for its answer; ``None`` if the kernel died instead.

        Parameters
        ----------
        command : frames
        caller : who waits for the answer, if that can be seen
        give_up : called when the caller's deadline is over

        Raises
        ------
        KernelUnavailable
            If the kernel ended before the command could be sent.
        """
        self.send(command)
        while True:
            wait_ms = None if caller is None else caller.wait_ms(_CALLER_CHECK_MS)
            try:
                received = self.receive(wait_ms)
            except KernelEnded:
                return None
            if received is not None:
                return received
            if caller is not None and caller.is_over():
                caller = None
                give_up()

    def receive(self, wait_ms: int | None) -> list[Any] | None:
        """Return the frames of the next answer; ``None`` if none has come in time.

        Parameters
        ----------
        wait_ms : time for it; ``None`` for as long as the kernel lives

        Raises
        ------
        KernelEnded
            If the kernel died, and no answer comes any more.
        """
        while True:
            ready = dict(self._poller.poll(wait_ms))
            if self._socket in ready:
                return [frame.buffer for frame in self._socket.recv_multipart(copy=False)]
            if not ready:
                return None
            if not self.is_alive() and not self._socket.poll(0):
                raise KernelEnded
            # The answer has arrived just before the end, or the event was another.

    def drop_answers(self) -> None:
        """Drop the answers that have arrived."""
        with contextlib.suppress(zmq.Again):
            while True:
                self._socket.recv_multipart(zmq.NOBLOCK, copy=False)

    def close(self) -> None:
        """Close both sockets."""
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)
