"""Operations sent to nestd itself, without a gateway.

For clients that can read the server's connection file: on its machine, or with its keys. A call
then takes two hand-overs fewer. What the gateway keeps, such as jobs and files, is asked for over
HTTP.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from nest_remote import forks
from nest_remote.calls.blocking import DELAY_S, END_S, LOOK_S, can_show, interrupted, look, too_late
from nest_remote.calls.progress_bar import ProgressBar
from nest_remote.http.connection import HttpConnection
from nest_remote.http.lease import CLIENT_HEADER
from nest_remote.session import unsendable
from nest_remote.warned import tell
from protocol.channel.channel import Channel, KernelEnded
from protocol.channel.link import KernelLink
from protocol.channel.present_kernel import PresentKernel
from protocol.errors import NestdError, ProtocolError
from protocol.logging.context import RequestContext
from protocol.runtime.job_store import new_name
from protocol.runtime.paths import RuntimeDirectory
from protocol.wire import frames
from protocol.wire.messages import Batch, Cancel, Command, Operation, required_result
from protocol.wire.values import Reference, Value

# What it says is in the exception; Python would print it, too, where a program sets up no log.
logging.getLogger("protocol.channel").addHandler(logging.NullHandler())

#: Channels that may be open, one for each thread that calls at the same time, with its monitor.
_SOCKETS = 1024
#: For which a network may be cut before a caller is told.
_LINK_S = 60.0


#: Links of the parent of this process.
_inherited: list[KernelLink] = []


class DirectLink:
    """Link of one client to the kernel of a server. Safe for threads; each call has a socket.

    A forked process has sockets of its own.

    Parameters
    ----------
    server : directory of the server
    connection : to its gateway
    """

    def __init__(self, server: RuntimeDirectory, connection: HttpConnection) -> None:
        self._server = server
        #: To the gateway, for what it keeps.
        self.connection = connection
        self._kernel = PresentKernel(server.connection_file)
        self._open()
        forks.watch(self)

    @classmethod
    def to(cls, server: RuntimeDirectory | None, connection: HttpConnection) -> DirectLink | None:
        """Return the link to a server; ``None`` if its kernel can't be reached from here."""
        if server is None:
            return None
        link = cls(server, connection)
        try:
            info = link._kernel.info()
            if info is not None:
                channels = link._link.channels
                channels.give_back(channels.take(info))
        except NestdError:
            link.close()
            return None
        return link

    def execute(
        self,
        asked: Operation | list[Operation],
        label: str,
        shows: bool,
        convert: Callable[[Any], Value],
        reference: Callable[[Reference], Any],
    ) -> Any:
        """Execute an operation, or several with none of others in between; return the value.

        Ctrl-C cancels it, waits for its end, and raises ``KeyboardInterrupt``; a second one does
        not wait.

        Parameters
        ----------
        asked : what to do
        label : of it, for a person
        shows : whether a bar shows how far it is, if it takes longer than a second and is seen
        convert, reference : see :meth:`nest_remote.session.Transport.execute`

        Raises
        ------
        NestdError
            What the kernel says.
        TypeError, OverflowError
            If an argument is of a kind that can't be sent.
        """
        info = self._kernel.required_info()
        id = new_name()
        client = self.connection.lease.headers[CLIENT_HEADER]
        origin = RequestContext(id, client=client, direct=True)
        task: Command | Batch
        if isinstance(asked, Operation):
            task = Command(id, asked, True, context=origin)
        else:
            task = Batch(id, asked, True, origin)

        def converse(channel: Channel, encoded: list[Any]) -> list[Any] | None:
            try:
                channel.send(encoded)
                try:
                    return self._wait(channel, id, label, shows)
                except KeyboardInterrupt:
                    _cancel(channel, id, label)
            except KernelEnded:
                return None
            # Out here it has no traceback of the wait.
            raise KeyboardInterrupt(interrupted(label))

        try:
            result = required_result(
                self._link.exchange(info, task, label, converse, convert, reference)
            )
        except ProtocolError as error:
            raise unsendable(label, error) from error
        except NestdError as error:
            tell(error.warnings)
            raise
        tell(result.warnings)
        return result.value

    def _wait(self, channel: Channel, id: str, label: str, shows: bool) -> list[Any] | None:
        if not (shows and can_show()):
            return channel.receive(None)
        received = channel.receive(int(DELAY_S * 1000))
        if received is not None:
            return received
        with ProgressBar(label) as bar:
            while received is None:
                job = look(self.connection, id)
                if job is not None:
                    bar.show(job)
                received = channel.receive(int(LOOK_S * 1000))
            bar.complete()
        return received

    def _open(self) -> None:
        server = self._server
        self._link = KernelLink(self._kernel, server.path, server.exit_file, _SOCKETS, _LINK_S)
        self._closing = weakref.finalize(self, self._link.close)

    def fork_locks(self) -> Iterable[threading.Lock]:
        """Return no lock."""
        return ()

    def begin_anew(self) -> None:
        """Leave the sockets to the parent; see :class:`nest_remote.forks.Inherited`."""
        if self._closing.detach() is not None:
            # To close what libzmq has of the parent waits for the parent's threads, for ever.
            _inherited.append(self._link)
            self._open()

    def close(self) -> None:
        """Close the sockets that no call uses; the others close after their calls."""
        self._link.channels.close_idle()


def _cancel(channel: Channel, id: str, label: str) -> None:
    """End what was sent over ``channel``, and wait for its end.

    Raises
    ------
    KeyboardInterrupt
        If it has not ended in time, or the next Ctrl-C came.
    """
    channel.send(frames.encode(Cancel(new_name(), id, "its caller has interrupted it")))
    until_s = time.monotonic() + END_S
    while (left_s := until_s - time.monotonic()) > 0:
        received = channel.receive(int(left_s * 1000) + 1)
        # The other answer is that to the cancellation.
        if received is not None and getattr(frames.decode(received), "id", None) == id:
            return
    raise KeyboardInterrupt(too_late(label))
