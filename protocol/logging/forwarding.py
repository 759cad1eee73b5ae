"""What a process logs, told to others as well."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from protocol.logging import lines

#: Of a line that others are told.
_LINE_CHARACTERS = 2000


class LogForwarder(logging.Handler):
    """Tells of each line that is logged: its level in lower case, and its text
    with its fields.

    Told are the lines of the thread that has made this, or of all threads; a ZeroMQ socket, for
    one, belongs to one thread. Tracebacks stay in the log.

    Parameters
    ----------
    tell : is called with both
    any_thread : whether ``tell`` may be called by any thread
    """

    def __init__(self, tell: Callable[[str, str], None], any_thread: bool = False) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self._thread = None if any_thread else threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of one line."""
        if self._thread in (None, threading.get_ident()):
            fields = lines.line(getattr(record, "fields", {}), lines.TEXT)
            text = f"{record.getMessage()} {fields}".rstrip()
            self._tell(record.levelname.lower(), text[:_LINE_CHARACTERS])
