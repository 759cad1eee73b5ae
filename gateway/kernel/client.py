"""Client of the kernel: sends commands, batches and scripts, and waits for their answers."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.kernel.client_disconnect import ClientDisconnect
from gateway.kernel.interface import KernelInterface
from gateway.kernel.notices import NoticeSender
from gateway.kernel.pending import PendingRequest, PendingRequests, label_of
from gateway.kernel.status import KernelStatus
from protocol.channel.channel import Channel
from protocol.channel.deadline import Deadline, WaitLimit
from protocol.channel.link import KernelLink
from protocol.errors import (
    KernelUnavailable,
    LinkLost,
    NestdError,
    Unavailable,
)
from protocol.logging import context
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.job_store import new_name
from protocol.wire.messages import (
    Action,
    Cancel,
    Command,
    EndScript,
    LeaseNotice,
    ListRecorders,
    Operation,
    Request,
    Result,
    Submit,
    Task,
    Watch,
    required_result,
)

log = logging.getLogger(__name__)

#: How long to wait for an answer that waits in no queue.
_RECORDERS_S = 2.0


class KernelClient:
    """Client of the kernel that the connection file names at the moment.

    Safe for any number of threads. Methods that wait for an answer raise what :meth:`ask` raises.

    Parameters
    ----------
    path : the connection file
    exit_file : where a supervisor notes how the last kernel ended
    queue_limit : requests that may be under way at once
    link_s : time for which a network may be cut before callers are told; ``None`` without a limit
    """

    def __init__(
        self, path: Path, exit_file: Path, queue_limit: int, link_s: float | None = 60.0
    ) -> None:
        self.status = KernelStatus(path)
        self.requests = PendingRequests(queue_limit)
        self.link = KernelLink(self.status, path.parent, exit_file, 4 * queue_limit + 64, link_s)
        self._notices = NoticeSender(self.link.channels)
        self._interface: KernelInterface | None = None

    def interface(self) -> KernelInterface:
        """Return the kernel's interface, without waiting for a kernel that computes."""
        info, known = self.status.required_info(), self._interface
        if known is None or known.generation != info.generation:
            known = KernelInterface.of(self.status.files, info, self.execute)
            self._interface = known
        return known

    def known(self, operation: Operation) -> Result | None:
        """Return the answer to ``operation`` if the kernel need not be asked for it."""
        if operation.action not in (Action.DESCRIBE, Action.INSPECT):
            return None
        interface = self.interface()
        value = interface.answer(operation)
        return None if value is None else Result("", interface.generation, value)

    def execute(self, operation: Operation) -> Result:
        """Have the kernel execute ``operation``, with kernel objects answered by their contents."""
        return self.ask(Command(new_name(), operation, context=context.current_request()))

    def ask(self, task: Task, caller: ClientDisconnect | None = None) -> Result:
        """Have the kernel execute ``task`` and wait for the answer.

        Parameters
        ----------
        task : a command, a batch or a script
        caller : who waits for the answer; the task is cancelled when the caller hangs up

        Raises
        ------
        MalformedRequest
            If another request has the name of the task.
        QueueFull
            If as many requests are under way as may; this one was not sent.
        KernelUnavailable
            If there is no kernel; the task was not executed.
        KernelLost
            If the kernel died while it had the task.
        NestdError
            What the kernel raised.
        """
        # The kernel that the request is registered for executes it, or none.
        info = self.status.required_info()
        label = label_of(task)
        self.requests.add(PendingRequest(task.id, label, time.time(), info.generation))
        try:
            return self._exchange(info, task, label, caller)
        except LinkLost:
            self.requests.abandon(task.id)
            raise
        finally:
            self.requests.remove(task.id)

    def end_script(self) -> bool:
        """End the script that runs now. Return whether one did."""
        info = self.status.required_info()
        return bool(self._exchange(info, EndScript(new_name()), "the end of a script").value)

    def recorders(self) -> list[tuple[int, int, str]]:
        """Return first id, last id and model of each range of recorders.

        Raises
        ------
        Unavailable
            If the kernel executes a call that can't be interrupted.
        """

        def give_up() -> None:
            raise Unavailable(
                "what is executed now can't be interrupted to look for recorders", retry_after_s=2
            )

        request, deadline = ListRecorders(new_name()), Deadline(_RECORDERS_S)
        info = self.status.required_info()
        ranges: Any = self._exchange(info, request, "a look for recorders", deadline, give_up).value
        return [(first, last, model) for first, last, model in ranges]

    def notify(
        self, message: Submit | Cancel | Watch | LeaseNotice, kernel: ConnectionInfo | None = None
    ) -> None:
        """Send ``message`` without waiting. Messages arrive in the order of the calls.

        Parameters
        ----------
        message : to be sent
        kernel : the recipient; ``None`` for the present kernel

        Raises
        ------
        KernelUnavailable
            If the kernel is not there.
        """
        self._notices.send(message, kernel or self.status.required_info())

    def check(self) -> ConnectionInfo:
        """Return the kernel if it takes commands, now or after the present one.

        Raises
        ------
        KernelUnavailable
            If there is none.
        """
        info = self.status.required_info()
        if info.is_linked:
            # A process on another host can't be looked up, so connect to it.
            self.link.channels.give_back(self.link.channels.take(info))
        elif info.is_local and not info.process.is_running():
            raise KernelUnavailable("there is no kernel at the moment", retry_after_s=1)
        return info

    def _exchange(
        self,
        info: ConnectionInfo,
        command: Request,
        label: str,
        caller: WaitLimit | None = None,
        give_up: Callable[[], None] | None = None,
    ) -> Result:
        def cancel() -> None:
            log.info("the caller of %s has hung up; it is cancelled", label)
            with contextlib.suppress(NestdError):
                self.notify(Cancel(new_name(), command.id, "its caller has hung up"), info)

        def converse(channel: Channel, encoded: list[Any]) -> list[Any] | None:
            return channel.exchange(encoded, caller, give_up or cancel)

        return required_result(self.link.exchange(info, command, label, converse))

    def close(self) -> None:
        """Close all connections."""
        self._notices.close()
        self.link.close()
