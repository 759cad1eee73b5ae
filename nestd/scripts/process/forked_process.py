"""nestd's ends of one forked process: its socket, the pipe of its output, and its id."""

from __future__ import annotations

import os
import select
import socket
from dataclasses import dataclass

from nestd.scripts.script_process import AnswerArrived, OperationAsked, SocketClosed
from protocol.errors import ProtocolError, ScriptError
from protocol.wire import frames
from protocol.wire.messages import Command, Failure, Message
from protocol.wire.streams import PolledStream

_READ_BYTES = 1 << 16


@dataclass(eq=False)
class ForkedProcess:
    """nestd's ends of one forked process."""

    stream: PolledStream
    connected: socket.socket
    #: File descriptor from which what the script prints is read.
    output: int
    #: Process id; ``None`` until it is reported, and after the end of the process is.
    pid: int | None = None

    @property
    def poll_events(self) -> int:
        """Events to poll for on the socket: a script that takes no answers may ask for no more."""
        return select.POLLOUT if self.stream.has_unsent else select.POLLIN

    def send(self, message: Message) -> None:
        """Send a message, as far as the socket takes it now.

        Raises
        ------
        OSError
            If the process has closed its socket.
        ProtocolError
            If the message can't be encoded.
        """
        self.stream.send(frames.encode(message))

    def receive(self) -> OperationAsked | AnswerArrived | SocketClosed | None:
        """Send and receive what is possible now; return what has arrived, if anything has."""
        try:
            self.stream.flush()
            received = None if self.stream.has_unsent else self.stream.receive()
            if received is None:
                return None
            message = frames.decode(received, bounded=True)
        except (EOFError, OSError) as error:
            # A connection is reset, not closed, if the other end closes with something unread.
            unread = self.stream.has_unsent or isinstance(error, ConnectionResetError)
            return SocketClosed(unread)
        except ProtocolError as error:
            problem = f"the script's process sent what is no message: {error}"
            return AnswerArrived(Failure("", "", ScriptError(problem)))
        return OperationAsked(message) if isinstance(message, Command) else AnswerArrived(message)

    def read_output(self) -> bytes | None:
        """Return what has been printed, up to a limit; empty if nothing, ``None`` at the end."""
        try:
            return os.read(self.output, _READ_BYTES) or None
        except BlockingIOError:
            return b""

    def await_hang_up(self, most_ms: int) -> None:
        """Wait until the process has closed its socket, but no longer than ``most_ms``."""
        closed = select.poll()
        # A hang-up is reported unasked.
        closed.register(self.connected, 0)
        closed.poll(most_ms)

    def close(self) -> None:
        """Close nestd's ends."""
        self.connected.close()
        os.close(self.output)
