"""Pool of channels to the kernel: idle ones, and new ones after a network was cut."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import zmq

from protocol.channel.channel import Channel, is_refused
from protocol.errors import ConfigurationError, KernelUnavailable, LinkLost
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory
from protocol.security.curve_keys import KeyPair, gateway_keys
from protocol.wire.messages import Request, Task

log = logging.getLogger(__name__)

#: Time between two attempts to reach a kernel over a network that was cut.
_RECONNECT_S = 0.5


class ChannelPool:
    """Channels to the present kernel.

    Safe for any number of threads.

    Parameters
    ----------
    directory : of the connection file, and of the keys
    limit : sockets that may be open at once
    link_s : time for which a network may be cut before callers are told; ``None`` without a limit
    """

    def __init__(self, directory: Path, limit: int, link_s: float | None) -> None:
        self._directory = directory
        self._link_s = link_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, limit)
        self._idle: deque[Channel] = deque()
        self._keys: KeyPair | None = None

    def keys(self, info: ConnectionInfo) -> KeyPair | None:
        """Return the keys that are in the directory, if the kernel of ``info`` asks for some.

        Raises
        ------
        KernelUnavailable
            If they can't be made or read.
        """
        if info.is_linked and self._keys is None:
            try:
                self._keys = gateway_keys(RuntimeDirectory(self._directory))
            except ConfigurationError as error:
                raise KernelUnavailable(error.message) from error
        return self._keys

    def new(self, info: ConnectionInfo) -> Channel:
        """Return a new channel to the kernel of ``info``, for one user alone.

        Raises
        ------
        KernelUnavailable
            If it does not accept connections.
        """
        return Channel(self._context, info, self.keys(info))

    def take(self, info: ConnectionInfo) -> Channel:
        """Return an idle channel to the kernel of ``info``, or a new one.

        Raises
        ------
        KernelUnavailable
            If it does not accept connections.
        """
        while True:
            try:
                # The channel used last has warm memory.
                channel = self._idle.pop()
            except IndexError:
                return self.new(info)
            if channel.info == info and channel.is_alive():
                return channel
            channel.close()

    def give_back(self, channel: Channel) -> None:
        """Return ``channel`` to the pool."""
        self._idle.append(channel)

    def reconnect(
        self,
        info: ConnectionInfo,
        present: Callable[[], ConnectionInfo | None],
        command: Request,
        label: str,
    ) -> Channel | None:
        """Return a new channel after a connection was lost; ``None`` if the kernel has ended.

        Parameters
        ----------
        info : of the kernel
        present : gives the present kernel
        command : that is to be sent again
        label : of the command, for a person

        Raises
        ------
        LinkLost
            If the network stays cut, or nobody knows whether the command was executed.
        """
        lost_s = time.monotonic()
        is_logged = False
        while True:
            kernel = present()
            if kernel is None or kernel.generation != info.generation:
                return None
            with contextlib.suppress(KernelUnavailable):
                channel = self.new(info)
                if is_logged:
                    log.warning("the network to kernel %s is back", info.generation)
                if isinstance(command, Task):
                    return channel
                self.give_back(channel)
                raise LinkLost(f"the network was cut during {label}, and is back: ask again")
            if is_refused(info.command_endpoint):
                return None
            if not is_logged:
                is_logged = True
                log.warning("the network to kernel %s on %s is cut", info.generation, info.host)
            if self._link_s is not None and time.monotonic() - lost_s > self._link_s:
                raise LinkLost(
                    f"the network to the kernel on {info.host} is cut since more than "
                    f"{self._link_s:g} s; whether {label} was executed, or still is, is not known "
                    "here, and its answer goes nowhere; "
                    f"DELETE /jobs/{command.id} ends it when the network is back",
                    retry_after_s=5,
                )
            # Nothing signals that a network is back.
            time.sleep(_RECONNECT_S)

    def close_idle(self) -> None:
        """Close the channels that nobody uses."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def close(self) -> None:
        """Close all channels, idle or not."""
        self.close_idle()
        self._context.destroy(linger=0)
