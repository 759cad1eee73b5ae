"""Handler that passes lines of the log on, such as to subscribers of events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from protocol.logging import lines

#: Length of a line that is passed on.
_LINE_CHARACTERS = 2000


class LogForwarder(logging.Handler):
    """Handler that publishes each line: its level in lower case, and its text with its fields.

    Lines of the thread that has made the handler are published, or of all threads: a ZeroMQ socket
    belongs to one thread. Tracebacks stay in the log.

    Parameters
    ----------
    publish : is called with level and text
    any_thread : whether ``publish`` may be called by any thread
    """

    def __init__(self, publish: Callable[[str, str], None], any_thread: bool = False) -> None:
        super().__init__(logging.INFO)
        self._publish = publish
        self._thread = None if any_thread else threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Publish the line of ``record``."""
        if self._thread in (None, threading.get_ident()):
            fields = lines.line(getattr(record, "fields", {}), lines.TEXT)
            text = f"{record.getMessage()} {fields}".rstrip()
            self._publish(record.levelname.lower(), text[:_LINE_CHARACTERS])
