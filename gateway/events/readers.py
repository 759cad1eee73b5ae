"""Readers of events, and how many there may be."""

from __future__ import annotations

import threading

from protocol.errors import QueueFull

#: Readers of events at once; each keeps a thread.
READER_LIMIT = 32


class EventReaders:
    """Count of the readers of events. Safe for any number of threads.

    Parameters
    ----------
    limit : readers that there may be at once
    """

    def __init__(self, limit: int = READER_LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        #: Readers at the moment.
        self.count = 0

    def admit(self) -> None:
        """Count one more reader.

        Raises
        ------
        QueueFull
            If there are as many readers as may be.
        """
        with self._lock:
            if self.count >= self._limit:
                raise QueueFull(
                    f"there are {self._limit} readers of events already", retry_after_s=5
                )
            self.count += 1

    def release(self) -> None:
        """Count one reader less."""
        with self._lock:
            self.count -= 1
