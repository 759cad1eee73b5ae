"""The kernel as the gateway sees it: what it is, what it is at, and what it is asked for."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import zmq

from gateway.callers import Caller
from gateway.channel import Channel
from protocol import connection_file, frames
from protocol.board import board_path, read_board
from protocol.connection_file import LAST_WORDS_FILE, ConnectionInfo
from protocol.errors import (
    ConfigurationError,
    InternalError,
    KernelLost,
    KernelUnavailable,
    MalformedRequest,
    NestdError,
    ProtocolError,
    QueueFull,
    error_from_facts,
)
from protocol.interface import Interface
from protocol.messages import (
    Action,
    Cancel,
    Command,
    EndScript,
    Failure,
    Operation,
    Request,
    Result,
    Script,
    Submit,
    Watch,
)
from protocol.polling import poll_until
from protocol.progress import Status, read_status, status_path
from protocol.spool import new_name

log = logging.getLogger(__name__)

#: How long to wait for the supervisor to say how a kernel ended.
EXIT_NOTE_DEADLINE_S = 4.0


@dataclass(frozen=True)
class Pending:
    """A request whose caller waits for the answer."""

    id: str
    #: The PyNEST call, or ``"script"``.
    what: str
    #: When it came, seconds since 1970.
    since_s: float
    generation: str


class Connection:
    """Executes operations on the kernel that the connection file names at the moment.

    Safe for any number of threads.

    Parameters
    ----------
    path : the connection file
    exit_file : where a supervisor says how the last kernel ended
    queue_limit : operations that may be under way at once
    """

    def __init__(self, path: Path, exit_file: Path, queue_limit: int) -> None:
        self._path = path
        self._exit_file = exit_file
        self._queue_limit = queue_limit
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 4 * queue_limit + 64)
        self._idle: deque[Channel] = deque()
        self._lock = threading.Lock()
        self._pending: dict[str, Pending] = {}
        #: For what is sent without waiting, in order.
        self._notices: Channel | None = None
        self._notices_lock = threading.Lock()
        self._read: tuple[tuple[int, int], ConnectionInfo] | None = None
        self._names: tuple[str, list[str]] | None = None
        self._interface: tuple[str, Interface] | None = None
        #: How many kernels this has seen.
        self.kernels = 0

    @property
    def under_way(self) -> int:
        """Operations that have been sent and not yet answered."""
        return len(self._pending)

    def pending(self) -> list[Pending]:
        """The same, in the order in which they came."""
        with self._lock:
            return list(self._pending.values())

    @property
    def directory(self) -> Path:
        """Where connection file, status and spool lie."""
        return self._path.parent

    def info(self) -> ConnectionInfo | None:
        """What the connection file says now; ``None`` while there is no kernel.

        Raises
        ------
        KernelUnavailable
            If the file is there but can't be used.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KernelUnavailable(f"can't look at {self._path}: {error.strerror}") from error
        version = (found.st_mtime_ns, found.st_ino)
        read = self._read
        if read is not None and read[0] == version:
            return read[1]
        try:
            info = connection_file.read(self._path)
        except ConfigurationError as error:
            raise KernelUnavailable(error.message) from error
        if info is not None:
            with self._lock:
                read = self._read
                if read is None or read[1].generation != info.generation:
                    self.kernels += 1
                self._read = (version, info)
        return info

    def awaited(self) -> list[dict[str, Any]]:
        """The ranks whose part of the running operation is awaited, since when, and whether
        their process is stopped; empty when nothing runs."""
        info = self.info()
        if info is None:
            return []
        marks = read_board(board_path(self._path.parent, info.generation))
        current = max((mark.begun for mark in marks), default=0)
        # A rank may be stopped before it has begun what the others are at.
        began_s = min((mark.began_s for mark in marks if mark.begun == current), default=0.0)
        since = datetime.fromtimestamp(began_s, timezone.utc).isoformat(timespec="seconds")
        return [
            {"rank": rank, "since": since, "stopped": found.process.is_stopped()}
            for rank, (mark, found) in enumerate(zip(marks, info.processes, strict=False))
            if mark.ended < current
        ]

    def status(self) -> Status:
        """What the kernel is at, as it said last; nothing if there is none."""
        info = self.info()
        if info is None:
            return Status()
        return read_status(status_path(self._path.parent, info.generation))

    def names(self) -> list[str]:
        """Sorted names of everything that can be called or read; asked once a kernel.

        Raises
        ------
        NestdError
            As :meth:`execute` does.
        """
        info, names = self.info(), self._names
        if info is None or names is None or names[0] != info.generation:
            result = self.execute(Operation(Action.CATALOGUE), references=False)
            names = self._names = (result.generation, list(result.value))
        return names[1]

    def interface(self) -> tuple[str, Interface]:
        """The kernel's generation, and what its calls take; asked once a kernel.

        Raises
        ------
        NestdError
            As :meth:`execute` does.
        """
        info, known = self.info(), self._interface
        if info is None or known is None or known[0] != info.generation:
            result = self.execute(Operation(Action.INTERFACE), references=False)
            known = self._interface = (result.generation, Interface.from_value(result.value))
        return known

    def execute(self, operation: Operation, references: bool) -> Result:
        """Have the kernel execute ``operation``.

        Parameters
        ----------
        operation : what to do
        references : whether kernel objects are answered as references

        Raises
        ------
        NestdError
            As :meth:`ask` does.
        """
        what = operation.call or operation.action.value
        return self.ask(lambda id: Command(id, operation, references), what)

    def ask(
        self,
        make: Callable[[str], Command | Script],
        what: str,
        caller: Caller | None = None,
        name: str | None = None,
    ) -> Result:
        """Have the kernel execute a command or run a script.

        Parameters
        ----------
        make : gives the message of a name
        what : the PyNEST call, or ``"script"``
        caller : who waits for the answer; it is cancelled when they have gone
        name : that the caller has chosen

        Raises
        ------
        MalformedRequest
            If another one has that name.
        QueueFull
            If ``queue_limit`` operations are under way; this one was not sent.
        KernelUnavailable
            If there is no kernel; the operation was not executed.
        KernelLost
            If the kernel died while it had the operation.
        NestdError
            What the kernel raised.
        """
        name = name or new_name()
        info = self.info()
        pending = Pending(name, what, time.time(), info.generation if info else "")
        with self._lock:
            if name in self._pending:
                raise name_is_taken(name)
            self.refuse_if_full()
            self._pending[name] = pending
        try:
            return self._exchange(make(name), what, caller)
        finally:
            with self._lock:
                del self._pending[name]

    def end_script(self) -> bool:
        """End the script that runs now, which gets its answer; whether there was one.

        Raises
        ------
        NestdError
            As :meth:`ask` does. It waits in no queue.
        """
        return bool(self._exchange(EndScript(new_name()), "the end of a script").value)

    def notify(self, message: Submit | Cancel | Watch) -> None:
        """Send what nobody waits for the answer of. Messages arrive in the order of the calls.

        Raises
        ------
        KernelUnavailable
            If there is no kernel.
        """
        info = self.needed_info()
        with self._notices_lock:
            channel = self._notices
            if channel is None or channel.info != info or not channel.is_alive():
                if channel is not None:
                    channel.close()
                self._notices = None
                channel = self._notices = Channel(self._context, info)
            channel.drop_answers()
            channel.send(frames.encode(message))

    def refuse_if_full(self, also: int = 0) -> None:
        """Raise if one more operation is one too many.

        Parameters
        ----------
        also : operations that wait besides those whose callers do

        Raises
        ------
        QueueFull
            If as many wait as may.
        """
        waiting = len(self._pending) + also
        if waiting >= self._queue_limit:
            raise QueueFull(
                f"{waiting} requests are waiting for the kernel, which is as many as may; "
                "try again later",
                retry_after_s=1,
            )

    def refuse_if_stopping(self) -> None:
        """Raise if the kernel takes nothing new any more.

        Raises
        ------
        KernelUnavailable
            If it ends after what it is at.
        """
        if self.status().stopping:
            raise KernelUnavailable("the server stops and takes nothing new", retry_after_s=5)

    def needed_info(self) -> ConnectionInfo:
        """What the connection file says now.

        Raises
        ------
        KernelUnavailable
            If there is no kernel.
        """
        info = self.info()
        if info is None:
            raise KernelUnavailable(
                "there is no kernel at the moment; it is starting, or restarting after a fault",
                retry_after_s=1,
            )
        return info

    def _exchange(self, command: Request, what: str, caller: Caller | None = None) -> Result:
        info = self.needed_info()
        encoded = frames.encode(command)

        def give_up() -> None:
            log.info("the caller of %s has hung up; it is cancelled", what)
            with contextlib.suppress(NestdError):
                self.notify(Cancel(new_name(), command.id, "its caller has hung up"))

        channel = self._channel(info)
        try:
            received = channel.exchange(encoded, caller, give_up)
        except BaseException:
            channel.close()
            raise
        if received is None:
            channel.close()
            raise self._lost(info, command, what)
        self._idle.append(channel)
        message = frames.decode(received)
        if isinstance(message, Failure):
            raise message.error
        if not isinstance(message, Result) or message.id != command.id:
            raise InternalError("the kernel's answer belongs to another command")
        return message

    def _channel(self, info: ConnectionInfo) -> Channel:
        """An idle channel to the kernel of ``info``, or a new one."""
        while True:
            try:
                # The one used last: its memory is warm, and the others' can grow cold.
                channel = self._idle.pop()
            except IndexError:
                return Channel(self._context, info)
            if channel.info == info and channel.is_alive():
                return channel
            channel.close()

    def _lost(self, info: ConnectionInfo, command: Request, what: str) -> NestdError:
        """The error for a command that the kernel of ``info`` took with it."""
        call = command.operation.call if isinstance(command, Command) else None
        return self.lost(info, what if what != "script" else "a script", call or None)

    def lost(self, info: ConnectionInfo, what: str, call: str | None) -> NestdError:
        """The error for what the kernel of ``info`` took with it.

        Parameters
        ----------
        info : of a kernel that has ended
        what : it was at, for a person
        call : the PyNEST call, if it was one
        """
        last_words = self._last_words(info)
        if last_words is not None:
            return last_words
        how = self._how_it_ended(info)
        log.error("kernel %s was lost during %s: %s", info.generation, what, how or "cause unknown")
        # Without a supervisor nobody says how, and nobody starts another kernel.
        said = f"the connection to the kernel was lost during {what}, and its network with it"
        if how is not None:
            said = f"the kernel ended with {how} during {what}; its network is lost and a new "
            said += "kernel starts"
        return KernelLost(said, call=call, retry_after_s=2)

    def _last_words(self, info: ConnectionInfo) -> NestdError | None:
        """What a rank of the kernel of ``info`` wrote before it ended the job, if one did."""
        try:
            said = json.loads((self._path.parent / LAST_WORDS_FILE).read_bytes())
            if said["generation"] == info.generation:
                return error_from_facts(said["error"])
        except (OSError, ValueError, KeyError, ProtocolError):
            return None
        return None

    def _how_it_ended(self, info: ConnectionInfo) -> str | None:
        """The end of the kernel of ``info``, from its supervisor, who learns of it as we do;
        ``None`` if no supervisor says anything."""

        def look() -> str | None:
            try:
                note = json.loads(self._exit_file.read_bytes())
                if note["pid"] == info.pid and note["start_ticks"] == info.start_ticks:
                    return str(note["how"])
            except (OSError, ValueError, KeyError):
                # Not written yet, or about another kernel, or by no supervisor of ours.
                return None
            return None

        return poll_until(look, EXIT_NOTE_DEADLINE_S)

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()
        if self._notices is not None:
            self._notices.close()
            self._notices = None
        self._context.destroy(linger=0)


def name_is_taken(name: str) -> MalformedRequest:
    """The error for a name that another job has."""
    return MalformedRequest(f"there is a job {name} already; X-Job-ID must be a new name each time")
