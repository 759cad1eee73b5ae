"""What the gateway asks of the kernel, and what it has asked for."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.http.deadline import ClientDisconnect, Deadline
from gateway.kernel.channel import Channel
from gateway.kernel.exit_reason import ExitReasons
from gateway.kernel.pool import Channels
from gateway.kernel.status import KernelStatus
from protocol.api_description import ApiDescription
from protocol.errors import (
    InternalError,
    KernelUnavailable,
    LinkLost,
    MalformedRequest,
    NestdError,
    QueueFull,
    Unavailable,
)
from protocol.logging import context
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.job_store import new_name
from protocol.wire import frames
from protocol.wire.messages import (
    Action,
    Batch,
    Cancel,
    Command,
    EndScript,
    Failure,
    ListRecorders,
    Operation,
    Request,
    Result,
    Script,
    Submit,
    Task,
    Watch,
)

log = logging.getLogger(__name__)

#: How long to wait for what waits in no queue.
_LOOK_S = 2.0


@dataclass(frozen=True)
class Pending:
    """A request whose caller waits for the answer."""

    id: str
    #: The PyNEST call, ``"batch"`` or ``"script"``.
    label: str
    #: When it came, seconds since 1970.
    since_s: float
    generation: str


class KernelClient(KernelStatus):
    """Executes operations on the kernel that the connection file names at the moment.

    Safe for any number of threads.

    Parameters
    ----------
    path : the connection file
    exit_file : where a supervisor says how the last kernel ended
    queue_limit : operations that may be under way at once
    link_s : time for which a network may be cut before callers are told; ``None`` without a limit
    """

    def __init__(
        self, path: Path, exit_file: Path, queue_limit: int, link_s: float | None = 60.0
    ) -> None:
        super().__init__(path)
        self.ends = ExitReasons(path.parent, exit_file)
        self._queue_limit = queue_limit
        self.channels = Channels(path.parent, 4 * queue_limit + 64, link_s)
        self._pending: dict[str, Pending] = {}
        #: The newest requests of this gateway, of which the kernel may still be said to be at one.
        self._own: deque[str] = deque(maxlen=1024)
        #: Those that nobody waits for any more, as the network was cut for too long.
        self._left: dict[str, Pending] = {}
        #: For what is sent without waiting, in order.
        self._notices: Channel | None = None
        self._notices_lock = threading.Lock()
        self._names: tuple[str, list[str]] | None = None
        self._interface: tuple[str, ApiDescription] | None = None

    @property
    def under_way(self) -> int:
        """Operations that have been sent and not yet answered."""
        return len(self._pending)

    def pending(self) -> list[Pending]:
        """The same, in the order in which they came; before them those that the kernel still has
        whose callers have learned that the network is cut."""
        with self._lock:
            pending, left = list(self._pending.values()), list(self._left.values())
        if left:
            info, status = self.info(), self.status()
            still = {status.id, *status.queue}
            left = [one for one in left if info and one.generation == info.generation]
            left = [one for one in left if one.id in still]
            with self._lock:
                self._left = {one.id: one for one in left}
        return [*left, *pending]

    def orphan(self) -> Pending | None:
        """What the kernel executes that this gateway has not sent, if it does: a job of the spool,
        or a request of a gateway that has ended, or has been replaced."""
        info, status = self.info(), self.status()
        if info is None or not status.id or status.id in self._own:
            return None
        return Pending(status.id, status.label, status.since_s, info.generation)

    def names(self) -> list[str]:
        """Sorted names of everything that can be called or read; asked once a kernel.

        Raises
        ------
        NestdError
            As :meth:`execute` does.
        """
        info, names = self.info(), self._names
        if info is None or names is None or names[0] != info.generation:
            result = self.execute(Operation(Action.LIST_NAMES), references=False)
            names = self._names = (result.generation, list(result.value))
        return names[1]

    def interface(self) -> tuple[str, ApiDescription]:
        """The kernel's generation, and what its calls take; asked once a kernel.

        Raises
        ------
        NestdError
            As :meth:`execute` does.
        """
        info, known = self.info(), self._interface
        if info is None or known is None or known[0] != info.generation:
            result = self.execute(Operation(Action.DESCRIBE_API), references=False)
            known = self._interface = (result.generation, ApiDescription.from_value(result.value))
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
        label = operation.call or operation.action.value
        return self.ask(
            lambda id: Command(id, operation, references, context=context.current_request()), label
        )

    def ask(
        self,
        make: Callable[[str], Task],
        label: str,
        caller: ClientDisconnect | None = None,
        name: str | None = None,
    ) -> Result:
        """Have the kernel execute a command or a batch, or run a script.

        Parameters
        ----------
        make : gives the message of a name
        what : the PyNEST call, ``"batch"`` or ``"script"``
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
        # It is executed by the kernel that it is said to be for, or by none.
        info = self.needed_info()
        pending = Pending(name, label, time.time(), info.generation)
        with self._lock:
            if name in self._pending:
                raise name_is_taken(name)
            self.refuse_if_full()
            self._pending[name] = pending
            self._own.append(name)
        try:
            return self._exchange(info, make(name), label, caller)
        except LinkLost:
            with self._lock:
                self._left[name] = pending
            raise
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
        info = self.needed_info()
        return bool(self._exchange(info, EndScript(new_name()), "the end of a script").value)

    def recorders(self) -> list[tuple[int, int, str]]:
        """First id, last id and model of each range of recorders.

        Raises
        ------
        Unavailable
            If the kernel is at something that it can't be interrupted in.
        NestdError
            As :meth:`ask` does. It waits in no queue.
        """

        def give_up() -> None:
            raise Unavailable(
                "what is executed now can't be interrupted to look for recorders", retry_after_s=2
            )

        request, patience = ListRecorders(new_name()), Deadline(_LOOK_S)
        info = self.needed_info()
        found: Any = self._exchange(info, request, "a look for recorders", patience, give_up).value
        return [(first, last, model) for first, last, model in found]

    def notify(
        self, message: Submit | Cancel | Watch, kernel: ConnectionInfo | None = None
    ) -> None:
        """Send what nobody waits for the answer of. Messages arrive in the order of the calls.

        Parameters
        ----------
        message : to be sent
        kernel : that it is for; ``None`` for the one that there is

        Raises
        ------
        KernelUnavailable
            If it is not there.
        """
        info = kernel or self.needed_info()
        with self._notices_lock:
            channel = self._notices
            if channel is None or channel.info != info or not channel.is_alive():
                if channel is not None:
                    channel.close()
                self._notices = None
                channel = self._notices = self.channels.new(info)
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

    def check(self) -> ConnectionInfo:
        """The kernel, which takes commands, now or after what it computes.

        Raises
        ------
        KernelUnavailable
            If there is none.
        """
        info = self.needed_info()
        if info.is_linked:
            # What runs on another host can't be looked at.
            self.channels.give_back(self.channels.take(info))
        elif info.is_local and not info.process.is_running():
            raise KernelUnavailable("there is no kernel at the moment", retry_after_s=1)
        return info

    def _exchange(
        self,
        info: ConnectionInfo,
        command: Request,
        label: str,
        caller: ClientDisconnect | Deadline | None = None,
        give_up: Callable[[], None] | None = None,
    ) -> Result:
        if info.is_linked and isinstance(command, Task):
            # It may have to be sent again.
            command = replace(command, delivery_id=new_name())
        encoded = frames.encode(command)

        def cancel() -> None:
            log.info("the caller of %s has hung up; it is cancelled", label)
            with contextlib.suppress(NestdError):
                self.notify(Cancel(new_name(), command.id, "its caller has hung up"), info)

        channel, is_sent = self.channels.take(info), False
        while True:
            received = None
            try:
                received = channel.exchange(encoded, caller, give_up or cancel)
            except BaseException as error:
                # What was sent before may have been executed, and is sent once more.
                if not (is_sent and isinstance(error, KernelUnavailable)):
                    channel.close()
                    raise
            is_sent = True
            if received is not None:
                break
            channel.close()
            again = None
            if info.is_linked:
                again = self.channels.again(info, self.info, command, label)
            if again is None:
                raise self._lost(info, command, label)
            channel = again
        self.channels.give_back(channel)
        message = frames.decode(received)
        if isinstance(message, Failure):
            raise message.error
        if not isinstance(message, Result) or message.id != command.id:
            raise InternalError("the kernel's answer belongs to another command")
        return message

    def _lost(self, info: ConnectionInfo, command: Request, label: str) -> NestdError:
        """The error for a command that the kernel of ``info`` took with it."""
        call = command.operation.call if isinstance(command, Command) else None
        label = f"a {label}" if isinstance(command, (Batch, Script)) else label
        return self.ends.lost(info, label, call or None)

    def close(self) -> None:
        """Close all connections."""
        if self._notices is not None:
            self._notices.close()
            self._notices = None
        self.channels.close()


def name_is_taken(name: str) -> MalformedRequest:
    """The error for a name that another job has."""
    return MalformedRequest(f"there is a job {name} already; X-Job-ID must be a new name each time")
