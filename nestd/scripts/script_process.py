"""One script while it runs, as nestd sees it: its process, what it says, prints and how it ends."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import time
from dataclasses import dataclass

from nestd.scripts.settings import MIB, ScriptSettings
from protocol.errors import InternalError, NestdError, ProtocolError, ScriptError
from protocol.process.identity import describe_exit
from protocol.wire import frames
from protocol.wire.messages import Command, Failure, Message, Result, Script
from protocol.wire.streams import PolledStream

log = logging.getLogger(__name__)

_READ_BYTES = 1 << 16


@dataclass
class IdleProcess:
    """A process that waits for a script."""

    stream: PolledStream
    connected: socket.socket
    output: int
    pid: int | None = None

    def close(self) -> None:
        self.connected.close()
        os.close(self.output)


class ScriptProcess:
    """One script while it runs.

    Parameters
    ----------
    script : to run
    prepared : the process
    settings : of scripts
    """

    def __init__(self, script: Script, prepared: IdleProcess, settings: ScriptSettings) -> None:
        self.prepared = prepared
        #: Why it is being ended, if it is.
        self.reason: str | None = None
        #: Whether its process has ended.
        self.ended = False
        #: Whether its process ended, by itself, before it began with the script.
        self.is_untouched = False
        #: Whether it has closed its socket.
        self.is_deaf = False
        #: Whether it has ended without having read all of the script.
        self.is_unread = False
        #: Whether it has said anything.
        self._has_spoken = False
        self._script = script
        self._settings = settings
        self._said: Message | None = None
        self._how: ScriptError | None = None
        self._output: list[bytes] = []
        #: Pieces of output that were passed on.
        self._passed_on = 0
        self._kept = 0
        self._truncated = False
        self._due_s = None if settings.wall_s is None else time.monotonic() + settings.wall_s
        prepared.stream.send(frames.encode(script))

    @property
    def is_over(self) -> bool:
        """Whether it has given its answer, or can't any more."""
        return self._said is not None or self._how is not None

    @property
    def is_late(self) -> bool:
        """Whether its time is over and it is not being ended yet."""
        return self._due_s is not None and self.reason is None and time.monotonic() >= self._due_s

    @property
    def too_late(self) -> str:
        """Why it is ended when its time is over."""
        return f"it took longer than its limit of {self._settings.wall_s} s"

    @property
    def wait_ms(self) -> int | None:
        """How long to wait for something to happen."""
        if self._due_s is None or self.reason is not None:
            return None
        return max(0, int((self._due_s - time.monotonic()) * 1000) + 1)

    @property
    def events(self) -> int:
        """What to wait for on its socket: one that takes no answers may ask for no more."""
        return select.POLLOUT if self.prepared.stream.has_unsent else select.POLLIN

    def exchange(self) -> list[Command]:
        """Send and receive what there is; the operations that it asks for."""
        stream = self.prepared.stream
        try:
            stream.flush()
            received = None if stream.has_unsent else stream.receive()
            if received is None:
                return []
            message = frames.decode(received)
        except (EOFError, OSError) as error:
            # How it ended is told by the one who forked it. A connection is reset, not closed, if
            # the other end goes with something unread.
            unread = stream.has_unsent or isinstance(error, ConnectionResetError)
            self.is_unread = self.is_unread or (unread and not self._has_spoken)
            self.is_deaf = True
            return []
        except ProtocolError as error:
            self._how = ScriptError(f"the script's process sent what is no message: {error}")
            return []
        self._has_spoken = True
        if isinstance(message, Command):
            return [message]
        if isinstance(message, (Result, Failure)):
            self._said = message
        return []

    def reply(self, answer: Message) -> None:
        """Answer its operation."""
        try:
            self.prepared.stream.send(frames.encode(answer))
        except (OSError, ProtocolError) as error:
            log.info("a script did not get an answer: %s", error)

    def read_output(self) -> bool:
        """Take what it has printed, as far as there is room; whether more may come."""
        while True:
            try:
                chunk = os.read(self.prepared.output, _READ_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            room = self._settings.output_bytes - self._kept
            if room:
                self._output.append(chunk[:room])
                self._kept += len(self._output[-1])
            if len(chunk) > room:
                self._truncated = True
                # One that prints without end must not keep everybody from being heard.
                return True

    def new_output(self) -> bytes:
        """What it has printed since this was asked last."""
        new = self._output[self._passed_on :]
        self._passed_on = len(self._output)
        return b"".join(new)

    def await_end(self, most_ms: int) -> None:
        """Wait until its end of the socket is closed, but not for longer than so many ms."""
        closed = select.poll()
        # That the other end has hung up is told unasked.
        closed.register(self.prepared.connected, 0)
        closed.poll(most_ms)

    def note_end(self, status: int | None, line: int | None, reason: str | None) -> None:
        """Its process has ended.

        Parameters
        ----------
        status : wait status, if it is known
        line : that it was at, if it is known
        reason : why the process that forked it ended it, if it did
        """
        self.ended = True
        # Its answer may have arrived just before.
        self.exchange()
        if self.is_over:
            return
        reason = reason or self.reason
        if reason is None and status is not None:
            code = os.waitstatus_to_exitcode(status)
            reason = f"it ended with {describe_exit(code)}"
            if code == -signal.SIGKILL:
                reason += ", perhaps as the system had no memory left"
        place = "" if line is None else f" at line {line}"
        self._how = ScriptError(
            f"the script was ended{place}: {reason}", error_name="ScriptEnded", line=line
        )

    def answer(self) -> Result | Failure:
        """What its caller gets."""
        printed = b"".join(self._output).decode("utf-8", "replace")
        if self._truncated:
            printed += f"\n… cut off after {self._settings.output_bytes // MIB} MiB\n"
        if self._how is not None:
            self._how.output = printed or None
            return Failure(self._script.id, "", self._how)
        said = self._said
        if isinstance(said, Failure):
            error: NestdError = said.error
            if not isinstance(error, ScriptError):
                error = InternalError("a script's process answered with a foreign error")
            error.output = printed or None
            return Failure(self._script.id, "", error)
        assert isinstance(said, Result)
        if not isinstance(said.value, dict):
            return Failure(self._script.id, "", InternalError("a script's answer is none"))
        value = {"data": said.value["data"]} if "data" in said.value else {}
        if printed:
            value["stdout"] = printed
        return Result(self._script.id, "", value)
