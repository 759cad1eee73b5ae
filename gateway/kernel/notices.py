"""Messages to the kernel whose answers are not awaited."""

from __future__ import annotations

import threading

from protocol.channel.channel import Channel
from protocol.channel.pool import ChannelPool
from protocol.runtime.connection_file import ConnectionInfo
from protocol.wire import frames
from protocol.wire.messages import Cancel, LeaseNotice, Submit, Watch


class NoticeSender:
    """One channel for messages without an answer. Safe for any number of threads.

    Parameters
    ----------
    channels : to make the channel with
    """

    def __init__(self, channels: ChannelPool) -> None:
        self._channels = channels
        self._channel: Channel | None = None
        self._lock = threading.Lock()

    def send(self, message: Submit | Cancel | Watch | LeaseNotice, kernel: ConnectionInfo) -> None:
        """Send ``message`` to ``kernel``. Messages arrive in the order of the calls.

        Raises
        ------
        KernelUnavailable
            If the kernel is not there.
        """
        with self._lock:
            channel = self._channel
            if channel is None or channel.info != kernel or not channel.is_alive():
                if channel is not None:
                    channel.close()
                self._channel = None
                channel = self._channel = self._channels.new(kernel)
            channel.drop_answers()
            channel.send(frames.encode(message))

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
