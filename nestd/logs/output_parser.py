"""Parser for what programs print that is no line of the log: messages of NEST, tracebacks."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A message of NEST, in one line:
#: ``[INFO] [2026-11-27 23:45:00 …/node_manager.cpp:658 @ NodeManager::prepare_nodes] Preparing …``.
_NEST = re.compile(
    r"\[(?P<level>[A-Z]+)\] \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    r" ?(?:\S+ @ )?(?P<where>[^\]]*)\] ?(?P<rest>.*)"
)
#: Before NEST 3.9: ``Nov 27 23:45:00 NodeManager::prepare_nodes [Info]: ``, and indented lines.
_OLDER_NEST = re.compile(
    r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?P<where>\S.*?) \[(?P<level>\w+)\]:(?P<rest>.*)"
)
_LEVELS = {
    "warning": "warning",
    "deprecated": "warning",
    "error": "error",
    "fatal": "error",
}
#: A message of more characters is split.
_LONGEST = 1 << 16
_TRACEBACK = "Traceback (most recent call last):"


@dataclass
class PrintedEvent:
    """Event made of one or several printed lines."""

    message: str
    level: str = "info"
    #: Whether it is a message of NEST.
    is_nest: bool = False
    #: The function of NEST that printed it, where NEST was built to name it.
    where: str = ""
    #: Further lines of a traceback.
    trace: str = ""


class OutputParser:
    """Parser of the lines of one source, in their order."""

    def __init__(self) -> None:
        self._open: PrintedEvent | None = None

    def add(self, text: str) -> list[PrintedEvent]:
        """Take a line, and return the events that are complete with it."""
        stripped = text.strip()
        complete: list[PrintedEvent] = []
        event = self._open
        if event is not None and len(event.message) + len(event.trace) > _LONGEST:
            complete += self.flush()
            event = None
        if event is not None:
            if event.trace:
                event.trace += f"\n{text}"
                # The last line names the error, and is not indented.
                if stripped and not text.startswith(" "):
                    event.message = stripped
                    complete += self.flush()
                return complete
            if text.startswith("    ") and stripped:
                event.message = f"{event.message} {stripped}".strip()
                return complete
            complete += self.flush()
        match = _NEST.fullmatch(text) or _OLDER_NEST.fullmatch(text)
        if match is not None:
            level = _LEVELS.get(match["level"].lower(), "info")
            self._open = PrintedEvent(match["rest"].strip(), level, True, match["where"])
        elif stripped == _TRACEBACK:
            self._open = PrintedEvent(stripped, "error", trace=text)
        elif stripped:
            complete.append(PrintedEvent(stripped))
        return complete

    def flush(self) -> list[PrintedEvent]:
        """Return the event that has begun and is complete, as no line follows."""
        event, self._open = self._open, None
        return [] if event is None else [event]
