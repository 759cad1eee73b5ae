"""Link to the present kernel: sends a request, and returns the answer or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol.channel.channel import Channel
from protocol.channel.exit_reason import ExitReasons
from protocol.channel.pool import ChannelPool
from protocol.channel.present_kernel import PresentKernel
from protocol.errors import InternalError, KernelUnavailable, NestdError
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.job_store import new_name
from protocol.wire import frames
from protocol.wire.messages import (
    Batch,
    Command,
    Message,
    Request,
    Result,
    Script,
    Task,
)
from protocol.wire.values import Reference, Value

#: Sends frames over a channel and waits for the answer; ``None`` if the kernel died instead.
Converse = Callable[[Channel, list[Any]], list[Any] | None]


class KernelLink:
    """Link to the kernel that a connection file names at the moment.

    Safe for any number of threads.

    Parameters
    ----------
    kernel : of the connection file
    directory : of the connection file, and of the keys
    exit_file : where a supervisor notes how the last kernel ended
    sockets : that may be open at once
    link_s : time for which a network may be cut before callers are told; ``None`` without a limit
    """

    def __init__(
        self,
        kernel: PresentKernel,
        directory: Path,
        exit_file: Path,
        sockets: int,
        link_s: float | None,
    ) -> None:
        self._kernel = kernel
        self.exit_reasons = ExitReasons(directory, exit_file)
        self.channels = ChannelPool(directory, sockets, link_s)

    def exchange(
        self,
        info: ConnectionInfo,
        request: Request,
        label: str,
        converse: Converse,
        convert: Callable[[Any], Value] | None = None,
        reference: Callable[[Reference], Any] | None = None,
    ) -> Message:
        """Send ``request`` to the kernel of ``info`` and return its answer.

        See :func:`protocol.wire.messages.required_result`.

        Parameters
        ----------
        info : of the kernel
        request : to be sent
        label : of it, for a person
        converse : sends it over a channel and waits
        convert, reference : see :func:`protocol.wire.frames.encode` and
            :func:`~protocol.wire.frames.decode`; with ``reference``, arrays can be written to

        Raises
        ------
        ProtocolError
            If an argument has no form on the wire.
        KernelUnavailable
            If the kernel does not accept connections; the request was not executed.
        KernelLost
            If the kernel died while it had the request.
        LinkLost
            If the network to it stays cut.
        """
        if info.is_linked and isinstance(request, Task):
            # The network may be cut, and the command sent again.
            request = replace(request, delivery_id=new_name())
        encoded = frames.encode(request, convert)
        channel, is_sent = self.channels.take(info), False
        while True:
            received = None
            try:
                received = converse(channel, encoded)
            except BaseException as error:
                # A command that was sent before may have been executed, and is sent once more.
                if not (is_sent and isinstance(error, KernelUnavailable)):
                    channel.close()
                    raise
            is_sent = True
            if received is not None:
                break
            channel.close()
            new_channel = None
            if info.is_linked:
                new_channel = self.channels.reconnect(info, self._kernel.info, request, label)
            if new_channel is None:
                raise self._lost(info, request, label)
            channel = new_channel
        self.channels.give_back(channel)
        answer = frames.decode(received, reference, writable=reference is not None)
        if isinstance(answer, Result) and answer.id != request.id:
            raise InternalError("the kernel's answer belongs to another command")
        return answer

    def _lost(self, info: ConnectionInfo, request: Request, label: str) -> NestdError:
        """Return the error for a request that the kernel of ``info`` took with it."""
        call = request.operation.call if isinstance(request, Command) else None
        label = f"a {label}" if isinstance(request, (Batch, Script)) else label
        return self.exit_reasons.lost(info, label, call or None)

    def close(self) -> None:
        """Close all channels."""
        self.channels.close()
